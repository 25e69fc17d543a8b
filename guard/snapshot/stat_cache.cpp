// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/stat_cache.hpp"

#include <set>
#include <utility>

#include "guard/snapshot/bytes.hpp"
#include "guard/snapshot/sqlite.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using sqlite::Statement;

// Rows of another version are not found and made anew.
constexpr const char* kTables =
    "CREATE TABLE IF NOT EXISTS roots_1 (number INTEGER PRIMARY KEY, name BLOB NOT NULL UNIQUE);"
    "CREATE TABLE IF NOT EXISTS directories_1 (root INTEGER NOT NULL, path BLOB NOT NULL, row BLOB "
    "NOT NULL, PRIMARY KEY (root, path)) WITHOUT ROWID;"
    // Rows must not refer to an object that is not there any more.
    "CREATE TRIGGER IF NOT EXISTS lost_1 AFTER DELETE ON objects BEGIN DELETE FROM directories_1; "
    "END;";

void encode(const Stamp& stamp, std::string& bytes) {
  put_number(bytes, stamp.inode);
  put_number(bytes, stamp.ctime);
}

Stamp decode_stamp(ByteReader& reader) {
  Stamp stamp;
  stamp.inode = reader.number<std::uint64_t>();
  stamp.ctime = reader.number<std::int64_t>();
  return stamp;
}

// The paths below `top` lie between these two by bytes, '0' being the one after '/'.
struct Below {
  std::string first;
  std::string end;
};
Below below(const std::string& top) { return {top + "/", top + "0"}; }

Result<std::int64_t> number_of(sqlite3* index, const std::string& root) {
  auto select = Statement::prepare(index, "SELECT number FROM roots_1 WHERE name = ?1");
  if (!select) return propagate(select);
  auto found = select->bind_blob(1, root).step();
  if (!found) return propagate(found);
  if (*found) return select->integer(0);
  auto insert =
      Statement::prepare(index, "INSERT INTO roots_1 (name) VALUES (?1) RETURNING number");
  if (!insert) return propagate(insert);
  auto inserted = insert->bind_blob(1, root).step();
  if (!inserted) return propagate(inserted);
  const std::int64_t number = insert->integer(0);
  if (auto finished = insert->finish(); !finished) return propagate(finished);
  return number;
}

Result<void> remove_below(sqlite3* index, std::int64_t root, const std::string& top) {
  auto remove = Statement::prepare(
      index,
      "DELETE FROM directories_1 WHERE root = ?1 AND (path = ?2 OR (path > ?3 AND path < ?4))");
  if (!remove) return propagate(remove);
  const auto [first, end] = below(top);
  return remove->bind(1, root).bind_blob(2, top).bind_blob(3, first).bind_blob(4, end).finish();
}

}  // namespace

std::string encode(const CachedDirectory& directory) {
  std::string bytes;
  put_number(bytes, directory.device);
  encode(directory.stamp, bytes);
  encode(directory.self, bytes);
  for (const CachedEntry& cached : directory.entries) {
    encode(cached.stamp, bytes);
    encode(cached.entry, bytes);
  }
  return bytes;
}

RowReader::RowReader(std::string_view row) : reader_(row) {
  device_ = reader_.number<std::uint64_t>();
  stamp_ = decode_stamp(reader_);
  const auto self = view_entry(reader_);
  good_ = self.has_value();
  if (self) self_ = *self;
}

std::optional<RowReader::Item> RowReader::next() {
  if (!good_ || reader_.at_end()) return std::nullopt;
  Item item;
  item.stamp = decode_stamp(reader_);
  const auto entry = view_entry(reader_);
  good_ = entry.has_value();
  if (!entry) return std::nullopt;
  item.entry = *entry;
  return item;
}

std::optional<CachedDirectory> decode_directory(std::string_view row) {
  ByteReader reader(row);
  CachedDirectory directory;
  directory.device = reader.number<std::uint64_t>();
  directory.stamp = decode_stamp(reader);
  auto self = decode_entry(reader);
  if (!self) return std::nullopt;
  directory.self = std::move(*self);
  while (!reader.at_end()) {
    CachedEntry cached;
    cached.stamp = decode_stamp(reader);
    auto entry = decode_entry(reader);
    if (!entry) return std::nullopt;
    cached.entry = std::move(*entry);
    directory.entries.push_back(std::move(cached));
  }
  return directory;
}

Result<StatCache> StatCache::open(const Objects& objects, const std::string& root) {
  if (auto made = sqlite::run(objects.index(), kTables); !made) return propagate(made);
  auto number = number_of(objects.index(), root);
  if (!number) return propagate(number);
  return StatCache(objects.index(), *number);
}

Result<std::vector<CacheRow>> StatCache::rows(const std::string& top) const {
  const bool all = top.empty();
  auto select = Statement::prepare(
      index_, all ? "SELECT path, row FROM directories_1 WHERE root = ?1 ORDER BY path"
                  : "SELECT path, row FROM directories_1 WHERE root = ?1 AND (path = ?2 OR (path > "
                    "?3 AND path < ?4)) ORDER BY path");
  if (!select) return propagate(select);
  select->bind(1, root_);
  const auto [first, end] = below(top);
  if (!all) select->bind_blob(2, top).bind_blob(3, first).bind_blob(4, end);
  std::vector<CacheRow> rows;
  for (;;) {
    auto found = select->step();
    if (!found) return propagate(found);
    if (!*found) return rows;
    rows.push_back({std::string(select->blob(0)), std::string(select->blob(1))});
  }
}

// The listing in a row has those of the directories below it. So a row may be newer than those
// above it only when they are no longer taken for clean: after a capture of a part, or one that was
// killed between two updates.
Result<void> StatCache::distrust_above(const std::vector<std::string>& gone,
                                       const std::vector<CacheRow>& rows) {
  std::set<std::string> known;
  for (const CacheRow& row : rows) known.insert(row.path);
  std::set<std::string> above;
  const auto add_above = [&](std::string path) {
    while (!path.empty()) {
      path = tree::split(path).parent;
      if (!known.contains(path) && !above.insert(path).second) return;
    }
  };
  for (const std::string& path : gone) add_above(path);
  for (const CacheRow& row : rows) add_above(row.path);
  if (above.empty()) return {};
  auto select =
      Statement::prepare(index_, "SELECT row FROM directories_1 WHERE root = ?1 AND path = ?2");
  if (!select) return propagate(select);
  auto update =
      Statement::prepare(index_, "UPDATE directories_1 SET row = ?3 WHERE root = ?1 AND path = ?2");
  if (!update) return propagate(update);
  for (const std::string& path : above) {
    auto found = select->bind(1, root_).bind_blob(2, path).step();
    if (!found) return propagate(found);
    auto directory = *found ? decode_directory(select->blob(0)) : std::nullopt;
    select->reset();
    if (!directory || directory->stamp.ctime == 0) continue;
    directory->stamp.ctime = 0;
    const std::string row = encode(*directory);
    if (auto put = update->bind(1, root_).bind_blob(2, path).bind_blob(3, row).finish(); !put)
      return put;
  }
  return {};
}

Result<void> StatCache::update(const std::vector<std::string>& gone,
                               const std::vector<CacheRow>& rows) {
  auto transaction = sqlite::Transaction::begin(index_);
  if (!transaction) return propagate(transaction);
  if (auto distrusted = distrust_above(gone, rows); !distrusted) return distrusted;
  for (const std::string& top : gone) {
    if (auto removed = remove_below(index_, root_, top); !removed) return removed;
  }
  auto insert = Statement::prepare(
      index_, "INSERT OR REPLACE INTO directories_1 (root, path, row) VALUES (?1, ?2, ?3)");
  if (!insert) return propagate(insert);
  for (const auto& [path, row] : rows) {
    auto put = insert->bind(1, root_).bind_blob(2, path).bind_blob(3, row).finish();
    if (!put) return put;
  }
  return transaction->commit();
}

}  // namespace mixguard::guard
