// SPDX-License-Identifier: Apache-2.0
#pragma once

// One object as it lies in a pack: a header of 64 bytes, then the content as it is kept. Numbers
// are little-endian.
//
//    0  magic "MGO1"
//    4  how the content is kept: 0 as it is, 1 zstd
//    8  length of the content
//   12  length of what is kept
//   16  id, the SHA-256 of the content
//   48  the first 8 bytes of the SHA-256 of what is kept: not every bit of a zstd frame matters to
//       what comes out of it, but every flipped bit is to be seen
//   56  the first 8 bytes of the SHA-256 of all that is above

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "guard/snapshot/objects.hpp"

namespace mixguard::guard {

enum class Keeping : std::uint8_t { kAsIs = 0, kZstd = 1 };

struct RecordHeader {
  static constexpr std::size_t kSize = 64;
  static constexpr std::string_view kMagic = "MGO1";

  Keeping keeping = Keeping::kAsIs;
  std::uint32_t length = 0;
  std::uint32_t kept = 0;
  ObjectId id;
  std::array<std::uint8_t, 8> kept_check{};

  [[nodiscard]] std::uint64_t record_size() const { return kSize + kept; }
};

[[nodiscard]] std::array<char, RecordHeader::kSize> encode(const RecordHeader& header);
// Nothing when the bytes do not begin with a whole header that agrees with its check.
[[nodiscard]] std::optional<RecordHeader> decode_header(std::string_view bytes);

// An object ready to be appended. `bytes` is the content itself or a buffer of this thread, valid
// until its next call.
struct Packed {
  RecordHeader header;
  std::string_view bytes;
};
// Compressed when that saves at least a tenth.
[[nodiscard]] Packed pack(const ObjectId& id, std::string_view content);

// The content. EBADMSG when it does not agree with the id, with what is wrong as the message.
Result<std::string> unpack(const RecordHeader& header, std::string_view kept);

// What is wrong with the record; empty: every bit of it is as it was written. `kept` may be short.
[[nodiscard]] std::string flaw_of(const RecordHeader& header, std::string_view kept);

}  // namespace mixguard::guard
