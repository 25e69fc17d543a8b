// SPDX-License-Identifier: Apache-2.0
#pragma once

// What lay at one path at one moment, contents by their ids: the unit of a manifest. A directory's
// entries, in the order of their names, are its listing, which is an object like any file's
// content; so a whole tree is one entry, and what two trees have in common is there once.

#include <sys/stat.h>

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guard/snapshot/bytes.hpp"
#include "guard/snapshot/content.hpp"
#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Why an entry cannot be put back as it was; kNone when it can.
enum class Uncovered : std::uint8_t {
  kNone,
  kSpecial,     // a socket, fifo or device
  kUnreadable,  // the caller may not read it
  kElsewhere,   // another file system is mounted there
  kTorn,        // kept changing while it was read: what is kept is no state that it ever had
  kDamaged,     // what was kept of it has been damaged since
};
[[nodiscard]] std::string_view to_string(Uncovered why);  // "cannot be read", …
// "PATH cannot be read"
[[nodiscard]] std::string uncovered_text(const std::string& path, Uncovered why);

struct Entry {
  std::string name;
  mode_t mode = 0;  // with the type
  uid_t owner = 0;
  gid_t group = 0;
  std::int64_t size = 0;   // bytes; 0 for a directory
  std::int64_t mtime = 0;  // nanoseconds since 1970
  // Of a file with several names: the inode number that they had in common. 0: it has one name.
  std::uint64_t links = 0;
  bool sparse = false;
  Uncovered uncovered = Uncovered::kNone;
  Content content;     // a file's, or a directory's listing
  std::string target;  // a symlink's
  std::string xattrs;  // encoded by read_xattrs() (guard/snapshot/xattrs.hpp); empty: none

  [[nodiscard]] bool is_dir() const { return S_ISDIR(mode); }
  [[nodiscard]] bool is_file() const { return S_ISREG(mode); }
  [[nodiscard]] bool is_link() const { return S_ISLNK(mode); }
  [[nodiscard]] mode_t permissions() const { return mode & 07777; }
  // False for what has no copy: it is never restored, and never in the way of one.
  [[nodiscard]] bool is_kept() const {
    return uncovered == Uncovered::kNone || uncovered == Uncovered::kTorn;
  }
};

// The same thing to whoever looks at the tree; the numbers of inodes that have several names, and
// the name itself, are not compared.
[[nodiscard]] bool same_entry(const Entry& a, const Entry& b);
// The same but for what lies in it: of two directories, the mode, owner, time and attributes.
[[nodiscard]] bool same_attributes(const Entry& a, const Entry& b);

// An entry as it lies in its bytes, which it refers to.
struct EntryView {
  std::string_view name;  // a NUL follows
  mode_t mode = 0;
  uid_t owner = 0;
  gid_t group = 0;
  std::int64_t size = 0;
  std::int64_t mtime = 0;
  std::uint64_t links = 0;
  bool sparse = false;
  Uncovered uncovered = Uncovered::kNone;
  Content content;
  std::string_view target;
  std::string_view xattrs;
};
// Nothing when the bytes where the reader is are none.
[[nodiscard]] std::optional<EntryView> view_entry(ByteReader& reader);

// An entry, in bytes; and back, from where the reader is. Nothing when the bytes are none.
void encode(const Entry& entry, std::string& bytes);
[[nodiscard]] std::optional<Entry> decode_entry(ByteReader& reader);

// The same as JSON, {"hex": "…"}, for files that are.
[[nodiscard]] nlohmann::json entry_to_json(const Entry& entry);
[[nodiscard]] std::optional<Entry> entry_from_json(const nlohmann::json& value);

using Listing = std::vector<Entry>;  // in the order of names, by bytes

// Whether what was kept of something is gone or damaged, as against what cannot be had just now.
[[nodiscard]] bool is_damage(const Error& error);

Result<Content> put_listing(Objects& objects, const Listing& listing);
// EBADMSG: what is kept is no listing.
Result<Listing> get_listing(const Objects& objects, const Content& content);

// The entry at `path` below `top`; nothing when there is none.
Result<std::optional<Entry>> find_entry(const Objects& objects, const Entry& top,
                                        const std::string& path);

}  // namespace mixguard::guard
