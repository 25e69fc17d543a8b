// SPDX-License-Identifier: Apache-2.0
#include "sandbox/resolver.hpp"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <utility>

#include "sandbox/sys/syscall.hpp"

namespace mixguard::sandbox {
namespace {

constexpr std::size_t kMostAddresses = 8;
// Smaller than a pipe holds, so that the writer never waits.
constexpr std::size_t kMostBytes = kMostAddresses * sizeof(Address);

// The supervisor has one thread, so all of libc may be used after fork(2).
[[noreturn]] void look_up(const char* name, int answer) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The control socket above all: a copy of it would keep the command alive when we are dead.
  ::dup2(answer, STDERR_FILENO + 1);
  sys::close_range(STDERR_FILENO + 2, ~0U, 0);
  sigset_t none;
  ::sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (::getaddrinfo(name, nullptr, &hints, &found) != 0) ::_exit(1);
  std::size_t count = 0;
  for (const addrinfo* info = found; info != nullptr && count < kMostAddresses;
       info = info->ai_next) {
    if (info->ai_family != AF_INET && info->ai_family != AF_INET6) continue;
    Address address;
    std::memcpy(&address.storage, info->ai_addr, info->ai_addrlen);
    address.size = info->ai_addrlen;
    if (::write(STDERR_FILENO + 1, &address, sizeof(address)) < 0) ::_exit(1);
    ++count;
  }
  ::_exit(0);
}

std::vector<Address> addresses_in(const std::string& bytes) {
  std::vector<Address> addresses(bytes.size() / sizeof(Address));
  if (!addresses.empty())
    std::memcpy(addresses.data(), bytes.data(), addresses.size() * sizeof(Address));
  return addresses;
}

}  // namespace

Resolver::~Resolver() {
  for (auto& [name, lookup] : lookups_) stop(lookup);
}

void Resolver::resolve(const std::string& name, Done done) {
  if (const auto known = known_.find(name); known != known_.end()) return done(known->second);
  const auto [found, is_new] = lookups_.try_emplace(name);
  if (is_new && !begin(name, found->second)) {
    lookups_.erase(found);
    return done({});
  }
  found->second.waiting.push_back(std::move(done));
}

bool Resolver::begin(const std::string& name, Lookup& lookup) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return false;
  lookup.answer.reset(ends[0]);
  const UniqueFd writer(ends[1]);
  const pid_t pid = ::fork();
  if (pid < 0) return false;
  if (pid == 0) look_up(name.c_str(), writer.get());
  lookup.process.reset(sys::pidfd_open(pid));
  lookup.deadline = Clock::now() + kPatience;
  const bool is_watched =
      lookup.process &&
      loop_.watch(lookup.answer.get(), EPOLLIN, [this, name](auto) { read_answer(name); })
          .has_value();
  if (!is_watched) stop(lookup);
  return is_watched;
}

void Resolver::read_answer(const std::string& name) {
  Lookup& lookup = lookups_.at(name);
  std::array<char, kMostBytes> bytes{};
  const ssize_t n = ::read(lookup.answer.get(), bytes.data(), bytes.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
  if (n > 0) {
    lookup.bytes.append(bytes.data(), static_cast<std::size_t>(n));
    return;
  }
  end(name);
}

void Resolver::end(const std::string& name) {
  auto node = lookups_.extract(name);
  Lookup& lookup = node.mapped();
  stop(lookup);
  const std::vector<Address> addresses = addresses_in(lookup.bytes);
  if (!addresses.empty()) known_[name] = addresses;
  for (const Done& done : lookup.waiting) done(addresses);
}

void Resolver::expire(Clock::time_point now) {
  std::vector<std::string> late;
  for (const auto& [name, lookup] : lookups_) {
    if (now >= lookup.deadline) late.push_back(name);
  }
  for (const std::string& name : late) end(name);
}

void Resolver::stop(Lookup& lookup) {
  if (lookup.answer) loop_.unwatch(lookup.answer.get());
  lookup.answer.reset();
  if (!lookup.process) return;
  sys::pidfd_send_signal(lookup.process.get(), SIGKILL);
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(lookup.process.get()), &info, WEXITED) != 0 &&
         errno == EINTR) {
  }
  lookup.process.reset();
}

}  // namespace mixguard::sandbox
