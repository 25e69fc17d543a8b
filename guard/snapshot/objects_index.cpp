// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/objects_index.hpp"

#include <sqlite3.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>
#include <utility>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using sqlite::Statement;

constexpr std::int64_t kVersion = 1;

std::string_view view_of(const ObjectId& id) {
  return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
}

// A row of id, pack, offset, kept. What cannot be one of ours is damage that SQLite does not see.
Result<ObjectIndex::Entry> entry_from(const Statement& row) {
  const std::string_view id = row.blob(0);
  const std::int64_t pack = row.integer(1);
  const std::int64_t offset = row.integer(2);
  const std::int64_t kept = row.integer(3);
  ObjectIndex::Entry entry;
  const bool sound = id.size() == entry.id.bytes.size() && pack >= 0 &&
                     std::in_range<PackNumber>(pack) && offset >= 0 && kept >= 0 &&
                     kept <= static_cast<std::int64_t>(Objects::kLongest);
  if (!sound) return fail("use the index of objects: a row makes no sense", EBADMSG);
  std::copy(id.begin(), id.end(), entry.id.bytes.begin());
  entry.at = {static_cast<PackNumber>(pack), static_cast<std::uint64_t>(offset),
              static_cast<std::uint32_t>(kept)};
  return entry;
}

Result<std::vector<ObjectIndex::Entry>> entries_of(Statement& statement) {
  std::vector<ObjectIndex::Entry> entries;
  for (;;) {
    const auto row = statement.step();
    if (!row) return propagate(row);
    if (!*row) return entries;
    auto entry = entry_from(statement);
    if (!entry) return propagate(entry);
    entries.push_back(*entry);
  }
}

Result<std::int64_t> version_of(sqlite3* database) {
  auto statement = Statement::prepare(database, "PRAGMA user_version");
  if (!statement) return propagate(statement);
  const auto row = statement->step();
  if (!row) return propagate(row);
  return statement->integer(0);
}

Result<void> make_tables(sqlite3* database) {
  auto transaction = sqlite::Transaction::begin(database);
  if (!transaction) return propagate(transaction);
  auto made = sqlite::run(
      database,
      "CREATE TABLE IF NOT EXISTS objects(id BLOB PRIMARY KEY, pack INTEGER NOT NULL, offset "
      "INTEGER NOT NULL, "
      "kept INTEGER NOT NULL) WITHOUT ROWID;"
      "CREATE TABLE IF NOT EXISTS packs(number INTEGER PRIMARY KEY, indexed_to INTEGER NOT NULL);"
      "PRAGMA user_version=1");
  if (!made) return made;
  return transaction->commit();
}

// Tables of an unknown make are as good as a damaged file: all they say is in the packs.
tl::unexpected<Error> not_ours(const std::string& path) {
  return fail("use " + path + ": its tables are not those of this version", EBADMSG);
}

}  // namespace

Result<ObjectIndex> ObjectIndex::open(const std::string& path) {
  auto database = sqlite::Database::open(path);
  if (!database) return propagate(database);
  auto version = version_of(database->get());
  if (!version) return propagate(version);
  if (*version != 0 && *version != kVersion) return not_ours(path);
  if (*version == 0) {
    if (auto made = make_tables(database->get()); !made) return propagate(made);
  }
  auto find = Statement::prepare(database->get(),
                                 "SELECT id, pack, offset, kept FROM objects WHERE id = ?");
  auto add = Statement::prepare(database->get(),
                                "INSERT INTO objects(id, pack, offset, kept) VALUES(?, ?, ?, ?) "
                                "ON CONFLICT(id) DO NOTHING");
  for (const auto* prepared : {&find, &add}) {
    if (!*prepared) return prepared->error().code == 0 ? not_ours(path) : propagate(*prepared);
  }
  ObjectIndex index(std::move(*database), std::move(*find), std::move(*add));
  if (auto packs = index.packs(); !packs)
    return packs.error().code == 0 ? not_ours(path) : propagate(packs);
  return index;
}

Result<void> ObjectIndex::remove(const std::string& path) {
  // The log first: it must not be taken for that of the next file.
  for (const char* ending : {"-wal", "-shm", ""}) {
    const std::string file = path + ending;
    if (::unlink(file.c_str()) < 0 && errno != ENOENT) return tree::fail_errno("remove", file);
  }
  return {};
}

Result<std::optional<Location>> ObjectIndex::find(const ObjectId& id) {
  const auto row = find_.bind_blob(1, view_of(id)).step();
  if (!row) return propagate(row);
  if (!*row) return std::optional<Location>();
  const auto entry = entry_from(find_);
  find_.reset();
  if (!entry) return propagate(entry);
  return std::optional(entry->at);
}

Result<std::vector<ObjectIndex::Entry>> ObjectIndex::objects_of(PackNumber pack) {
  auto statement = Statement::prepare(
      connection(), "SELECT id, pack, offset, kept FROM objects WHERE pack = ? ORDER BY offset");
  if (!statement) return propagate(statement);
  return entries_of(statement->bind(1, pack));
}

Result<std::vector<ObjectIndex::Entry>> ObjectIndex::objects_after(
    const std::optional<ObjectId>& after, std::int64_t count) {
  auto statement = Statement::prepare(
      connection(), "SELECT id, pack, offset, kept FROM objects WHERE id > ? ORDER BY id LIMIT ?");
  if (!statement) return propagate(statement);
  const std::string_view from = after ? view_of(*after) : std::string_view();
  return entries_of(statement->bind_blob(1, from).bind(2, count));
}

Result<std::map<PackNumber, std::uint64_t>> ObjectIndex::packs() {
  auto statement = Statement::prepare(connection(), "SELECT number, indexed_to FROM packs");
  if (!statement) return propagate(statement);
  std::map<PackNumber, std::uint64_t> packs;
  for (;;) {
    const auto row = statement->step();
    if (!row) return propagate(row);
    if (!*row) return packs;
    packs[static_cast<PackNumber>(statement->integer(0))] =
        static_cast<std::uint64_t>(statement->integer(1));
  }
}

Result<bool> ObjectIndex::add(const ObjectId& id, const Location& at) {
  add_.bind_blob(1, view_of(id)).bind(2, at.pack);
  add_.bind(3, static_cast<std::int64_t>(at.offset)).bind(4, at.kept);
  if (auto added = add_.finish(); !added) return propagate(added);
  return sqlite3_changes(connection()) == 1;
}

Result<void> ObjectIndex::move(const std::vector<Entry>& to) {
  auto statement = Statement::prepare(
      connection(), "UPDATE objects SET pack = ?, offset = ?, kept = ? WHERE id = ?");
  if (!statement) return propagate(statement);
  for (const auto& [id, at] : to) {
    statement->bind(1, at.pack).bind(2, static_cast<std::int64_t>(at.offset));
    auto moved = statement->bind(3, at.kept).bind_blob(4, view_of(id)).finish();
    if (!moved) return moved;
  }
  return {};
}

Result<void> ObjectIndex::set_indexed(PackNumber pack, std::uint64_t to) {
  auto statement = Statement::prepare(
      connection(), "INSERT OR REPLACE INTO packs(number, indexed_to) VALUES(?, ?)");
  if (!statement) return propagate(statement);
  return statement->bind(1, pack).bind(2, static_cast<std::int64_t>(to)).finish();
}

Result<std::int64_t> ObjectIndex::forget_beyond(PackNumber pack, std::uint64_t size) {
  auto statement = Statement::prepare(
      connection(), "DELETE FROM objects WHERE pack = ? AND offset + kept + ? > ?");
  if (!statement) return propagate(statement);
  statement->bind(1, pack).bind(2, RecordHeader::kSize).bind(3, static_cast<std::int64_t>(size));
  if (auto removed = statement->finish(); !removed) return propagate(removed);
  return sqlite3_changes64(connection());
}

Result<std::int64_t> ObjectIndex::forget(PackNumber pack) {
  auto objects = forget_beyond(pack, 0);
  if (!objects) return objects;
  auto statement = Statement::prepare(connection(), "DELETE FROM packs WHERE number = ?");
  if (!statement) return propagate(statement);
  if (auto removed = statement->bind(1, pack).finish(); !removed) return propagate(removed);
  return objects;
}

Result<void> ObjectIndex::transact(Durable durable, const std::function<Result<void>()>& body) {
  const bool now = durable == Durable::kNow;
  if (now) {
    // Not possible within a transaction.
    if (auto set = sqlite::run(connection(), "PRAGMA synchronous=FULL"); !set) return set;
  }
  const auto changed = [&]() -> Result<void> {
    auto transaction = sqlite::Transaction::begin(connection());
    if (!transaction) return propagate(transaction);
    if (auto done = body(); !done) return done;
    return transaction->commit();
  }();
  if (now) {
    if (auto set = sqlite::run(connection(), "PRAGMA synchronous=NORMAL"); !set) return set;
  }
  return changed;
}

}  // namespace mixguard::guard
