// SPDX-License-Identifier: Apache-2.0
#include "guard/digest.hpp"

// SHA256() of OpenSSL 3 looks the algorithm up among the providers, which costs 5 million
// instructions the first time: more than all the rest of a decision. The functions below it do not.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

namespace mixguard::guard {

Sha256 sha256(std::string_view bytes) {
  Sha256 digest{};
  static_assert(sizeof digest == SHA256_DIGEST_LENGTH);
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Update(&context, bytes.data(), bytes.size());
  SHA256_Final(digest.data(), &context);
  return digest;
}

std::string sha256_hex(std::string_view bytes) { return hex(sha256(bytes)); }

std::string hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const std::uint8_t byte : bytes) {
    text.push_back(kDigits[byte >> 4]);
    text.push_back(kDigits[byte & 15]);
  }
  return text;
}

}  // namespace mixguard::guard
