// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/pack_record.hpp"

#include <zstd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "guard/digest.hpp"

namespace mixguard::guard {
namespace {

constexpr std::size_t kHeaderCheckAt = 56;
constexpr std::size_t kTooShortToCompress = 128;

using Check = std::array<std::uint8_t, 8>;

Check first_bytes(const Sha256& digest) {
  Check check;
  std::copy_n(digest.begin(), check.size(), check.begin());
  return check;
}

void put_number(char* at, std::uint32_t value) {
  for (int i = 0; i < 4; ++i) at[i] = static_cast<char>(value >> (8 * i));
}

std::uint32_t number_at(const char* at) {
  std::uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(at[i]);
  return value;
}

template <std::size_t kCount>
void put_bytes(char* at, const std::array<std::uint8_t, kCount>& bytes) {
  std::copy(bytes.begin(), bytes.end(), at);
}

template <std::size_t kCount>
std::array<std::uint8_t, kCount> bytes_at(const char* at) {
  std::array<std::uint8_t, kCount> bytes;
  std::copy_n(at, kCount, bytes.begin());
  return bytes;
}

bool sensible(const RecordHeader& header) {
  if (header.length > Objects::kLongest) return false;
  if (header.keeping == Keeping::kAsIs) return header.kept == header.length;
  return header.keeping == Keeping::kZstd && header.kept < header.length;
}

struct FreeContext {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

// Contexts are made once a thread: a first snapshot compresses thousands of small files.
ZSTD_CCtx* compressor() {
  thread_local const std::unique_ptr<ZSTD_CCtx, FreeContext> context = [] {
    std::unique_ptr<ZSTD_CCtx, FreeContext> made(ZSTD_createCCtx());
    ZSTD_CCtx_setParameter(made.get(), ZSTD_c_compressionLevel, 1);
    return made;
  }();
  return context.get();
}

ZSTD_DCtx* decompressor() {
  thread_local const std::unique_ptr<ZSTD_DCtx, FreeContext> context(ZSTD_createDCtx());
  return context.get();
}

// The content compressed, in a buffer of this thread; empty where that saves too little.
std::string_view compressed(std::string_view content) {
  thread_local std::string buffer;
  if (content.size() < kTooShortToCompress) return {};
  const std::size_t bound = ZSTD_compressBound(content.size());
  if (buffer.size() < bound) buffer.resize(bound);
  const std::size_t size =
      ZSTD_compress2(compressor(), buffer.data(), buffer.size(), content.data(), content.size());
  if (ZSTD_isError(size) != 0 || size > content.size() - content.size() / 10) return {};
  return {buffer.data(), size};
}

Result<std::string> decompressed(std::string_view kept, std::size_t length) {
  std::string content(length, '\0');
  const std::size_t size =
      ZSTD_decompressDCtx(decompressor(), content.data(), content.size(), kept.data(), kept.size());
  if (ZSTD_isError(size) != 0 || size != length) return fail("it does not decompress", EBADMSG);
  return content;
}

}  // namespace

std::array<char, RecordHeader::kSize> encode(const RecordHeader& header) {
  std::array<char, RecordHeader::kSize> bytes{};
  std::copy(RecordHeader::kMagic.begin(), RecordHeader::kMagic.end(), bytes.begin());
  bytes[4] = static_cast<char>(header.keeping);
  put_number(&bytes[8], header.length);
  put_number(&bytes[12], header.kept);
  put_bytes(&bytes[16], header.id.bytes);
  put_bytes(&bytes[48], header.kept_check);
  put_bytes(&bytes[kHeaderCheckAt], first_bytes(sha256({bytes.data(), kHeaderCheckAt})));
  return bytes;
}

std::optional<RecordHeader> decode_header(std::string_view bytes) {
  if (bytes.size() < RecordHeader::kSize || !bytes.starts_with(RecordHeader::kMagic)) return {};
  if (bytes_at<8>(&bytes[kHeaderCheckAt]) != first_bytes(sha256(bytes.substr(0, kHeaderCheckAt))))
    return {};
  RecordHeader header;
  header.keeping = static_cast<Keeping>(bytes[4]);
  header.length = number_at(&bytes[8]);
  header.kept = number_at(&bytes[12]);
  header.id.bytes = bytes_at<32>(&bytes[16]);
  header.kept_check = bytes_at<8>(&bytes[48]);
  if (!sensible(header)) return {};
  return header;
}

Packed pack(const ObjectId& id, std::string_view content) {
  Packed packed;
  packed.header.id = id;
  packed.header.length = static_cast<std::uint32_t>(content.size());
  packed.bytes = compressed(content);
  if (packed.bytes.empty()) {
    packed.bytes = content;
    packed.header.kept_check = first_bytes(id.bytes);
  } else {
    packed.header.keeping = Keeping::kZstd;
    packed.header.kept_check = first_bytes(sha256(packed.bytes));
  }
  packed.header.kept = static_cast<std::uint32_t>(packed.bytes.size());
  return packed;
}

Result<std::string> unpack(const RecordHeader& header, std::string_view kept) {
  if (kept.size() != header.kept) return fail("it is cut short", EBADMSG);
  auto content = header.keeping == Keeping::kZstd ? decompressed(kept, header.length)
                                                  : Result<std::string>(std::string(kept));
  if (!content) return content;
  if (object_id_of(*content) != header.id) return fail("it does not agree with its id", EBADMSG);
  return content;
}

std::string flaw_of(const RecordHeader& header, std::string_view kept) {
  const auto content = unpack(header, kept);
  if (!content) return content.error().message;
  // What is kept as it is was hashed for its id.
  const bool as_is = header.keeping == Keeping::kAsIs;
  const Check check = first_bytes(as_is ? header.id.bytes : sha256(kept));
  if (check != header.kept_check) return "what is kept has changed";
  return "";
}

}  // namespace mixguard::guard
