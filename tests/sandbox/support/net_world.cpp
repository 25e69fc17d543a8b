// SPDX-License-Identifier: Apache-2.0
#include "net_world.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <thread>

namespace mixguard::test {
namespace {

std::string probe_path() {
  const char* directory = std::getenv("MIXGUARD_TEST_BINARIES");
  return std::string(directory != nullptr ? directory : MIXGUARD_TEST_BINARIES) + "/net_probe";
}

int listen_on(std::string& address) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (address.starts_with("unix:")) {
    auto* un = reinterpret_cast<sockaddr_un*>(&storage);
    un->sun_family = AF_UNIX;
    const std::string path = address.substr(5);
    std::memcpy(un->sun_path, path.data(), path.size());
    if (path.front() == '@') un->sun_path[0] = '\0';
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                  (path.front() == '@' ? 0 : 1));
  } else if (address.starts_with("[")) {
    auto* in = reinterpret_cast<sockaddr_in6*>(&storage);
    in->sin6_family = AF_INET6;
    in->sin6_addr = in6addr_loopback;
    size = sizeof(*in);
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&storage);
    in->sin_family = AF_INET;
    const std::size_t colon = address.rfind(':');
    ::inet_pton(AF_INET, address.substr(0, colon).c_str(), &in->sin_addr);
    in->sin_port = htons(static_cast<std::uint16_t>(std::stoi(address.substr(colon + 1))));
    size = sizeof(*in);
  }
  const int fd = ::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (::bind(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 || ::listen(fd, 512) != 0) {
    ::close(fd);
    return -1;
  }
  if (storage.ss_family == AF_UNIX) return fd;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size);
  // The port is in the same place in both families.
  const int port = ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  address = address.substr(0, address.rfind(':') + 1) + std::to_string(port);
  return fd;
}

}  // namespace

struct EchoServer::Counters {
  std::atomic<unsigned> accepted{0};
  std::atomic<unsigned> open{0};
  std::atomic<unsigned> descriptors{0};
  std::atomic<std::uint64_t> bytes{0};

  void serve(int peer) {
    ++open;
    std::array<char, 65536> buffer{};
    for (;;) {
      iovec content{buffer.data(), buffer.size()};
      alignas(cmsghdr) std::array<char, CMSG_SPACE(4 * sizeof(int))> ancillary{};
      msghdr message{};
      message.msg_iov = &content;
      message.msg_iovlen = 1;
      message.msg_control = ancillary.data();
      message.msg_controllen = ancillary.size();
      const ssize_t n = ::recvmsg(peer, &message, 0);
      if (n <= 0) break;
      if (CMSG_FIRSTHDR(&message) != nullptr) ++descriptors;
      bytes += static_cast<std::uint64_t>(n);
      for (ssize_t sent = 0; sent < n;) {
        const ssize_t more =
            ::send(peer, buffer.data() + sent, static_cast<std::size_t>(n - sent), MSG_NOSIGNAL);
        if (more <= 0) break;
        sent += more;
      }
    }
    ::shutdown(peer, SHUT_RDWR);
    --open;
  }
};

EchoServer::EchoServer(const std::string& address)
    : counters_(static_cast<Counters*>(::mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE,
                                              MAP_SHARED | MAP_ANONYMOUS, -1, 0))),
      address_(address) {
  REQUIRE(counters_ != MAP_FAILED);
  new (counters_) Counters;
  const int listener = listen_on(address_);
  REQUIRE(listener >= 0);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::signal(SIGTERM, SIG_DFL);
    ::signal(SIGCHLD, SIG_IGN);
    for (;;) {
      const int peer = ::accept(listener, nullptr, nullptr);
      if (peer < 0) continue;
      ++counters_->accepted;
      if (::fork() == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(listener);
        counters_->serve(peer);
        ::_exit(0);
      }
      ::close(peer);
    }
  }
  ::close(listener);
}

EchoServer::~EchoServer() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::munmap(counters_, sizeof(Counters));
  if (address_.starts_with("unix:/")) ::unlink(address_.c_str() + 5);
}

std::string EchoServer::port() const { return address_.substr(address_.rfind(':') + 1); }
unsigned EchoServer::accepted() const { return counters_->accepted; }
unsigned EchoServer::open_connections() const { return counters_->open; }
unsigned EchoServer::descriptors_received() const { return counters_->descriptors; }
std::uint64_t EchoServer::bytes() const { return counters_->bytes; }

std::string free_port() {
  std::string address = "127.0.0.1:0";
  const int fd = listen_on(address);
  REQUIRE(fd >= 0);
  ::close(fd);
  return address.substr(address.rfind(':') + 1);
}

Probe run_net(Box& box, const Arguments& arguments) {
  const std::string probe = probe_path();
  box.workspace.binds.push_back({probe, probe});
  Probe result = box.run_program(probe, arguments);
  box.workspace.binds.pop_back();
  return result;
}

Probe bare_net(Box& box, const Arguments& arguments) {
  const std::string program = probe_path();
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  Probe result;
  const std::string file = box.path("net-output");
  Meanwhile process([&] {
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    const int output = ::open(file.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0600);
    ::dup2(output, STDOUT_FILENO);
    if (::chdir(box.cwd.c_str()) != 0) return 126;
    ::execv(program.c_str(), argv.data());
    return 127;
  });
  result.outcome.kind = sandbox::Outcome::Kind::kExited;
  result.outcome.code = process.wait();
  result.output = Box::read(file);
  return result;
}

Meanwhile::Meanwhile(const std::function<int()>& act) : pid_(::fork()) {
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::_exit(act());
}

Meanwhile::~Meanwhile() {
  if (pid_ > 0) ::kill(pid_, SIGKILL);
  wait();
}

int Meanwhile::stop(int signal) {
  if (pid_ > 0) ::kill(pid_, signal);
  return wait();
}

int Meanwhile::wait() {
  if (pid_ < 0) return -1;
  int status = 0;
  ::waitpid(pid_, &status, 0);
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace mixguard::test
