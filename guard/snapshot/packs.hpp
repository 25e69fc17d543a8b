// SPDX-License-Identifier: Apache-2.0
#pragma once

// The pack files: packs/NNNNNNNN.pack in the store. They only ever grow, one of them at a time; the
// content of a file is never changed and its number not taken by another while it exists.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "guard/snapshot/pack_record.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {

using PackNumber = std::uint32_t;

// Where a record lies.
struct Location {
  PackNumber pack = 0;
  std::uint64_t offset = 0;
  std::uint32_t kept = 0;  // length of the content as it is kept, behind the header

  [[nodiscard]] std::uint64_t record_size() const { return RecordHeader::kSize + kept; }
  [[nodiscard]] std::uint64_t end() const { return offset + record_size(); }
  bool operator==(const Location&) const = default;
};

[[nodiscard]] std::string pack_path(PackNumber number);   // "packs/00000001.pack"
[[nodiscard]] std::string to_string(const Location& at);  // "packs/00000001.pack at 4711"

// The directory and the files in it. Not for several threads at once.
class PackDirectory {
 public:
  // Makes packs/ when it is absent.
  static Result<PackDirectory> open(const Store& store);

  // Every pack there is, with its size.
  Result<std::map<PackNumber, std::uint64_t>> sizes() const;
  // For reading; kept open for the next time. The file stays readable as long as the caller has it.
  Result<std::shared_ptr<const sandbox::UniqueFd>> read(PackNumber number);
  // For writing behind its `size` bytes; refused when it has another size. A file of none is made
  // when it is absent, and its name is durable after sync().
  Result<sandbox::UniqueFd> append(PackNumber number, std::uint64_t size);
  // Durable when it returns.
  Result<void> truncate(PackNumber number, std::uint64_t size);
  Result<void> remove(PackNumber number);
  Result<void> sync();

 private:
  explicit PackDirectory(sandbox::UniqueFd dir) : dir_(std::move(dir)) {}

  sandbox::UniqueFd dir_;
  std::map<PackNumber, std::shared_ptr<const sandbox::UniqueFd>> open_;
};

// A range of a pack; EBADMSG when the pack ends before.
Result<std::string> read_pack(int fd, PackNumber number, std::uint64_t from, std::size_t size);

// Appends records to the last pack and begins a new one when that is full. Small records are
// gathered in memory. Not for several threads at once.
class PackWriter {
 public:
  static constexpr std::uint64_t kFull = std::uint64_t{256} << 20;

  // Goes on at the end of pack `number`, which has `size` bytes; the file may be absent when it has
  // none.
  PackWriter(PackDirectory& directory, PackNumber number, std::uint64_t size)
      : directory_(&directory), number_(number), written_(size) {}

  // On failure the record is not taken, and those before it are still there.
  Result<Location> append(std::string_view header, std::string_view kept);
  // The record's bytes while they are in memory only; nothing once they are in the pack.
  [[nodiscard]] std::optional<std::string> gathered(const Location& at) const;

  // Everything that was appended is durable when this returns. When the disk failed to take it,
  // nobody knows what it has (fsync(2)): no later call succeeds.
  Result<void> sync();
  // What is appended from now on goes to a pack of its own. All before is durable.
  Result<void> begin_new();

  [[nodiscard]] std::uint64_t size() const { return written_ + gathered_.size(); }

 private:
  Result<void> make_room(std::size_t record);
  Result<void> flush();
  Result<void> open();

  PackDirectory* directory_;
  PackNumber number_;
  std::uint64_t written_;
  std::string gathered_;  // to be written at `written_`
  sandbox::UniqueFd fd_;
  bool unsynced_ = false;
  bool made_ = false;  // the file's name is not durable
  std::optional<Error> lost_;
};

}  // namespace mixguard::guard
