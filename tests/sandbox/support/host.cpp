// SPDX-License-Identifier: Apache-2.0
#include "host.hpp"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "box.hpp"

namespace mixguard::test {
namespace {

std::string process(pid_t pid, const std::string& name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

std::vector<pid_t> descendants(pid_t pid) {
  std::vector<pid_t> all;
  std::ifstream children(process(pid, "task/" + std::to_string(pid) + "/children"));
  for (pid_t child = 0; children >> child;) {
    all.push_back(child);
    const std::vector<pid_t> below = descendants(child);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

}  // namespace

void wait_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

bool eventually(const std::function<bool()>& happened) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!happened()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    wait_ms(5);
  }
  return true;
}

Redirected::Redirected(int standard, int replacement)
    : standard_(standard), saved_(::fcntl(standard, F_DUPFD_CLOEXEC, 3)) {
  ::dup2(replacement, standard);
}
Redirected::~Redirected() {
  if (saved_ < 0) {
    ::close(standard_);
    return;
  }
  ::dup2(saved_, standard_);
  ::close(saved_);
}

Listener Listener::internet(int type) {
  const int fd = ::socket(AF_INET6, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const int both = 0;
  ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &both, sizeof(both));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
  if (type == SOCK_STREAM) REQUIRE(::listen(fd, 64) == 0);
  socklen_t length = sizeof(address);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length);
  Listener listener(fd);
  listener.port = std::to_string(ntohs(address.sin6_port));
  return listener;
}

Listener Listener::named(const std::string& name, int type) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(name.begin(), name.end(), address.sun_path);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const int fd = ::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
  REQUIRE(::bind(fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
  if (type != SOCK_DGRAM) REQUIRE(::listen(fd, 64) == 0);
  return Listener(fd);
}

Listener::~Listener() { ::close(fd_); }

bool Listener::was_reached() const {
  pollfd ready{fd_, POLLIN, 0};
  if (::poll(&ready, 1, 20) <= 0) return false;
  char byte = 0;
  const int peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
  if (peer >= 0) return ::close(peer) == 0;
  return ::recv(fd_, &byte, 1, 0) == 1;
}

Victim::Victim(const std::function<void()>& prepare)
    : memory_(static_cast<char*>(
          ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {
  std::strcpy(memory_, kSecret);
  const auto catching = ::signal(SIGTERM, SIG_DFL);  // Catch catches it
  pid_ = ::fork();
  if (pid_ == 0) {
    // Where Yama would otherwise let only a parent trace: the control arms are no parents.
    ::prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0);
    ::prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (prepare) prepare();
    memory_[2048] = 1;
    for (;;) ::pause();
  }
  ::signal(SIGTERM, catching);
  while (reinterpret_cast<volatile char*>(memory_)[2048] == 0) wait_ms(1);
}
Victim::~Victim() {
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
  ::munmap(memory_, 4096);
}
bool Victim::alive() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) == 0 &&
         info.si_pid == 0;
}
std::string Victim::memory() const { return memory_; }
std::string Victim::address() const {
  std::ostringstream text;
  text << static_cast<void*>(memory_);
  return text.str();
}

std::vector<pid_t> running(const std::string& program) {
  struct stat wanted{};
  REQUIRE(::stat(program.c_str(), &wanted) == 0);
  std::vector<pid_t> all = descendants(::getpid());
  std::erase_if(all, [&](pid_t pid) {
    struct stat info{};
    return ::stat(process(pid, "exe").c_str(), &info) != 0 || info.st_dev != wanted.st_dev ||
           info.st_ino != wanted.st_ino;
  });
  return all;
}

bool any_with_argument(const std::string& argument) {
  const std::string wanted = '\0' + argument + '\0';
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    if (Box::read(entry.path().string() + "/cmdline").find(wanted) != std::string::npos)
      return true;
  }
  return false;
}

std::string status_of(pid_t pid, const std::string& field) {
  std::ifstream lines(process(pid, "status"));
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with(field + ":\t")) return line.substr(field.size() + 2);
  }
  return "";
}

bool differs_from_parent(pid_t pid, const std::string& name) {
  const pid_t parent = std::stoi(status_of(pid, "PPid"));
  if (name == "mountinfo")
    return Box::read(process(pid, name)).size() != Box::read(process(parent, name)).size();
  struct stat own{}, parents{};
  REQUIRE(::stat(process(pid, name).c_str(), &own) == 0);
  REQUIRE(::stat(process(parent, name).c_str(), &parents) == 0);
  return own.st_dev != parents.st_dev || own.st_ino != parents.st_ino;
}

bool holds(pid_t pid, const std::string& text) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator(process(pid, "fd"), error)) {
    if (std::filesystem::read_symlink(entry.path(), error).string().find(text) !=
        std::string::npos) {
      return true;
    }
  }
  return false;
}

}  // namespace mixguard::test
