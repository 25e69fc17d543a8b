// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/objects.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <mutex>
#include <optional>
#include <unordered_map>
#include <utility>

#include "guard/snapshot/objects_index.hpp"
#include "guard/snapshot/objects_reconcile.hpp"
#include "guard/snapshot/pack_record.hpp"
#include "guard/snapshot/pack_scan.hpp"
#include "guard/snapshot/packs.hpp"

namespace mixguard::guard {
namespace {

using Durable = ObjectIndex::Durable;

std::string index_path(const Store& store) { return store.path() + "/index.sqlite"; }

tl::unexpected<Error> damaged(const ObjectId& id, const Location& at, const std::string& what) {
  return fail("read object " + to_hex(id) + " in " + to_string(at) + ": " + what, EBADMSG);
}

using Sizes = std::map<PackNumber, std::uint64_t>;
using Entries = std::vector<ObjectIndex::Entry>;

void reach(Sizes& ends, const Location& at) {
  std::uint64_t& end = ends[at.pack];
  end = std::max(end, at.end());
}

// The content of a record, which must be that of the object.
Result<std::string> content_of(const std::string& record, const ObjectId& id, const Location& at) {
  const auto header = decode_header(record);
  if (!header) return damaged(id, at, "no record begins there");
  if (header->id != id) return damaged(id, at, "another object is there");
  auto content = unpack(*header, std::string_view(record).substr(RecordHeader::kSize));
  if (!content) return damaged(id, at, content.error().message);
  return content;
}

}  // namespace

ObjectId object_id_of(std::string_view content) { return {sha256(content)}; }
std::string to_hex(const ObjectId& id) { return hex(id.bytes); }

class Objects::Impl {
 public:
  // EBADMSG: the index is damaged.
  static Result<std::unique_ptr<Impl>> attach(const Store& store, std::vector<std::string> notes);

  const std::vector<std::string>& notes() const { return notes_; }
  sqlite3* connection() const { return index_.connection(); }

  Result<ObjectId> put(std::string_view content);
  Result<std::string> get(const ObjectId& id);
  Result<std::optional<Location>> find(const ObjectId& id);
  Result<void> commit();
  Result<Check> check();
  Result<std::uint64_t> compact(const std::function<bool(const ObjectId&)>& live);

 private:
  Impl(std::string path, PackDirectory packs, ObjectIndex index)
      : index_path_(std::move(path)),
        packs_(std::move(packs)),
        index_(std::move(index)),
        writer_(packs_, 1, 0) {}
  void start_from(const Reconciled& found);

  // With the lock held.
  Result<std::optional<Location>> place_of(const ObjectId& id);
  template <typename T>
  Result<T> watched(Result<T> result);
  Result<void> write_rows();
  Result<void> set_indexed_to(const Sizes& ends);

  Result<std::string> record_at(const Location& at);
  // Where the packs are damaged, each range up to the next record.
  using Flaws = std::map<PackNumber, std::vector<std::pair<std::uint64_t, std::uint64_t>>>;
  Result<void> check_pack(PackNumber number, std::uint64_t size, Flaws& flaws, Check& check);
  Result<void> check_rows(const Flaws& flaws, Check& check);
  std::string flaw_of_row(const ObjectIndex::Entry& entry);

  Result<std::uint64_t> compact_pack(PackNumber number, std::uint64_t size,
                                     const std::function<bool(const ObjectId&)>& live);
  Result<bool> is_sound(PackNumber number, std::uint64_t size, const Entries& entries);
  Result<void> copy(Entries& entries);
  Result<void> replace(PackNumber number, const Entries& moved);

  std::mutex mutex_;  // over all that is below
  std::string index_path_;
  std::vector<std::string> notes_;
  PackDirectory packs_;
  ObjectIndex index_;
  PackWriter writer_;
  std::unordered_map<ObjectId, Location, ObjectIdHash> added_;  // in the packs, not in the index
};

Result<std::unique_ptr<Objects::Impl>> Objects::Impl::attach(const Store& store,
                                                             std::vector<std::string> notes) {
  auto packs = PackDirectory::open(store);
  if (!packs) return propagate(packs);
  auto index = ObjectIndex::open(index_path(store));
  if (!index) return propagate(index);
  std::unique_ptr<Impl> impl(new Impl(index_path(store), std::move(*packs), std::move(*index)));
  impl->notes_ = std::move(notes);
  auto reconciled = reconcile(impl->packs_, impl->index_, impl->notes_);
  if (!reconciled) return propagate(reconciled);
  impl->start_from(*reconciled);
  return impl;
}

void Objects::Impl::start_from(const Reconciled& found) {
  if (const auto last = found.sizes.rbegin(); last != found.sizes.rend())
    writer_ = PackWriter(packs_, last->first, last->second);
  for (const ObjectIndex::Entry& entry : found.unindexed) added_.emplace(entry.id, entry.at);
}

Result<std::optional<Location>> Objects::Impl::place_of(const ObjectId& id) {
  if (const auto found = added_.find(id); found != added_.end())
    return std::optional(found->second);
  return watched(index_.find(id));
}

// An index that turns out to be damaged is removed, for the next open() to make it anew.
template <typename T>
Result<T> Objects::Impl::watched(Result<T> result) {
  if (result || result.error().code != EBADMSG) return result;
  if (auto removed = ObjectIndex::remove(index_path_); !removed) return propagate(removed);
  return fail(result.error().message + "; it is made anew when it is next opened", ESTALE);
}

Result<std::optional<Location>> Objects::Impl::find(const ObjectId& id) {
  const std::scoped_lock lock(mutex_);
  return place_of(id);
}

Result<ObjectId> Objects::Impl::put(std::string_view content) {
  if (content.size() > kLongest)
    return fail(
        "keep an object of " + std::to_string(content.size()) + " bytes: " + std::strerror(EFBIG),
        EFBIG);
  const ObjectId id = object_id_of(content);
  const auto known = find(id);
  if (!known) return propagate(known);
  if (*known) return id;
  const Packed packed = pack(id, content);
  const auto header = encode(packed.header);
  const std::scoped_lock lock(mutex_);
  if (added_.contains(id)) return id;  // by another thread meanwhile
  auto at = writer_.append({header.data(), header.size()}, packed.bytes);
  if (!at) return propagate(at);
  added_.emplace(id, *at);
  return id;
}

Result<std::string> Objects::Impl::get(const ObjectId& id) {
  const auto at = find(id);
  if (!at) return propagate(at);
  if (!*at) return fail("there is no object " + to_hex(id), ENOENT);
  auto record = record_at(**at);
  if (!record) return propagate(record);
  return content_of(*record, id, **at);
}

Result<std::string> Objects::Impl::record_at(const Location& at) {
  std::unique_lock lock(mutex_);
  if (auto gathered = writer_.gathered(at)) return std::move(*gathered);
  auto fd = packs_.read(at.pack);
  lock.unlock();
  // Not ENOENT: the object should be there.
  if (!fd && fd.error().code == ENOENT) return fail(fd.error().message, EBADMSG);
  if (!fd) return propagate(fd);
  return read_pack((*fd)->get(), at.pack, at.offset, at.record_size());
}

Result<void> Objects::Impl::commit() {
  const std::scoped_lock lock(mutex_);
  if (added_.empty()) return {};
  if (auto synced = writer_.sync(); !synced) return synced;
  auto written = watched(index_.transact(Durable::kSoon, [&] { return write_rows(); }));
  if (written) added_.clear();
  return written;
}

Result<void> Objects::Impl::write_rows() {
  Sizes ends;
  for (const auto& [id, at] : added_) {
    if (auto added = index_.add(id, at); !added) return propagate(added);
    reach(ends, at);
  }
  return set_indexed_to(ends);
}

Result<void> Objects::Impl::set_indexed_to(const Sizes& ends) {
  for (const auto& [number, end] : ends) {
    if (auto set = index_.set_indexed(number, end); !set) return set;
  }
  return {};
}

Result<Objects::Check> Objects::Impl::check() {
  Check check;
  auto sizes = packs_.sizes();
  if (!sizes) return propagate(sizes);
  Flaws flaws;
  for (const auto& [number, size] : *sizes) {
    check.bytes += size;
    if (auto checked = check_pack(number, size, flaws, check); !checked) return propagate(checked);
  }
  if (auto checked = check_rows(flaws, check); !checked) return propagate(checked);
  return check;
}

Result<void> Objects::Impl::check_pack(PackNumber number, std::uint64_t size, Flaws& flaws,
                                       Check& check) {
  auto fd = packs_.read(number);
  if (!fd) return propagate(fd);
  PackVisitor visitor;
  visitor.record = [&](const ObjectId& id, const Location& at) -> Result<void> {
    const auto place = find(id);
    if (!place) return propagate(place);
    if (*place == at) ++check.objects;
    if (!*place)
      check.damage.push_back({to_string(at), "object " + to_hex(id) + " is not in the index"});
    return {};
  };
  visitor.flaw = [&](const PackFlaw& flaw) -> Result<void> {
    check.damage.push_back({to_string(Location{number, flaw.from, 0}), flaw.what});
    flaws[number].emplace_back(flaw.from, flaw.to);
    return {};
  };
  return scan_pack((*fd)->get(), number, 0, size, visitor);
}

Result<void> Objects::Impl::check_rows(const Flaws& flaws, Check& check) {
  const auto is_damaged = [&](const Location& at) {
    const auto pack = flaws.find(at.pack);
    return pack != flaws.end() &&
           std::any_of(pack->second.begin(), pack->second.end(), [&](const auto& range) {
             return at.offset < range.second && range.first < at.offset + at.record_size();
           });
  };
  constexpr std::int64_t kAtOnce = 1024;
  std::optional<ObjectId> after;
  for (;;) {
    std::unique_lock lock(mutex_);
    const auto entries = watched(index_.objects_after(after, kAtOnce));
    lock.unlock();
    if (!entries) return propagate(entries);
    if (entries->empty()) return {};
    for (const ObjectIndex::Entry& entry : *entries) {
      const std::string flaw = flaw_of_row(entry);
      if (!flaw.empty()) check.damage.push_back({to_hex(entry.id), flaw});
      if (!flaw.empty() || is_damaged(entry.at)) check.lost.insert(entry.id);
    }
    after = entries->back().id;
  }
}

// Only where it points: what lies there is looked at with the pack.
std::string Objects::Impl::flaw_of_row(const ObjectIndex::Entry& entry) {
  Location start = entry.at;
  start.kept = 0;
  const auto bytes = record_at(start);
  const auto header = bytes ? decode_header(*bytes) : std::nullopt;
  if (header && header->id == entry.id && header->kept == entry.at.kept) return "";
  return "it should be in " + to_string(entry.at) + " and is not";
}

Result<std::uint64_t> Objects::Impl::compact(const std::function<bool(const ObjectId&)>& live) {
  if (auto committed = commit(); !committed) return propagate(committed);
  const std::scoped_lock lock(mutex_);
  auto sizes = packs_.sizes();
  if (!sizes) return propagate(sizes);
  // The pack that was being written may be among those to be removed.
  if (writer_.size() > 0) {
    if (auto begun = writer_.begin_new(); !begun) return propagate(begun);
  }
  std::uint64_t freed = 0;
  for (const auto& [number, size] : *sizes) {
    auto gained = compact_pack(number, size, live);
    if (!gained) return gained;
    freed += *gained;
  }
  return freed;
}

Result<std::uint64_t> Objects::Impl::compact_pack(
    PackNumber number, std::uint64_t size, const std::function<bool(const ObjectId&)>& live) {
  auto entries = watched(index_.objects_of(number));
  if (!entries) return propagate(entries);
  std::erase_if(*entries, [&](const ObjectIndex::Entry& entry) { return !live(entry.id); });
  std::uint64_t kept = 0;
  for (const ObjectIndex::Entry& entry : *entries) kept += entry.at.record_size();
  if (2 * kept >= size) return 0;
  auto sound = is_sound(number, size, *entries);
  if (!sound) return propagate(sound);
  if (!*sound) return 0;
  if (auto copied = copy(*entries); !copied) return propagate(copied);
  if (auto replaced = replace(number, *entries); !replaced) return propagate(replaced);
  if (auto removed = packs_.remove(number); !removed) return propagate(removed);
  return size - kept;
}

// True when all of the pack is sound records and the entries, in their order, are among them.
Result<bool> Objects::Impl::is_sound(PackNumber number, std::uint64_t size,
                                     const Entries& entries) {
  auto fd = packs_.read(number);
  if (!fd) return propagate(fd);
  bool flawless = true;
  auto next = entries.begin();
  PackVisitor visitor;
  visitor.record = [&](const ObjectId& id, const Location& at) -> Result<void> {
    if (next != entries.end() && next->id == id && next->at == at) ++next;
    return {};
  };
  visitor.flaw = [&](const PackFlaw&) -> Result<void> {
    flawless = false;
    return {};
  };
  if (auto scanned = scan_pack((*fd)->get(), number, 0, size, visitor); !scanned)
    return propagate(scanned);
  return flawless && next == entries.end();
}

// Appends the records to the pack that is being written; the entries say where, afterwards. Durable
// when it returns.
Result<void> Objects::Impl::copy(Entries& entries) {
  for (ObjectIndex::Entry& entry : entries) {
    auto fd = packs_.read(entry.at.pack);
    if (!fd) return propagate(fd);
    auto record = read_pack((*fd)->get(), entry.at.pack, entry.at.offset, entry.at.record_size());
    if (!record) return propagate(record);
    const std::string_view bytes = *record;
    auto at =
        writer_.append(bytes.substr(0, RecordHeader::kSize), bytes.substr(RecordHeader::kSize));
    if (!at) return propagate(at);
    entry.at = *at;
  }
  return writer_.sync();
}

// Points the index away from the pack, durably: a power cut must not bring rows back that lead to a
// pack which is gone.
Result<void> Objects::Impl::replace(PackNumber number, const Entries& moved) {
  Sizes ends;
  for (const ObjectIndex::Entry& entry : moved) reach(ends, entry.at);
  return watched(index_.transact(Durable::kNow, [&]() -> Result<void> {
    if (auto done = index_.move(moved); !done) return done;
    if (auto forgotten = index_.forget(number); !forgotten) return propagate(forgotten);
    return set_indexed_to(ends);
  }));
}

Objects::Objects(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Objects::Objects(Objects&&) noexcept = default;
Objects& Objects::operator=(Objects&&) noexcept = default;
Objects::~Objects() = default;

Result<Objects> Objects::open(const Store& store) {
  auto impl = Impl::attach(store, {});
  if (!impl && impl.error().code == EBADMSG) {
    if (auto removed = ObjectIndex::remove(index_path(store)); !removed) return propagate(removed);
    impl = Impl::attach(store, {impl.error().message + "; it is made anew from the packs"});
  }
  if (!impl) return propagate(impl);
  return Objects(std::move(*impl));
}

Result<void> Objects::drop_index(const Store& store) {
  return ObjectIndex::remove(index_path(store));
}

const std::vector<std::string>& Objects::notes() const { return impl_->notes(); }
Result<ObjectId> Objects::put(std::string_view content) { return impl_->put(content); }
Result<std::string> Objects::get(const ObjectId& id) const { return impl_->get(id); }

bool Objects::has(const ObjectId& id) const {
  const auto at = impl_->find(id);
  return at && *at;
}

std::uint64_t Objects::kept_size(const ObjectId& id) const {
  const auto at = impl_->find(id);
  return at && *at ? (*at)->record_size() : 0;
}

Result<void> Objects::commit() { return impl_->commit(); }
Result<Objects::Check> Objects::check() const { return impl_->check(); }

Result<std::uint64_t> Objects::compact(const std::function<bool(const ObjectId&)>& live) {
  return impl_->compact(live);
}

sqlite3* Objects::index() const { return impl_->connection(); }

}  // namespace mixguard::guard
