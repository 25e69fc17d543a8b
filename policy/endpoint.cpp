// SPDX-License-Identifier: Apache-2.0
#include "policy/endpoint.hpp"

#include <algorithm>
#include <cstddef>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::size_t kLongestHost = 253;
constexpr std::size_t kLongestLabel = 63;

bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || !std::all_of(text.begin(), text.end(), is_digit)) {
    return false;
  }
  unsigned value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value >= 1 && value <= 65535;
}

bool is_octet(std::string_view text) {
  if (text.empty() || text.size() > 3 || !std::all_of(text.begin(), text.end(), is_digit)) {
    return false;
  }
  if (text.size() > 1 && text[0] == '0') return false;
  unsigned value = 0;
  for (const char c : text) value = value * 10 + static_cast<unsigned>(c - '0');
  return value <= 255;
}

bool is_ipv4(std::string_view text) {
  for (int i = 0; i < 3; ++i) {
    const std::size_t dot = text.find('.');
    if (dot == std::string_view::npos || !is_octet(text.substr(0, dot))) return false;
    text.remove_prefix(dot + 1);
  }
  return is_octet(text);
}

bool is_label(std::string_view label) {
  return !label.empty() && label.size() <= kLongestLabel && label.front() != '-' &&
         label.back() != '-' && std::all_of(label.begin(), label.end(), [](char c) {
           return is_lower(c) || is_upper(c) || is_digit(c) || c == '-' || c == '_';
         });
}

bool is_host(std::string_view text) {
  if (text.empty() || text.size() > kLongestHost) return false;
  // A name whose last label is a number would be read as an address by some resolvers.
  const std::string_view last = text.substr(text.rfind('.') + 1);
  if (!last.empty() && std::all_of(last.begin(), last.end(), is_digit)) return is_ipv4(text);
  while (true) {
    const std::size_t dot = text.find('.');
    if (!is_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

bool is_group(std::string_view text) {
  return !text.empty() && text.size() <= 4 && std::all_of(text.begin(), text.end(), [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
  });
}

// Counts the groups of one side of "::", or answers 9 when one of them is not hexadecimal.
std::size_t count_groups(std::string_view text) {
  std::size_t groups = 0;
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    if (!is_group(text.substr(0, colon))) return 9;
    ++groups;
    if (colon == std::string_view::npos) return groups;
    text.remove_prefix(colon + 1);
    if (text.empty()) return 9;
  }
  return groups;
}

bool is_ipv6(std::string_view text) {
  const std::size_t gap = text.find("::");
  if (gap == std::string_view::npos) return count_groups(text) == 8;
  return count_groups(text.substr(0, gap)) + count_groups(text.substr(gap + 2)) <= 7;
}

bool is_ipv6_endpoint(std::string_view text) {
  const std::size_t close = text.find("]:");
  return close != std::string_view::npos && is_ipv6(text.substr(1, close - 1)) &&
         is_port(text.substr(close + 2));
}

bool is_socket_path(std::string_view path) {
  const bool climbs = path.find("/../") != std::string_view::npos || path.ends_with("/..");
  return path.size() > 1 && path.front() == '/' && !climbs &&
         std::all_of(path.begin(), path.end(), [](char c) { return c > ' ' && c < 0x7F; });
}

}  // namespace

bool is_endpoint(std::string_view text) {
  if (text.substr(0, 5) == "unix:") return is_socket_path(text.substr(5));
  if (text.substr(0, 1) == "[") return is_ipv6_endpoint(text);
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && is_host(text.substr(0, colon)) &&
         is_port(text.substr(colon + 1));
}

std::optional<Endpoint> parse_endpoint(std::string_view text) {
  if (!is_endpoint(text)) return std::nullopt;
  Endpoint endpoint;
  if (text.substr(0, 5) == "unix:") {
    endpoint.kind = Endpoint::Kind::kUnix;
    endpoint.host = text.substr(5);
    return endpoint;
  }
  const std::size_t colon = text.rfind(':');
  for (const char c : text.substr(colon + 1)) {
    endpoint.port = static_cast<std::uint16_t>(endpoint.port * 10 + (c - '0'));
  }
  std::string_view host = text.substr(0, colon);
  if (host.front() == '[') {
    endpoint.kind = Endpoint::Kind::kIpv6;
    host = host.substr(1, host.size() - 2);
  } else {
    endpoint.kind = is_ipv4(host) ? Endpoint::Kind::kIpv4 : Endpoint::Kind::kName;
  }
  endpoint.host = to_lower(host);
  return endpoint;
}

bool is_address(std::string_view text) {
  if (text.substr(0, 1) == "[") return is_ipv6_endpoint(text);
  const std::size_t colon = text.rfind(':');
  return colon != std::string_view::npos && is_ipv4(text.substr(0, colon)) &&
         is_port(text.substr(colon + 1));
}

}  // namespace mixguard::policy
