// SPDX-License-Identifier: Apache-2.0
#include "guard/probe.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/version.hpp>
#include <cstddef>

#include "policy/text.hpp"

namespace mixguard::guard {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using Code = boost::system::error_code;

constexpr std::uint32_t kHeaderLimit = 64U << 10;

// "text/html" of "Text/HTML; charset=utf-8" (RFC 9110, 8.3.1).
std::string media_type(beast::string_view header) {
  std::string type;
  for (const char c : header.substr(0, header.find(';'))) {
    if (c != ' ' && c != '\t') type += policy::to_lower(c);
  }
  return type;
}

std::string authority(const policy::HttpEndpoint& endpoint) {
  const bool is_v6 = endpoint.host.find(':') != std::string::npos;
  return (is_v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

// One exchange, each step begun by the one before.
class Exchange {
 public:
  Exchange(const policy::HttpEndpoint& endpoint, const std::string& address,
           std::chrono::milliseconds limit)
      : stream_(context_),
        peer_(asio::ip::make_address(address), endpoint.port),
        request_(http::verb::get, endpoint.target, 11) {
    request_.set(http::field::host, authority(endpoint));
    request_.set(http::field::user_agent, "mixguard");
    request_.set(http::field::accept,
                 endpoint.content_type.empty() ? "*/*" : endpoint.content_type);
    request_.set(http::field::connection, "close");
    parser_.header_limit(kHeaderLimit);
    stream_.expires_after(limit);
  }

  Answer run() {
    stream_.async_connect(peer_, [this](const Code& code) { connected(code); });
    context_.run();
    return std::move(answer_);
  }

 private:
  void connected(const Code& code) {
    if (code) return stop(code);
    answer_.connected = true;
    http::async_write(stream_, request_, [this](const Code& failure, std::size_t) {
      if (failure) return stop(failure);
      http::async_read_header(stream_, buffer_, parser_,
                              [this](const Code& trouble, std::size_t) { answered(trouble); });
    });
  }

  void answered(const Code& code) {
    if (code) return stop(code);
    answer_.status = parser_.get().result_int();
    answer_.content_type = media_type(parser_.get()[http::field::content_type]);
  }

  void stop(const Code& code) {
    if (code == beast::error::timeout) {
      answer_.trouble = "no answer in time";
    } else if (code == http::error::end_of_stream) {
      answer_.trouble = "it hung up without an answer";
    } else {
      answer_.trouble = code.message();
    }
  }

  asio::io_context context_{1};
  beast::tcp_stream stream_;
  asio::ip::tcp::endpoint peer_;
  http::request<http::empty_body> request_;
  beast::flat_buffer buffer_{kHeaderLimit};
  http::response_parser<http::empty_body> parser_;
  Answer answer_;
};

Answer ask_at(const policy::HttpEndpoint& endpoint, const std::string& address,
              std::chrono::milliseconds limit) {
  try {
    return Exchange(endpoint, address, limit).run();
  } catch (const std::exception& error) {
    Answer answer;
    answer.trouble = error.what();
    return answer;
  }
}

}  // namespace

Answer ask(const policy::HttpEndpoint& endpoint, std::chrono::milliseconds limit) {
  if (endpoint.host != "localhost") return ask_at(endpoint, endpoint.host, limit);
  Answer answer = ask_at(endpoint, "127.0.0.1", limit);
  return answer.connected ? answer : ask_at(endpoint, "::1", limit);
}

std::string asked_url(const policy::HttpEndpoint& endpoint) {
  return "http://" + authority(endpoint) + endpoint.target;
}

std::string mismatch(const policy::HttpEndpoint& endpoint, const Answer& answer) {
  if (!answer.connected) return "nothing listens there (" + answer.trouble + ")";
  if (answer.status == 0) return answer.trouble;
  const std::string status = "its status is " + std::to_string(answer.status);
  if (endpoint.status != 0 && answer.status != endpoint.status)
    return status + "; expected " + std::to_string(endpoint.status);
  if (endpoint.status == 0 && (answer.status < 200 || answer.status > 399))
    return status + "; expected 200 to 399";
  const std::string expected = policy::to_lower(endpoint.content_type);
  if (!expected.empty() && answer.content_type != expected)
    return "its content type is " +
           (answer.content_type.empty() ? "missing" : answer.content_type) + "; expected " +
           expected;
  return {};
}

}  // namespace mixguard::guard
