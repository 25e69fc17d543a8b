// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/json_bytes.hpp"

#include <nlohmann/json.hpp>
#include <string_view>

#include "guard/digest.hpp"

namespace mixguard::guard {
namespace {

constexpr std::string_view kDigits = "0123456789abcdef";

// The library's own check, which is the one that its dump() would throw for.
bool is_utf8(const std::string& bytes) {
  const nlohmann::json value = bytes;
  const std::string replaced = value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return nlohmann::json::parse(replaced, nullptr, false) == value;
}

std::string to_hex(const std::string& bytes) {
  std::string hex;
  for (const char byte : bytes) {
    hex.push_back(kDigits[static_cast<unsigned char>(byte) >> 4]);
    hex.push_back(kDigits[static_cast<unsigned char>(byte) & 15]);
  }
  return hex;
}

std::optional<std::string> from_hex(const std::string& hex) {
  std::string bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    const std::size_t high = kDigits.find(hex[i]);
    const std::size_t low = kDigits.find(hex[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

}  // namespace

nlohmann::json hex_to_json(const std::string& bytes) { return {{"hex", to_hex(bytes)}}; }

nlohmann::json bytes_to_json(const std::string& bytes) {
  if (is_utf8(bytes)) return bytes;
  return hex_to_json(bytes);
}

std::optional<std::string> bytes_from_json(const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_object() || !value.contains("hex") || !value["hex"].is_string())
    return std::nullopt;
  return from_hex(value["hex"].get<std::string>());
}

std::string sealed(const nlohmann::json& document) {
  std::string text = document.dump();
  const std::string digest = sha256_hex(text);
  return text.append("\n").append(digest).append("\n");
}

std::optional<nlohmann::json> unsealed(const std::string& text) {
  const std::size_t end = text.find('\n');
  if (end == std::string::npos) return std::nullopt;
  if (text.substr(end + 1) != sha256_hex(text.substr(0, end)) + "\n") return std::nullopt;
  auto document = nlohmann::json::parse(
      text.begin(), text.begin() + static_cast<std::ptrdiff_t>(end), nullptr, false);
  if (document.is_discarded()) return std::nullopt;
  return document;
}

}  // namespace mixguard::guard
