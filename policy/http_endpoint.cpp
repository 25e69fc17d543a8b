// SPDX-License-Identifier: Apache-2.0
#include "policy/http_endpoint.hpp"

#include <algorithm>
#include <set>

#include "policy/endpoint.hpp"
#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

constexpr std::string_view kScheme = "http://";
constexpr std::string_view kDefaultPort = ":80";
constexpr const char* kTable = "[[endpoint]]";

bool is_alphanumeric(char c) { return is_lower(c) || is_upper(c) || is_digit(c); }

bool is_hexadecimal(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

// RFC 3986, 2.3: never needs encoding.
bool is_unreserved(char c) {
  return is_alphanumeric(c) || std::string_view("-._~").find(c) != std::string_view::npos;
}

// RFC 3986, 3.3: pchar, one or more.
bool is_segment(std::string_view text) {
  constexpr ByteSet kOthers("!$&'()*+,;=:@");
  while (!text.empty()) {
    const bool encoded =
        text[0] == '%' && text.size() > 2 && is_hexadecimal(text[1]) && is_hexadecimal(text[2]);
    if (!encoded && !is_unreserved(text[0]) && !kOthers.contains(text[0])) return false;
    text.remove_prefix(encoded ? 3 : 1);
  }
  return true;
}

// "." and "..", in any spelling: a server may take the path for another.
bool climbs(std::string_view segment) {
  std::size_t dots = 0;
  while (!segment.empty()) {
    const bool encoded = segment.starts_with("%2e") || segment.starts_with("%2E");
    if (!encoded && segment[0] != '.') return false;
    segment.remove_prefix(encoded ? 3 : 1);
    ++dots;
  }
  return dots == 1 || dots == 2;
}

bool is_parameter(std::string_view segment) {
  return segment.size() > 1 && segment[0] == ':' &&
         std::all_of(segment.begin() + 1, segment.end(),
                     [](char c) { return is_alphanumeric(c) || c == '_'; });
}

bool is_loopback(const Endpoint& endpoint) {
  switch (endpoint.kind) {
    case Endpoint::Kind::kIpv4:
      return endpoint.host.starts_with("127.");
    case Endpoint::Kind::kIpv6:
      return endpoint.host == "::1";
    case Endpoint::Kind::kName:
      return endpoint.host == "localhost";
    case Endpoint::Kind::kUnix:
      return false;
  }
  return false;
}

std::string encoded(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += {'%', kDigits[byte >> 4], kDigits[byte & 15]};
  }
  return out;
}

std::optional<std::string> scalar(PolicyReader& reader, const Member& member,
                                  std::string_view where) {
  const Node& node = member.value;
  if (node.kind == Node::Kind::kInteger) return std::to_string(node.integer);
  if (node.kind == Node::Kind::kBoolean) return node.boolean ? "true" : "false";
  if (node.kind == Node::Kind::kString) return reader.text(node, member.key);
  reader.error(node.at, quoted(member.key) + " in " + quoted(where) + " is " +
                            std::string(node.kind_name()) +
                            "; expected a string, a number or a boolean");
  return std::nullopt;
}

class UrlParser {
 public:
  UrlParser(PolicyReader& reader, const Node& table, HttpEndpoint& endpoint)
      : reader_(reader), table_(table), endpoint_(endpoint) {}

  void parse() {
    const Node* node = reader_.required(table_, "url", kTable);
    const auto url = node != nullptr ? reader_.text(*node, "url") : std::nullopt;
    if (!url) return;
    at_ = node->at;
    endpoint_.url = *url;
    std::string_view rest = *url;
    if (!rest.starts_with(kScheme)) return refuse("expected a URL that begins with \"http://\"");
    rest.remove_prefix(kScheme.size());
    const std::size_t slash = std::min(rest.find_first_of("/?#"), rest.size());
    parse_authority(rest.substr(0, slash));
    parse_path(rest.substr(slash));
    parse_query();
  }

 private:
  void refuse(const std::string& what) {
    reader_.error(at_, "\"url\" is " + quoted(endpoint_.url) + "; " + what);
  }

  void parse_authority(std::string_view authority) {
    const std::size_t bracket = authority.rfind(']');
    const bool has_port = authority.find(':', bracket == std::string_view::npos ? 0 : bracket) !=
                          std::string_view::npos;
    const auto endpoint = parse_endpoint(concat({authority, has_port ? "" : kDefaultPort}));
    if (!endpoint || !is_loopback(*endpoint)) {
      return refuse(
          "expected an address of this machine: localhost, 127.0.0.1 or [::1], and a port");
    }
    endpoint_.host = endpoint->host;
    endpoint_.port = endpoint->port;
  }

  void parse_path(std::string_view path) {
    if (path.find_first_of("?#") != std::string_view::npos)
      return refuse("expected no \"?\" or \"#\"; the query has a key of its own, \"query\"");
    const Node* params = table_.find("params");
    if (params != nullptr && !reader_.table(*params, "params")) return;
    std::set<std::string_view> used;
    std::string target;
    for (path.remove_prefix(path.empty() ? 0 : 1); !path.empty() || target.empty();) {
      const std::size_t slash = path.find('/');
      const std::string_view segment = path.substr(0, slash);
      target += '/';
      if (is_parameter(segment)) {
        used.insert(segment.substr(1));
        target += value_of(params, segment.substr(1));
      } else if (!is_segment(segment) || climbs(segment)) {
        return refuse("expected no " + quoted(segment) + " in its path");
      } else {
        target += segment;
      }
      if (slash == std::string_view::npos) break;
      path.remove_prefix(slash + 1);
      if (path.empty()) target += '/';
    }
    endpoint_.target = std::move(target);
    if (params == nullptr) return;
    for (const Member& member : params->members) {
      if (used.contains(member.key)) continue;
      reader_.error(member.at, quoted(member.key) +
                                   " in \"params\" is no segment of the path; expected :" +
                                   member.key + " in \"url\"");
    }
  }

  std::string value_of(const Node* params, std::string_view name) {
    if (params != nullptr) {
      for (const Member& member : params->members) {
        if (member.key != name) continue;
        const auto text = scalar(reader_, member, "params");
        if (text && (text->empty() || climbs(*text))) {
          reader_.error(member.value.at, quoted(name) + " in \"params\" is " + quoted(*text) +
                                             "; expected something that stays one segment");
        }
        return encoded(text.value_or(""));
      }
    }
    refuse("its parameter " + quoted(name) + " has no value; write params = { " +
           std::string(name) + " = … }");
    return {};
  }

  void parse_query() {
    const Node* query = table_.find("query");
    if (query == nullptr || !reader_.table(*query, "query")) return;
    char separator = '?';
    for (const Member& member : query->members) {
      const auto text = scalar(reader_, member, "query");
      if (!text) continue;
      endpoint_.target += separator + encoded(member.key) + "=" + encoded(*text);
      separator = '&';
    }
  }

  PolicyReader& reader_;
  const Node& table_;
  HttpEndpoint& endpoint_;
  Position at_;
};

// RFC 9110, 8.3.1, without parameters.
bool is_media_type(std::string_view text) {
  constexpr ByteSet kOthers("!#$&^_.+-");
  const std::size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos || slash + 1 == text.size()) return false;
  return std::count(text.begin(), text.end(), '/') == 1 &&
         std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_alphanumeric(c) || c == '/' || kOthers.contains(c); });
}

}  // namespace

HttpEndpoint parse_http_endpoint(PolicyReader& reader, const Node& node) {
  HttpEndpoint endpoint;
  endpoint.line = node.at.line;
  if (!reader.table(node, "endpoint")) return endpoint;
  reader.only_keys(node, kTable, {"url", "params", "query", "status", "content_type"});
  UrlParser(reader, node, endpoint).parse();
  if (const Node* status = node.find("status")) {
    const auto code = reader.integer(*status, "status");
    if (code && (*code < 200 || *code > 599)) {
      reader.error(status->at, "\"status\" is " + std::to_string(*code) + "; expected 200 to 599");
    } else if (code) {
      endpoint.status = static_cast<std::uint16_t>(*code);
    }
  }
  if (const Node* type = node.find("content_type")) {
    endpoint.content_type = reader.text(*type, "content_type").value_or("");
    if (type->kind == Node::Kind::kString && !is_media_type(endpoint.content_type)) {
      reader.error(type->at, "\"content_type\" is " + quoted(endpoint.content_type) +
                                 "; expected a media type such as \"text/html\"");
    }
  }
  return endpoint;
}

}  // namespace mixguard::policy
