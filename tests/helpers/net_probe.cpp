// SPDX-License-Identifier: Apache-2.0
// Network clients, servers and attackers for tests/sandbox/net_*_test.cpp: `net_probe NAME [ARG…]`
// exits 77 when what it tries worked and 1 when it did not, printing why. The tests look at the
// effect from outside. ADDRESS is "1.2.3.4:5", "[::1]:5" or "unix:/path" ("unix:@name": abstract).
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kWorked = 77;
constexpr int kRefused = 1;

using Arguments = std::vector<std::string>;

int verdict(bool worked) {
  if (worked) return kWorked;
  std::printf("refused: %s\n", std::strerror(errno));
  return kRefused;
}

struct Target {
  sockaddr_storage address{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }
};

Target target_of(const std::string& text) {
  Target target;
  if (text.compare(0, 5, "unix:") == 0) {
    auto* un = reinterpret_cast<sockaddr_un*>(&target.address);
    const std::string path = text.substr(5);
    un->sun_family = AF_UNIX;
    std::memcpy(un->sun_path, path.data(), std::min(path.size(), sizeof(un->sun_path) - 1));
    if (path[0] == '@') un->sun_path[0] = '\0';
    target.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() +
                                         (path[0] == '@' ? 0 : 1));
    return target;
  }
  const std::size_t colon = text.rfind(':');
  const auto port = static_cast<std::uint16_t>(std::atoi(text.c_str() + colon + 1));
  if (text[0] == '[') {
    auto* in = reinterpret_cast<sockaddr_in6*>(&target.address);
    in->sin6_family = AF_INET6;
    in->sin6_port = htons(port);
    ::inet_pton(AF_INET6, text.substr(1, colon - 2).c_str(), &in->sin6_addr);
    target.size = sizeof(*in);
  } else {
    auto* in = reinterpret_cast<sockaddr_in*>(&target.address);
    in->sin_family = AF_INET;
    in->sin_port = htons(port);
    ::inet_pton(AF_INET, text.substr(0, colon).c_str(), &in->sin_addr);
    target.size = sizeof(*in);
  }
  return target;
}

int connected(const std::string& text, int type = SOCK_STREAM) {
  const Target target = target_of(text);
  const int fd = ::socket(target.address.ss_family, type, 0);
  if (fd < 0 || ::connect(fd, target.get(), target.size) == 0) return fd;
  ::close(fd);
  return -1;
}

bool send_all(int fd, const char* data, std::size_t size) {
  while (size > 0) {
    const ssize_t n = ::send(fd, data, size, MSG_NOSIGNAL);
    if (n <= 0) return false;
    data += n;
    size -= static_cast<std::size_t>(n);
  }
  return true;
}

std::string read_to_end(int fd) {
  std::string text;
  char buffer[65536];
  for (ssize_t n = 0; (n = ::read(fd, buffer, sizeof(buffer))) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  return text;
}

int connect_stream(const Arguments& a) { return verdict(connected(a.at(0)) >= 0); }
int connect_datagram(const Arguments& a) { return verdict(connected(a.at(0), SOCK_DGRAM) >= 0); }
int connect_packets(const Arguments& a) { return verdict(connected(a.at(0), SOCK_SEQPACKET) >= 0); }

// ADDRESS TEXT: sends the text, closes its half, and prints what comes back.
int talk(const Arguments& a) {
  const int fd = connected(a.at(0));
  if (fd < 0) return verdict(false);
  if (!send_all(fd, a.at(1).data(), a.at(1).size())) return verdict(false);
  ::shutdown(fd, SHUT_WR);
  const std::string answer = read_to_end(fd);
  std::printf("%s\n", answer.c_str());
  return answer.empty() ? kRefused : kWorked;
}

// ADDRESS TEXT: as talk, but without closing any half.
int ask(const Arguments& a) {
  const int fd = connected(a.at(0));
  if (fd < 0 || !send_all(fd, a.at(1).data(), a.at(1).size())) return verdict(false);
  const std::string answer = read_to_end(fd);
  std::printf("%s\n", answer.c_str());
  return answer.empty() ? kRefused : kWorked;
}

// ADDRESS TEXT: sends and is gone at once.
int say_and_die(const Arguments& a) {
  const int fd = connected(a.at(0));
  return verdict(fd >= 0 && send_all(fd, a.at(1).data(), a.at(1).size()));
}

std::uint64_t checksum(std::uint64_t sum, const char* data, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    sum = (sum ^ static_cast<unsigned char>(data[i])) * 1099511628211ULL;
  return sum;
}

// ADDRESS BYTES: sends them to an echo, reads them back at the same time, compares both.
int pour(const Arguments& a) {
  const int fd = connected(a.at(0));
  if (fd < 0) return verdict(false);
  const auto total = static_cast<std::size_t>(std::atoll(a.at(1).c_str()));
  const pid_t writer = ::fork();
  std::vector<char> block(100'003);
  if (writer == 0) {
    std::uint32_t state = 1;
    for (std::size_t done = 0; done < total;) {
      const std::size_t n = std::min(block.size(), total - done);
      for (std::size_t i = 0; i < n; ++i)
        block[i] = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
      if (!send_all(fd, block.data(), n)) ::_exit(1);
      done += n;
    }
    ::shutdown(fd, SHUT_WR);
    ::_exit(0);
  }
  std::uint64_t expected = 1, received = 1;
  std::uint32_t state = 1;
  std::size_t count = 0;
  for (ssize_t n = 0; (n = ::read(fd, block.data(), block.size())) > 0;) {
    received = checksum(received, block.data(), static_cast<std::size_t>(n));
    for (ssize_t i = 0; i < n; ++i) {
      const char byte = static_cast<char>((state = state * 1664525 + 1013904223) >> 24);
      expected = checksum(expected, &byte, 1);
    }
    count += static_cast<std::size_t>(n);
  }
  int status = 0;
  ::waitpid(writer, &status, 0);
  std::printf("%zu bytes\n", count);
  return count == total && received == expected && status == 0 ? kWorked : kRefused;
}

// ADDRESS COUNT: as many connections at once, each with a word of its own that must come back.
int crowd(const Arguments& a) {
  const int count = std::atoi(a.at(1).c_str());
  std::vector<int> fds;
  for (int i = 0; i < count; ++i) fds.push_back(connected(a.at(0)));
  int answered = 0;
  for (int i = 0; i < count; ++i) {
    const std::string word = "word " + std::to_string(i);
    if (fds[static_cast<std::size_t>(i)] >= 0)
      send_all(fds[static_cast<std::size_t>(i)], word.data(), word.size());
  }
  for (int i = 0; i < count; ++i) {
    const std::string word = "word " + std::to_string(i);
    const int fd = fds[static_cast<std::size_t>(i)];
    if (fd < 0) continue;
    ::shutdown(fd, SHUT_WR);
    answered += read_to_end(fd) == word;
  }
  std::printf("%d\n", answered);
  return answered == count ? kWorked : kRefused;
}

// ADDRESS FILE: passes a descriptor of the file along with a byte.
int pass_descriptor(const Arguments& a) {
  const int fd = connected(a.at(0));
  const int file = ::open(a.at(1).c_str(), O_RDONLY);
  if (fd < 0 || file < 0) return verdict(false);
  char byte = 'x';
  iovec content{&byte, 1};
  alignas(cmsghdr) char ancillary[CMSG_SPACE(sizeof(int))] = {};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = ancillary;
  message.msg_controllen = sizeof(ancillary);
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(sizeof(int));
  std::memcpy(CMSG_DATA(header), &file, sizeof(file));
  if (::sendmsg(fd, &message, MSG_NOSIGNAL) != 1) return verdict(false);
  ::shutdown(fd, SHUT_WR);
  read_to_end(fd);
  return kWorked;
}

// ADDRESS ALLOWED FORBIDDEN: connects again and again while another thread rewrites the address and
// swaps the descriptor; counts nothing itself, the listeners outside do.
struct Race {
  Target shared;
  std::uint16_t ports[2] = {};
  int fd = -1;
  std::atomic<bool> begun{false};
  std::atomic<bool> over{false};
};

void* rewrite(void* argument) {
  Race& race = *static_cast<Race*>(argument);
  auto* in = reinterpret_cast<volatile sockaddr_in*>(&race.shared.address);
  for (unsigned i = 0; !race.over; ++i) {
    if (i == 1000) race.begun = true;
    in->sin_port = htons(race.ports[i & 1]);
    if (i % 64 == 0) {
      const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
      ::dup2(other, race.fd);
      ::close(other);
    }
  }
  return nullptr;
}

int race_connect(const Arguments& a) {
  Race race;
  race.shared = target_of(a.at(0) + ":" + a.at(1));
  race.ports[0] = static_cast<std::uint16_t>(std::atoi(a.at(1).c_str()));
  race.ports[1] = static_cast<std::uint16_t>(std::atoi(a.at(2).c_str()));
  race.fd = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  pthread_t thread{};
  if (::pthread_create(&thread, nullptr, rewrite, &race) != 0) return verdict(false);
  while (!race.begun) {
  }
  for (int i = 0; i < 300; ++i) {
    const int fresh = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    ::dup2(fresh, race.fd);
    ::close(fresh);
    ::connect(race.fd, race.shared.get(), race.shared.size);
    ::usleep(100);
  }
  race.over = true;
  ::pthread_join(thread, nullptr);
  return 0;
}

// NAME: prints its addresses.
int resolve(const Arguments& a) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(a.at(0).c_str(), nullptr, &hints, &found);
  if (error != 0) {
    std::printf("refused: %s\n", ::gai_strerror(error));
    return kRefused;
  }
  for (; found != nullptr; found = found->ai_next) {
    char text[NI_MAXHOST] = {};
    ::getnameinfo(found->ai_addr, found->ai_addrlen, text, sizeof(text), nullptr, 0,
                  NI_NUMERICHOST);
    std::printf("%s ", text);
  }
  return kWorked;
}

int listen_on(const std::string& text) {
  const Target target = target_of(text);
  const int fd = ::socket(target.address.ss_family, SOCK_STREAM, 0);
  const int on = 1;
  ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  return fd >= 0 && ::bind(fd, target.get(), target.size) == 0 && ::listen(fd, 64) == 0 ? fd : -1;
}

// ADDRESS COUNT [MARK]: answers that many connections with what they say, each to its end; makes
// the file MARK when it listens.
int serve(const Arguments& a) {
  const int listener = listen_on(a.at(0));
  if (listener < 0) return verdict(false);
  if (a.size() > 2) ::close(::open(a[2].c_str(), O_WRONLY | O_CREAT, 0644));
  for (int i = std::atoi(a.at(1).c_str()); i > 0; --i) {
    const int fd = ::accept(listener, nullptr, nullptr);
    const std::string text = "inside: " + read_to_end(fd);
    send_all(fd, text.data(), text.size());
    ::close(fd);
  }
  return kWorked;
}

int bind_only(const Arguments& a) { return verdict(listen_on(a.at(0)) >= 0); }

// ADDRESS MILLISECONDS: connects and keeps quiet.
int hold(const Arguments& a) {
  const int fd = connected(a.at(0));
  ::usleep(static_cast<useconds_t>(std::atoi(a.at(1).c_str())) * 1000);
  return verdict(fd >= 0);
}

// FIRST LAST: prints the descriptors in that range that are open.
int descriptors(const Arguments&) {
  for (int fd = 3; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) >= 0) std::printf("%d ", fd);
  }
  std::printf("\n");
  return 0;
}

int wait_ms(const Arguments& a) {
  ::usleep(static_cast<useconds_t>(std::atoi(a.at(0).c_str())) * 1000);
  return 0;
}

int environment(const Arguments&) {
  for (char** entry = environ; *entry != nullptr; ++entry) std::printf("%s\n", *entry);
  return 0;
}

struct Act {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr Act kActs[] = {
    {"connect", connect_stream},
    {"connect_datagram", connect_datagram},
    {"connect_packets", connect_packets},
    {"talk", talk},
    {"ask", ask},
    {"say_and_die", say_and_die},
    {"pour", pour},
    {"crowd", crowd},
    {"pass_descriptor", pass_descriptor},
    {"race_connect", race_connect},
    {"resolve", resolve},
    {"serve", serve},
    {"bind", bind_only},
    {"hold", hold},
    {"descriptors", descriptors},
    {"wait_ms", wait_ms},
    {"environment", environment},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  ::setvbuf(stdout, nullptr, _IONBF, 0);
  ::signal(SIGPIPE, SIG_IGN);
  const Arguments arguments(argv + 2, argv + argc);
  for (const Act& act : kActs) {
    if (std::strcmp(act.name, argv[1]) == 0) return act.run(arguments);
  }
  std::fprintf(stderr, "net_probe: nothing named %s\n", argv[1]);
  return 64;
}
