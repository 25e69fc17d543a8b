// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/objects_reconcile.hpp"

#include <cerrno>
#include <utility>

#include "guard/snapshot/pack_scan.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

class Reconciliation {
 public:
  Reconciliation(PackDirectory& packs, ObjectIndex& index, std::vector<std::string>& notes)
      : packs_(packs), index_(index), notes_(notes) {}

  Result<Reconciled> run() {
    auto sizes = packs_.sizes();
    if (!sizes) return propagate(sizes);
    auto known = index_.packs();
    if (!known) return propagate(known);
    done_.sizes = std::move(*sizes);
    indexed_ = std::move(*known);
    if (done_.sizes == indexed_) return std::move(done_);
    auto updated = update();
    if (!updated && updated.error().code == ENOSPC && !lost_) updated = collect(updated.error());
    if (!updated) return propagate(updated);
    notes_.insert(notes_.end(), news_.begin(), news_.end());
    return std::move(done_);
  }

 private:
  Result<void> update() {
    return index_.transact(ObjectIndex::Durable::kNow, [&]() -> Result<void> {
      if (auto dropped = drop_lost(); !dropped) return dropped;
      return add_unknown();
    });
  }

  // The same without a change to the index, for when nothing was lost.
  Result<void> collect(const Error& full) {
    news_ = {full.message + "; the index is as it was"};
    collecting_ = true;
    return add_unknown();
  }

  // Forgets what was indexed and is not there any more.
  Result<void> drop_lost() {
    for (const auto& [number, to] : indexed_) {
      const auto file = done_.sizes.find(number);
      if (file != done_.sizes.end() && file->second >= to) continue;
      lost_ = true;
      auto count = file == done_.sizes.end() ? index_.forget(number)
                                             : index_.forget_beyond(number, file->second);
      if (!count) return propagate(count);
      const std::string what =
          file == done_.sizes.end() ? " is missing" : " is shorter than it was";
      news_.push_back(pack_path(number) + what + ": " + std::to_string(*count) +
                      " objects are gone, unless they are elsewhere");
    }
    // A crash while compacting may have left what is lost here in another pack as well.
    if (lost_) indexed_.clear();
    return {};
  }

  Result<void> add_unknown() {
    for (auto& [number, size] : done_.sizes) {
      const auto known = indexed_.find(number);
      const std::uint64_t from = known == indexed_.end() ? 0 : known->second;
      if (known != indexed_.end() && from == size) continue;
      auto whole = scan(number, from, size);
      if (!whole) return propagate(whole);
      const bool last = number == done_.sizes.rbegin()->first;
      if (last && *whole < size) {
        if (auto cut = cut_tail(number, *whole, size); !cut) return cut;
        size = *whole;
      }
      if (collecting_) continue;
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
      auto added = add(id, at);
      if (!added) return propagate(added);
      count += *added ? 1 : 0;
      return {};
    };
    visitor.flaw = [](const PackFlaw&) { return Result<void>(); };
    if (auto scanned = scan_pack((*fd)->get(), number, from, size, visitor); !scanned)
      return propagate(scanned);
    // Whoever wrote it may have died before its sync, and rows follow bytes.
    if (whole > from) {
      auto synced = tree::sync((*fd)->get(), pack_path(number));
      if (synced) synced = packs_.sync();
      if (!synced) return propagate(synced);
    }
    if (count > 0)
      news_.push_back(pack_path(number) + ": the index did not have " + std::to_string(count) +
                      " objects");
    return whole;
  }

  // False when the object has a place already.
  Result<bool> add(const ObjectId& id, const Location& at) {
    if (!collecting_) return index_.add(id, at);
    const auto known = index_.find(id);
    if (!known) return propagate(known);
    if (!*known) done_.unindexed.push_back({id, at});
    return !*known;
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
  std::vector<std::string> news_;  // not to be told when the update is undone
  bool lost_ = false;
  bool collecting_ = false;
  Reconciled done_;
  std::map<PackNumber, std::uint64_t> indexed_;
};

}  // namespace

Result<Reconciled> reconcile(PackDirectory& packs, ObjectIndex& index,
                             std::vector<std::string>& notes) {
  return Reconciliation(packs, index, notes).run();
}

}  // namespace mixguard::guard
