// SPDX-License-Identifier: Apache-2.0
#pragma once

// What capture() knows of the directories it has seen, one row a directory in index.sqlite: how to
// tell that it is unchanged, and what it is then.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guard/snapshot/entry.hpp"
#include "guard/snapshot/objects.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// What changes whenever a file or directory does.
struct Stamp {
  std::uint64_t inode = 0;
  std::int64_t ctime = 0;  // 0: not to be relied on
  [[nodiscard]] bool matches(const tree::Node& node) const {
    return ctime != 0 && inode == node.inode && ctime == node.ctime;
  }
};

struct CachedEntry {
  Stamp stamp;  // unused for a directory, which has a row of its own
  Entry entry;
};

struct CachedDirectory {
  std::uint64_t device = 0;
  Stamp stamp;
  Entry self;                        // its content is the listing of `entries`
  std::vector<CachedEntry> entries;  // in the order of names
};

[[nodiscard]] std::string encode(const CachedDirectory& directory);
// Nothing when the bytes are none.
[[nodiscard]] std::optional<CachedDirectory> decode_directory(std::string_view row);

// Reads a row without copying anything of it.
class RowReader {
 public:
  explicit RowReader(std::string_view row);

  [[nodiscard]] std::uint64_t device() const { return device_; }
  [[nodiscard]] const Stamp& stamp() const { return stamp_; }
  [[nodiscard]] const EntryView& self() const { return self_; }

  struct Item {
    Stamp stamp;
    EntryView entry;
  };
  // The next entry; nothing after the last, or where the bytes are none.
  std::optional<Item> next();
  // False when the bytes were none.
  [[nodiscard]] bool good() const { return good_; }

 private:
  ByteReader reader_;
  std::uint64_t device_ = 0;
  Stamp stamp_;
  EntryView self_;
  bool good_ = true;
};

struct CacheRow {
  std::string path;
  std::string row;
};

class StatCache {
 public:
  // The rows of the root called `root`, in the index of `objects`.
  static Result<StatCache> open(const Objects& objects, const std::string& root);

  // Of the directories at and below `top`, in the order of their paths, by bytes.
  Result<std::vector<CacheRow>> rows(const std::string& top) const;
  // At once: removes what lies at and below `gone`, and then puts the rows. The objects that they
  // refer to must be on disk. Rows above them that are not put with them count as changed.
  Result<void> update(const std::vector<std::string>& gone, const std::vector<CacheRow>& rows);

 private:
  StatCache(sqlite3* index, std::int64_t root) : index_(index), root_(root) {}

  Result<void> distrust_above(const std::vector<std::string>& gone,
                              const std::vector<CacheRow>& rows);

  sqlite3* index_;
  std::int64_t root_;
};

}  // namespace mixguard::guard
