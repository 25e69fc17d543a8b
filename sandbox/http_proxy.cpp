// SPDX-License-Identifier: Apache-2.0
#include "sandbox/http_proxy.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <utility>

namespace mixguard::sandbox {
namespace {

const char* phrase(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 403:
      return "Forbidden";
    case 405:
      return "Method Not Allowed";
    default:
      return "Bad Gateway";
  }
}

}  // namespace

std::string proxy_refusal(int status, const std::string& text) {
  const std::string body = "mixguard: " + text + "\n";
  return "HTTP/1.1 " + std::to_string(status) + " " + phrase(status) +
         "\r\nContent-Type: text/plain\r\nContent-Length: " + std::to_string(body.size()) +
         (status == 405 ? "\r\nAllow: CONNECT" : "") + "\r\nConnection: close\r\n\r\n" + body;
}

void answer_and_close(UniqueFd client, const std::string& answer) {
  // Short, and the first thing on its way to the client: it fits the socket's buffer.
  static_cast<void>(::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL));
  ::shutdown(client.get(), SHUT_WR);
  // What is unread when a socket is closed turns the close into a reset, which would take the
  // answer along.
  std::array<char, 4096> rest{};
  while (::read(client.get(), rest.data(), rest.size()) > 0) {
  }
}

ProxyRequest::ProxyRequest(EventLoop& loop, UniqueFd client, Done done)
    : loop_(loop),
      client_(std::move(client)),
      deadline_(Clock::now() + kPatience),
      done_(std::move(done)) {}

ProxyRequest::~ProxyRequest() {
  if (is_watched_) loop_.unwatch(client_.get());
}

void ProxyRequest::start() {
  is_watched_ = loop_.watch(client_.get(), EPOLLIN, [this](std::uint32_t) { read(); }).has_value();
  if (!is_watched_) finish({}, false);
}

void ProxyRequest::expire(Clock::time_point now) {
  if (now >= deadline_) finish({}, false);
}

void ProxyRequest::read() {
  std::array<char, kMaxRequestHead> buffer{};
  const ssize_t n = ::read(client_.get(), buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n <= 0) return finish({}, false);
  text_.append(buffer.data(), static_cast<std::size_t>(n));
  const ConnectRequest request = parse_connect_request(text_);
  if (request.status != ConnectRequest::Status::kIncomplete) finish(request, true);
}

void ProxyRequest::finish(const ConnectRequest& request, bool is_there) {
  if (is_watched_) loop_.unwatch(client_.get());
  is_watched_ = false;
  const Done done = std::exchange(done_, nullptr);
  UniqueFd client = is_there ? std::move(client_) : UniqueFd();
  const ConnectRequest copy = request;
  std::string behind = is_there ? text_.substr(copy.length) : std::string();
  done(std::move(client), copy, std::move(behind));
}

}  // namespace mixguard::sandbox
