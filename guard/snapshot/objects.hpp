// SPDX-License-Identifier: Apache-2.0
#pragma once

// Contents by their SHA-256, in append-only files:
//
//   packs/NNNNNNNN.pack   records, each: a header with its own check, then the content, compressed
//                         with zstd where it pays (guard/snapshot/pack_record.hpp)
//   index.sqlite          where each object lies, and what capture() knows of the trees it has seen
//
// The packs are the truth and the index can be made anew from them. A record counts once its bytes
// are all there and agree with its id; a torn tail (a crash while writing) is cut off when the next
// writer comes. An object is checked against its id whenever it is read.

#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "guard/digest.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"

struct sqlite3;

namespace mixguard::guard {

struct ObjectId {
  Sha256 bytes{};
  auto operator<=>(const ObjectId&) const = default;
};
struct ObjectIdHash {
  std::size_t operator()(const ObjectId& id) const {
    std::size_t value = 0;  // an id is as good as random
    std::memcpy(&value, id.bytes.data(), sizeof value);
    return value;
  }
};
[[nodiscard]] ObjectId object_id_of(std::string_view content);
[[nodiscard]] std::string to_hex(const ObjectId& id);  // 64 lower-case digits

// What check() found, and compact() must not lose sight of.
struct ObjectDamage {
  std::string where;  // "packs/00000001.pack at 4711", or the object's id
  std::string what;
};

class Objects {
 public:
  // Objects are kept in memory while they are put and read, one at a time a thread. Longer contents
  // are cut by the caller.
  static constexpr std::size_t kLongest = std::size_t{4} << 20;

  // Makes packs/ and the index when they are absent. Where the index is damaged or behind the
  // packs, it is brought up to date or made anew, and `notes()` says so. One writer at a time: the
  // store must be locked for open(), which repairs, and for put(), commit() and compact().
  static Result<Objects> open(const Store& store);
  // Drops the index: the next open() makes it anew, without the objects that are damaged, so that
  // put() keeps those again that still can be had. Whoever has the store open closes it before
  // that.
  static Result<void> drop_index(const Store& store);
  Objects(Objects&&) noexcept;
  Objects& operator=(Objects&&) noexcept;
  ~Objects();

  [[nodiscard]] const std::vector<std::string>& notes() const;

  // Keeps the content unless the index says that it is there, and returns its id. Not durable
  // before commit(). EFBIG: longer than kLongest. May be called by several threads.
  Result<ObjectId> put(std::string_view content);
  // The content, checked. ENOENT: no such object; EBADMSG: it is damaged. May be called by several
  // threads.
  Result<std::string> get(const ObjectId& id) const;
  [[nodiscard]] bool has(const ObjectId& id) const;
  // Bytes that it takes in a pack; 0 when it is not there.
  [[nodiscard]] std::uint64_t kept_size(const ObjectId& id) const;

  // Everything that was put is on disk and findable when this returns; where nothing was added,
  // this does nothing. The index's rows follow the packs' bytes and are a transaction of their own;
  // one of the caller's that is still open fails this. After a failure (no space) it can be called
  // again, unless the disk failed to sync.
  Result<void> commit();

  // Reads every record of every pack: what does not agree with its id, what the index points at and
  // is not there, and what is no record at all, byte by byte. Changes nothing. Not while put() or
  // compact() runs.
  struct Check {
    std::uint64_t objects = 0;  // that are sound; what lies there twice counts once
    std::uint64_t bytes = 0;    // of the packs
    std::vector<ObjectDamage> damage;
    std::unordered_set<ObjectId, ObjectIdHash> lost;  // in the index, and cannot be had
  };
  Result<Check> check() const;

  // Gives back the space of objects for which `live` says no. Packs that are mostly garbage are
  // rewritten: live records go to a new pack first, which is durable before the old one is removed,
  // so that a crash at any instant loses nothing. Dead objects in the other packs stay, and can
  // still be had. A pack with damage in it is left as it is. Commits first. `live` is asked once an
  // object. Not while it or another thread uses this. Returns the bytes that were freed.
  Result<std::uint64_t> compact(const std::function<bool(const ObjectId&)>& live);

  // The index's connection, for tables of the caller's own (guard/snapshot/capture.cpp). Belongs to
  // this object, and to the thread that opened it. What refers to objects is to be written after
  // commit(), in a transaction of the caller's own, so that it never refers to what is not durable.
  // It is a cache: a power cut may undo the last transactions, and all of it may be gone at the
  // next open().
  [[nodiscard]] sqlite3* index() const;

 private:
  class Impl;
  explicit Objects(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace mixguard::guard
