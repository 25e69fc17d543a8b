// SPDX-License-Identifier: Apache-2.0
#pragma once

// A content of any length as objects. Up to 4 MiB it is one object; a longer one is cut into pieces
// of that size, whose ids are the content of one object more. So memory stays bounded, and of a log
// that grows only the last piece is new. Pieces that are holes in the file are not kept at all.

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "guard/snapshot/objects.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// Nothing in it: no object at all.
struct Content {
  ObjectId id;
  bool cut = false;  // `id` is that of the list of pieces
  bool operator==(const Content&) const = default;
  [[nodiscard]] bool empty() const { return id == ObjectId{}; }
};

Result<Content> put_content(Objects& objects, std::string_view bytes);
// The first `size` bytes of a file; reads where it has data only (lseek(2), SEEK_DATA). A file that
// is shorter meanwhile is taken as far as it goes: whoever calls has to look whether it changed.
Result<Content> put_file(Objects& objects, int fd, std::int64_t size);

// Piece by piece, holes as zeros; `size` bytes in all.
Result<void> read_content(const Objects& objects, const Content& content, std::int64_t size,
                          const std::function<Result<void>(std::string_view)>& take);
Result<std::string> get_content(const Objects& objects, const Content& content);
// Writes the content to an empty file, `size` bytes long afterwards. With `sparse` blocks of zeros
// become holes.
Result<void> write_content(const Objects& objects, const Content& content, std::int64_t size,
                           bool sparse, int fd);

// Every object that the content consists of, that of the list included.
Result<void> each_object(const Objects& objects, const Content& content,
                         const std::function<void(const ObjectId&)>& visit);

}  // namespace mixguard::guard
