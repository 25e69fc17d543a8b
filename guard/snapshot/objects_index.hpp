// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where each object lies, in index.sqlite: what a scan of the packs would find, kept so that nobody
// has to scan them. Not for several threads at once.

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "guard/snapshot/packs.hpp"
#include "guard/snapshot/sqlite.hpp"

namespace mixguard::guard {

class ObjectIndex {
 public:
  // Makes the index when there is none. EBADMSG: what is there is damaged, or not ours.
  static Result<ObjectIndex> open(const std::string& path);
  // Removes the file and what belongs to it. Whoever has it open goes on with what he had.
  static Result<void> remove(const std::string& path);

  Result<std::optional<Location>> find(const ObjectId& id);

  struct Entry {
    ObjectId id;
    Location at;
  };
  // The objects of a pack in their order there.
  Result<std::vector<Entry>> objects_of(PackNumber pack);
  // The next objects behind `after` by their id, at most `count`; from the first without it.
  Result<std::vector<Entry>> objects_after(const std::optional<ObjectId>& after,
                                           std::int64_t count);
  // The packs that were indexed, and how far.
  Result<std::map<PackNumber, std::uint64_t>> packs();

  // Changes, for the body of transact().
  Result<bool> add(const ObjectId& id, const Location& at);  // false: it has a place already
  Result<void> move(const std::vector<Entry>& to);
  Result<void> set_indexed(PackNumber pack, std::uint64_t to);
  Result<std::int64_t> forget_beyond(PackNumber pack, std::uint64_t size);  // objects it forgot
  Result<std::int64_t> forget(PackNumber pack);

  // Runs the body in one transaction, which is undone when the body fails. kNow: durable when this
  // returns. kSoon: a power cut may undo it, with all that came after.
  enum class Durable { kSoon, kNow };
  Result<void> transact(Durable durable, const std::function<Result<void>()>& body);

  [[nodiscard]] sqlite3* connection() const { return database_.get(); }

 private:
  ObjectIndex(sqlite::Database database, sqlite::Statement find, sqlite::Statement add)
      : database_(std::move(database)), find_(std::move(find)), add_(std::move(add)) {}

  sqlite::Database database_;
  // What is needed for every object; the others are prepared when they are.
  sqlite::Statement find_;
  sqlite::Statement add_;
};

}  // namespace mixguard::guard
