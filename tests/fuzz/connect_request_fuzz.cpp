// SPDX-License-Identifier: Apache-2.0
//
// What the command sends to the proxy inside its sandbox.

#include "policy/endpoint.hpp"
#include "sandbox/address.hpp"
#include "sandbox/connect_request.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mixguard;
using sandbox::ConnectRequest;
using Status = ConnectRequest::Status;

// A request that is understood is understood in one way, whoever reads it.
void claim_target(const std::string& text, const ConnectRequest& request) {
  fuzz::claim(request.length <= text.size() && request.length >= 4, "a request has a length");
  const std::string head = text.substr(0, request.length);
  fuzz::claim(head.ends_with("\r\n\r\n"), "a request ends with a blank line");
  fuzz::claim(head.find("\r\n\r\n") == head.size() - 4, "at the first one");
  for (const char c : head) {
    fuzz::claim((c >= ' ' && c < 0x7F) || c == '\t' || c == '\r' || c == '\n', "in plain ASCII");
  }
  const std::string spelling = sandbox::spelling(request.target);
  const auto again = policy::parse_endpoint(spelling);
  fuzz::claim(again.has_value(), "a target can be written into a policy");
  fuzz::claim(again->kind == request.target.kind && again->host == request.target.host &&
                  again->port == request.target.port,
              "and means the same there");
  fuzz::claim(request.target.kind != policy::Endpoint::Kind::kUnix, "a target is no path");
  const bool is_name = request.target.kind == policy::Endpoint::Kind::kName;
  fuzz::claim(sandbox::address_of(request.target).has_value() != is_name,
              "what is no name is an address");
}

// However the bytes arrive, the answer is the same, and once given it stays.
void claim_prefixes(const std::string& text, const ConnectRequest& whole) {
  for (std::size_t size = 0; size < text.size() && size < 300; ++size) {
    const ConnectRequest part = sandbox::parse_connect_request({text.data(), size});
    if (part.status == Status::kIncomplete) continue;
    fuzz::claim(part.status == whole.status, "more bytes do not change an answer");
    fuzz::claim(part.length == whole.length, "nor where the request ends");
    return;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text = fuzz::text_of(data, size);
  const ConnectRequest request = sandbox::parse_connect_request(text);
  if (request.status == Status::kTarget) claim_target(text, request);
  claim_prefixes(text, request);
  return 0;
}
