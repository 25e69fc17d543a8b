// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/objects_reconcile.hpp"

#include "guard/snapshot/pack_scan.hpp"

namespace mixguard::guard {
namespace {

class Reconciliation {
 public:
  Reconciliation(PackDirectory& packs, ObjectIndex& index, std::vector<std::string>& notes)
      : packs_(packs), index_(index), notes_(notes) {}

  // The sizes of the packs when all is done.
  Result<std::map<PackNumber, std::uint64_t>> run() {
    auto sizes = packs_.sizes();
    if (!sizes) return sizes;
    auto known = index_.packs();
    if (!known) return known;
    if (*sizes == *known) return sizes;
    sizes_ = std::move(*sizes);
    indexed_ = std::move(*known);
    auto done = index_.transact(ObjectIndex::Durable::kNow, [&]() -> Result<void> {
      if (auto dropped = drop_lost(); !dropped) return dropped;
      return add_unknown();
    });
    if (!done) return propagate(done);
    return sizes_;
  }

 private:
  // Forgets what was indexed and is not there any more.
  Result<void> drop_lost() {
    bool lost = false;
    for (const auto& [number, to] : indexed_) {
      const auto file = sizes_.find(number);
      if (file != sizes_.end() && file->second >= to) continue;
      lost = true;
      auto count =
          file == sizes_.end() ? index_.forget(number) : index_.forget_beyond(number, file->second);
      if (!count) return propagate(count);
      const std::string what = file == sizes_.end() ? " is missing" : " is shorter than it was";
      notes_.push_back(pack_path(number) + what + ": " + std::to_string(*count) +
                       " objects are gone, unless they are elsewhere");
    }
    // A crash while compacting may have left what is lost here in another pack as well.
    if (lost) indexed_.clear();
    return {};
  }

  Result<void> add_unknown() {
    for (auto& [number, size] : sizes_) {
      const auto known = indexed_.find(number);
      const std::uint64_t from = known == indexed_.end() ? 0 : known->second;
      if (known != indexed_.end() && from == size) continue;
      auto whole = scan(number, from, size);
      if (!whole) return propagate(whole);
      const bool last = number == sizes_.rbegin()->first;
      if (last && *whole < size) {
        if (auto cut = cut_tail(number, *whole, size); !cut) return cut;
        size = *whole;
      }
      if (auto set = index_.set_indexed(number, size); !set) return set;
    }
    return {};
  }

  // Adds the objects from there on. Returns where the flaws begin that reach to the end.
  Result<std::uint64_t> scan(PackNumber number, std::uint64_t from, std::uint64_t size) {
    auto fd = packs_.read(number);
    if (!fd) return propagate(fd);
    std::uint64_t whole = from;
    std::uint64_t count = 0;
    PackVisitor visitor;
    visitor.record = [&](const ObjectId& id, const Location& at) -> Result<void> {
      whole = at.end();
      auto added = index_.add(id, at);
      if (!added) return propagate(added);
      count += *added ? 1 : 0;
      return {};
    };
    visitor.flaw = [](const PackFlaw&) { return Result<void>(); };
    if (auto scanned = scan_pack((*fd)->get(), number, from, size, visitor); !scanned)
      return propagate(scanned);
    if (count > 0)
      notes_.push_back(pack_path(number) + ": the index did not have " + std::to_string(count) +
                       " objects; now it has");
    return whole;
  }

  // What was being written when the machine or the process stopped.
  Result<void> cut_tail(PackNumber number, std::uint64_t whole, std::uint64_t size) {
    if (auto cut = packs_.truncate(number, whole); !cut) return cut;
    notes_.push_back(pack_path(number) + ": the last " + std::to_string(size - whole) +
                     " bytes were no whole record and are cut off");
    return {};
  }

  PackDirectory& packs_;
  ObjectIndex& index_;
  std::vector<std::string>& notes_;
  std::map<PackNumber, std::uint64_t> sizes_;
  std::map<PackNumber, std::uint64_t> indexed_;
};

}  // namespace

Result<std::map<PackNumber, std::uint64_t>> reconcile(PackDirectory& packs, ObjectIndex& index,
                                                      std::vector<std::string>& notes) {
  return Reconciliation(packs, index, notes).run();
}

}  // namespace mixguard::guard
