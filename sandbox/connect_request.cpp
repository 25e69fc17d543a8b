// SPDX-License-Identifier: Apache-2.0
#include "sandbox/connect_request.hpp"

#include <algorithm>
#include <optional>

namespace mixguard::sandbox {
namespace {

using Status = ConnectRequest::Status;

ConnectRequest malformed(const char* why) {
  ConnectRequest request;
  request.status = Status::kMalformed;
  request.why = why;
  return request;
}

bool is_graphic(char c) { return c > ' ' && c < 0x7F; }

// RFC 9110, "token".
bool is_token(std::string_view text) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return !text.empty() && std::all_of(text.begin(), text.end(), [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kMarks.find(c) != std::string_view::npos;
  });
}

bool equals_ignoring_case(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

// inet_aton(3) takes "0x7f000001" for an address; only dotted decimal is one here.
bool looks_like_hexadecimal(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  return last.size() > 1 && last[0] == '0' && last[1] == 'x' &&
         last.find_first_not_of("0123456789abcdef", 2) == std::string_view::npos;
}

const char* trouble_in_header(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || !is_token(line.substr(0, colon))) return "a header";
  for (const char c : line.substr(colon + 1)) {
    if (!is_graphic(c) && c != ' ' && c != '\t') return "a byte in a header";
  }
  const std::string_view name = line.substr(0, colon);
  if (equals_ignoring_case(name, "content-length") ||
      equals_ignoring_case(name, "transfer-encoding")) {
    return "a body";
  }
  return nullptr;
}

ConnectRequest read_request_line(std::string_view line) {
  const std::size_t first = line.find(' ');
  const std::size_t second = first == std::string_view::npos ? first : line.find(' ', first + 1);
  if (second == std::string_view::npos) return malformed("the request line");
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, second - first - 1);
  const std::string_view version = line.substr(second + 1);
  if (!is_token(method) || !std::all_of(target.begin(), target.end(), is_graphic) ||
      (version != "HTTP/1.1" && version != "HTTP/1.0")) {
    return malformed("the request line");
  }
  ConnectRequest request;
  if (method != "CONNECT") {
    request.status = Status::kOtherMethod;
    request.why = "the method";
    return request;
  }
  const std::optional<policy::Endpoint> endpoint = policy::parse_endpoint(target);
  if (!endpoint || endpoint->kind == policy::Endpoint::Kind::kUnix ||
      looks_like_hexadecimal(endpoint->host)) {
    return malformed("the host and port");
  }
  request.status = Status::kTarget;
  request.target = *endpoint;
  return request;
}

}  // namespace

ConnectRequest parse_connect_request(std::string_view text) {
  ConnectRequest request;
  std::size_t start = 0;
  for (std::size_t lines = 0;; ++lines) {
    const std::size_t limit = lines == 0 ? kMaxRequestLine : kMaxRequestHead;
    const std::size_t end = text.find_first_of("\r\n", start);
    if (std::min(end, text.size()) - start > limit || std::min(end, text.size()) > kMaxRequestHead)
      return malformed("its length");
    // NUL among them: a reader that stops there would see another host.
    const std::string_view line = text.substr(start, std::min(end, text.size()) - start);
    if (!std::all_of(line.begin(), line.end(),
                     [](char c) { return is_graphic(c) || c == ' ' || c == '\t'; })) {
      return malformed("a byte");
    }
    if (end == std::string_view::npos || end + 1 == text.size()) {
      if (end != std::string_view::npos && text[end] == '\n') return malformed("a line end");
      return {};
    }
    if (text[end] != '\r' || text[end + 1] != '\n') return malformed("a line end");
    if (lines == 0) {
      request = read_request_line(line);
      if (request.status != Status::kTarget) return request;
    } else if (line.empty()) {
      request.length = end + 2;
      return request;
    } else if (lines > kMaxRequestHeaders) {
      return malformed("the number of headers");
    } else if (const char* why = trouble_in_header(line)) {
      return malformed(why);
    }
    start = end + 2;
  }
}

std::string spelling(const policy::Endpoint& endpoint) {
  switch (endpoint.kind) {
    case policy::Endpoint::Kind::kUnix:
      return "unix:" + endpoint.host;
    case policy::Endpoint::Kind::kIpv6:
      return "[" + endpoint.host + "]:" + std::to_string(endpoint.port);
    case policy::Endpoint::Kind::kIpv4:
    case policy::Endpoint::Kind::kName:
      break;
  }
  return endpoint.host + ":" + std::to_string(endpoint.port);
}

}  // namespace mixguard::sandbox
