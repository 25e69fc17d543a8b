// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/content.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using tree::fail_errno;

constexpr auto kPiece = static_cast<std::int64_t>(Objects::kLongest);
// What file systems allocate at least; a shorter run of zeros is no hole.
constexpr std::size_t kBlock = 4096;

constexpr const char* kFile = "a file";

void append(std::string& list, const ObjectId& id) {
  list.append(reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size());
}

// An entry refers to it: that it is not there is damage.
Result<std::string> needed(const Objects& objects, const ObjectId& id) {
  auto object = objects.get(id);
  if (!object && object.error().code == ENOENT) return fail(object.error().message, EBADMSG);
  return object;
}

Result<std::vector<ObjectId>> pieces_of(const Objects& objects, const Content& content) {
  if (content.empty()) return std::vector<ObjectId>();
  if (!content.cut) return std::vector<ObjectId>{content.id};
  auto list = needed(objects, content.id);
  if (!list) return propagate(list);
  constexpr std::size_t kSize = sizeof(ObjectId::bytes);
  if (list->empty() || list->size() % kSize != 0)
    return fail("object " + to_hex(content.id) + " is no list of pieces", EBADMSG);
  std::vector<ObjectId> pieces(list->size() / kSize);
  for (std::size_t i = 0; i < pieces.size(); ++i)
    std::memcpy(pieces[i].bytes.data(), list->data() + i * kSize, kSize);
  return pieces;
}

// Reads [from, from + count) without the holes, which stay zeros. Sets `data` when there was any.
Result<std::string> read_piece(int fd, std::int64_t from, std::int64_t count, bool& data) {
  std::string piece(static_cast<std::size_t>(count), '\0');
  const std::int64_t end = from + count;
  data = false;
  for (std::int64_t at = from; at < end;) {
    const off_t next = ::lseek(fd, at, SEEK_DATA);
    if (next < 0 && errno == ENXIO) break;  // a hole up to the end
    const std::int64_t begin = next < 0 ? at : next;
    if (begin >= end) break;
    const off_t hole = next < 0 ? -1 : ::lseek(fd, begin, SEEK_HOLE);
    const std::int64_t stop = hole < 0 ? end : std::min<std::int64_t>(end, hole);
    data = true;
    for (at = begin; at < stop;) {
      const ssize_t got =
          ::pread(fd, piece.data() + (at - from), static_cast<std::size_t>(stop - at), at);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return fail_errno("read", kFile);
      if (got == 0) {
        piece.resize(static_cast<std::size_t>(at - from));
        return piece;
      }
      at += got;
    }
  }
  return piece;
}

bool is_zeros(std::string_view block) {
  return block.find_first_not_of('\0') == std::string_view::npos;
}

// Without the blocks that are zeros.
Result<void> write_data_at(int fd, std::string_view bytes, std::int64_t offset) {
  for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
    const std::string_view block = bytes.substr(at, kBlock);
    if (is_zeros(block)) continue;
    if (auto done = tree::write_at(fd, block, offset + static_cast<std::int64_t>(at), kFile); !done)
      return done;
  }
  return {};
}

}  // namespace

Result<Content> put_content(Objects& objects, std::string_view bytes) {
  if (bytes.empty()) return Content{};
  if (bytes.size() <= Objects::kLongest) {
    auto id = objects.put(bytes);
    if (!id) return propagate(id);
    return Content{*id, false};
  }
  std::string list;
  for (std::size_t at = 0; at < bytes.size(); at += Objects::kLongest) {
    auto id = objects.put(bytes.substr(at, Objects::kLongest));
    if (!id) return propagate(id);
    append(list, *id);
  }
  auto id = objects.put(list);
  if (!id) return propagate(id);
  return Content{*id, true};
}

Result<Content> put_file(Objects& objects, int fd, std::int64_t size) {
  if (size == 0) return Content{};
  bool data = false;
  if (size <= kPiece) {
    auto piece = read_piece(fd, 0, size, data);
    if (!piece) return propagate(piece);
    return put_content(objects, *piece);
  }
  std::string list;
  for (std::int64_t at = 0; at < size; at += kPiece) {
    auto piece = read_piece(fd, at, std::min(kPiece, size - at), data);
    if (!piece) return propagate(piece);
    Result<ObjectId> id = data ? objects.put(*piece) : ObjectId{};
    if (!id) return propagate(id);
    append(list, *id);
  }
  auto id = objects.put(list);
  if (!id) return propagate(id);
  return Content{*id, true};
}

Result<void> read_content(const Objects& objects, const Content& content, std::int64_t size,
                          const std::function<Result<void>(std::string_view)>& take) {
  auto pieces = pieces_of(objects, content);
  if (!pieces) return propagate(pieces);
  for (const ObjectId& id : *pieces) {
    const auto left = static_cast<std::size_t>(std::min(kPiece, size));
    auto piece =
        id == ObjectId{} ? Result<std::string>(std::string(left, '\0')) : needed(objects, id);
    if (!piece) return propagate(piece);
    if (auto taken = take(*piece); !taken) return taken;
    size -= static_cast<std::int64_t>(piece->size());
  }
  return {};
}

Result<std::string> get_content(const Objects& objects, const Content& content) {
  auto pieces = pieces_of(objects, content);
  if (!pieces) return propagate(pieces);
  std::string bytes;
  for (const ObjectId& id : *pieces) {
    auto piece = needed(objects, id);
    if (!piece) return piece;
    bytes += *piece;
  }
  return bytes;
}

Result<void> write_content(const Objects& objects, const Content& content, std::int64_t size,
                           bool sparse, int fd) {
  auto pieces = pieces_of(objects, content);
  if (!pieces) return propagate(pieces);
  for (std::size_t i = 0; i < pieces->size(); ++i) {
    const ObjectId& id = (*pieces)[i];
    if (id == ObjectId{}) continue;
    auto piece = needed(objects, id);
    if (!piece) return propagate(piece);
    const std::int64_t offset = static_cast<std::int64_t>(i) * kPiece;
    auto written =
        sparse ? write_data_at(fd, *piece, offset) : tree::write_at(fd, *piece, offset, kFile);
    if (!written) return written;
  }
  if (::ftruncate(fd, size) < 0) return fail_errno("write", kFile);
  return {};
}

Result<void> each_object(const Objects& objects, const Content& content,
                         const std::function<void(const ObjectId&)>& visit) {
  if (content.empty()) return {};
  visit(content.id);
  if (!content.cut) return {};
  auto pieces = pieces_of(objects, content);
  if (!pieces) return propagate(pieces);
  for (const ObjectId& id : *pieces) {
    if (id != ObjectId{}) visit(id);
  }
  return {};
}

}  // namespace mixguard::guard
