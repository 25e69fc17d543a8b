// SPDX-License-Identifier: Apache-2.0
// Attacks. Each has a control arm that shows that it works without the sandbox, and a verdict taken
// outside.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <thread>

#include "support/box.hpp"

using mixguard::test::Box;
using mixguard::test::full_sandbox_available;

namespace {

// A listener whose accepts are counted: what the attack would reach.
class Listener {
 public:
  explicit Listener(int type) {
    fd_ = ::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
    if (type == SOCK_STREAM) REQUIRE(::listen(fd_, 8) == 0);
    socklen_t length = sizeof(address);
    ::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &length);
    port = std::to_string(ntohs(address.sin_port));
  }
  ~Listener() { ::close(fd_); }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  bool was_reached() const {
    char byte = 0;
    const int peer = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (peer >= 0) return ::close(peer) == 0;
    return ::recv(fd_, &byte, 1, 0) == 1;
  }
  std::string port;

 private:
  int fd_ = -1;
};

class UnixListener {
 public:
  explicit UnixListener(const std::string& name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(name.begin(), name.end(), address.sun_path);
    if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
    fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
    REQUIRE(::bind(fd_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(::listen(fd_, 8) == 0);
  }
  ~UnixListener() { ::close(fd_); }
  UnixListener(const UnixListener&) = delete;
  UnixListener& operator=(const UnixListener&) = delete;
  bool was_reached() const {
    const int peer = ::accept(fd_, nullptr, nullptr);
    return peer >= 0 && ::close(peer) == 0;
  }

 private:
  int fd_ = -1;
};

// A process of the same user that the attack goes for.
class Victim {
 public:
  Victim() {
    const auto catching = ::signal(SIGTERM, SIG_DFL);  // Catch catches it
    pid_ = ::fork();
    if (pid_ == 0) {
      for (;;) ::pause();
    }
    ::signal(SIGTERM, catching);
  }
  ~Victim() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;
  std::string pid() const { return std::to_string(pid_); }
  bool alive() const { return ::waitpid(pid_, nullptr, WNOHANG) == 0; }

 private:
  pid_t pid_ = -1;
};

void wait_ms(int ms) { std::this_thread::sleep_for(std::chrono::milliseconds(ms)); }

}  // namespace

TEST_CASE("a file outside the project can be neither read nor written", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  const std::string secret = box.path("outside/secret");
  REQUIRE(box.bare({"read", secret}).worked());
  CHECK(box.run({"read", secret}).refused());
  CHECK(box.run({"read", "/proc/1/root" + secret}).refused());
  CHECK(box.run({"read", "/proc/self/root" + secret}).refused());
  CHECK(box.run({"write", secret}).refused());
  CHECK(Box::read(secret) == "secret\n");
  REQUIRE(box.bare({"write", secret}).worked());
  CHECK(Box::read(secret) == "secret\npwned\n");
}

TEST_CASE("a symlink in the project does not lead outside", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  std::filesystem::create_symlink(box.path("outside/secret"), box.project("link"));
  CHECK(box.run({"write", box.project("link")}).refused());
  CHECK(Box::read(box.path("outside/secret")) == "secret\n");
  REQUIRE(box.bare({"write", box.project("link")}).worked());
  CHECK(Box::read(box.path("outside/secret")) == "secret\npwned\n");
}

TEST_CASE("a hard link to an outside file is broken before it is written", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  std::filesystem::create_hard_link(box.path("outside/secret"), box.project("hard"));
  REQUIRE(box.run({"write", box.project("hard")}).worked());  // in its own view
  CHECK(Box::read(box.path("outside/secret")) == "secret\n");
  REQUIRE(box.bare({"write", box.project("hard")}).worked());
  CHECK(Box::read(box.path("outside/secret")) == "secret\npwned\n");
}

TEST_CASE("the project itself is untouched by a transaction's writes", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  box.write(box.project("lib/a.ex"), "a\n");
  REQUIRE(box.run({"write", box.project("lib/a.ex")}).worked());
  CHECK(Box::read(box.project("lib/a.ex")) == "a\n");
  CHECK(Box::read(box.upper("lib/a.ex")) == "a\npwned\n");
  REQUIRE(box.bare({"write", box.project("lib/a.ex")}).worked());
  CHECK(Box::read(box.project("lib/a.ex")) == "a\npwned\n");
}

TEST_CASE("system files are read-only, for root too", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  CHECK(box.run({"write", "/usr/mixguard-probe"}).refused());
  CHECK(box.run({"write", "/etc/passwd"}).refused());
  CHECK(box.run({"write", "/mixguard-probe"}).refused());
  CHECK(box.run({"write", "/proc/sys/kernel/core_pattern"}).refused());
  CHECK(box.run({"write", "/proc/sysrq-trigger"}).refused());
  CHECK_FALSE(Box::exists("/usr/mixguard-probe"));
  CHECK_FALSE(Box::exists("/mixguard-probe"));
  if (::geteuid() != 0)
    return;  // an ordinary user could not write them outside either: no control arm
  REQUIRE(box.bare({"write", "/usr/mixguard-probe"}).worked());
  ::unlink("/usr/mixguard-probe");
}

TEST_CASE("/tmp and the home directory are private and gone afterwards", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  REQUIRE(box.run({"write", "/tmp/mixguard-probe-file"}).worked());
  CHECK_FALSE(Box::exists("/tmp/mixguard-probe-file"));
  REQUIRE(box.run({"write", "/home/somebody/.bashrc"}).worked());
  CHECK_FALSE(Box::exists("/home/somebody/.bashrc"));
  REQUIRE(box.bare({"write", "/tmp/mixguard-probe-file"}).worked());
  CHECK(::unlink("/tmp/mixguard-probe-file") == 0);
}

TEST_CASE("a descriptor that the caller left open is not inherited", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  const int leaked = ::open(box.path("outside/secret").c_str(), O_WRONLY | O_APPEND);
  REQUIRE(leaked >= 0);
  CHECK(box.run({"write_descriptor", std::to_string(leaked)}).refused());
  CHECK(Box::read(box.path("outside/secret")) == "secret\n");
  REQUIRE(box.bare({"write_descriptor", std::to_string(leaked)}).worked());
  CHECK(Box::read(box.path("outside/secret")) == "secret\npwned\n");
  ::close(leaked);
}

TEST_CASE("setuid bits and devices cannot be made", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  REQUIRE(box.bare({"setuid_bit", box.path("control")}).worked());
  CHECK(box.run({"setuid_bit", box.project("suid")}).refused());
  CHECK(box.run({"setuid_open", box.project("suid2")}).refused());
  CHECK(box.run({"setuid_newer_call", box.project("suid3")}).refused());
  CHECK(box.run({"device_node", box.project("null")}).refused());
  for (const char* name : {"suid", "suid2", "suid3", "null"}) {
    struct stat info{};
    if (::lstat(box.upper(name).c_str(), &info) != 0) continue;
    CHECK((info.st_mode & (S_ISUID | S_ISGID)) == 0);
    CHECK_FALSE(S_ISCHR(info.st_mode));
  }
}

TEST_CASE("no socket of the host is reachable", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  const Listener tcp(SOCK_STREAM);
  const Listener udp(SOCK_DGRAM);
  const UnixListener by_path(box.project("host.sock"));
  const UnixListener abstract("@" + box.path("abstract"));
  REQUIRE(box.bare({"tcp_connect", tcp.port}).worked());
  REQUIRE(tcp.was_reached());
  REQUIRE(box.bare({"udp_send", udp.port}).worked());
  REQUIRE(udp.was_reached());
  REQUIRE(box.bare({"unix_connect", box.project("host.sock")}).worked());
  REQUIRE(by_path.was_reached());
  REQUIRE(box.bare({"unix_connect", "@" + box.path("abstract")}).worked());
  REQUIRE(abstract.was_reached());

  CHECK(box.run({"tcp_connect", tcp.port}).refused());
  static_cast<void>(
      box.run({"udp_send", udp.port}));  // sending succeeds, into its own empty network
  CHECK(box.run({"unix_connect", box.project("host.sock")}).refused());
  CHECK(box.run({"unix_connect", "@" + box.path("abstract")}).refused());
  wait_ms(20);
  CHECK_FALSE(tcp.was_reached());
  CHECK_FALSE(udp.was_reached());
  CHECK_FALSE(by_path.was_reached());
  CHECK_FALSE(abstract.was_reached());
}

TEST_CASE("only internet stream and datagram sockets can be made", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  REQUIRE(box.bare({"socket_families"}).output.find("1/1 ") != std::string::npos);
  CHECK(box.run({"socket_families"}).output == "2/1 2/2 10/1 10/2 \n");
}

TEST_CASE("no namespace, mount or root can be changed", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  REQUIRE(box.bare({"user_namespace"}).worked());
  REQUIRE(box.bare({"clone_namespace"}).worked());
  for (const char* attack : {"user_namespace", "clone_namespace", "mount_api"})
    CHECK(box.run({attack}).refused());
  CHECK(box.run({"mount_tmpfs", "/tmp"}).refused());
  CHECK(box.run({"change_root", "/tmp"}).refused());
}

TEST_CASE("a process outside can be neither signalled nor traced nor seen", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  {
    const Victim victim;
    CHECK(box.run({"kill_process", victim.pid()}).refused());
    CHECK(box.run({"trace_process", victim.pid()}).refused());
    CHECK(box.run({"read", "/proc/" + victim.pid() + "/environ"}).refused());
    CHECK(victim.alive());
  }
  const Victim control;
  REQUIRE(box.bare({"kill_process", control.pid()}).worked());
  wait_ms(20);
  CHECK_FALSE(control.alive());
}

TEST_CASE("init cannot be killed from inside", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  const auto probe = box.run({"kill_process", "1"});
  CHECK(probe.outcome.kind == mixguard::sandbox::Outcome::Kind::kExited);
}

TEST_CASE("shared memory of the host is not there", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  constexpr key_t kKey = 0x6d697867;
  const int id = ::shmget(kKey, 4096, IPC_CREAT | 0600);
  REQUIRE(id >= 0);
  CHECK(box.bare({"shared_memory", std::to_string(kKey)}).worked());
  CHECK(box.run({"shared_memory", std::to_string(kKey)}).refused());
  ::shmctl(id, IPC_RMID, nullptr);
}

TEST_CASE("kernel surface that Mix does not need is refused", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  for (const char* attack : {"io_uring", "keyring", "no_randomisation", "trace_me"}) {
    INFO(attack);
    CHECK(box.bare({attack}).worked());
    CHECK(box.run({attack}).refused());
  }
  CHECK(box.run({"user_fault"}).refused());
  CHECK(box.run({"unknown_call"}).output == std::to_string(ENOSYS) + "\n");
}

#if defined(__x86_64__)
TEST_CASE("foreign system call tables kill", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  for (const char* attack : {"compat_call", "x32_call"}) {
    const auto probe = box.run({attack});
    INFO(attack);
    CHECK(probe.outcome.kind == mixguard::sandbox::Outcome::Kind::kSignaled);
    CHECK(probe.outcome.signal == SIGSYS);
  }
}
#endif

TEST_CASE("nothing can be typed into the terminal", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  REQUIRE((master >= 0 && ::grantpt(master) == 0 && ::unlockpt(master) == 0));
  const int terminal = ::open(::ptsname(master), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
  REQUIRE(terminal >= 0);
  const int saved = ::dup(STDIN_FILENO);
  ::dup2(terminal, STDIN_FILENO);
  CHECK(box.run({"terminal_input"}).refused());
  CHECK(box.run({"terminal_input_high"}).refused());
  ::dup2(saved, STDIN_FILENO);
  char byte = 0;
  CHECK(::read(terminal, &byte, 1) < 0);
  ::close(saved);
  ::close(terminal);
  ::close(master);
}

TEST_CASE("no process outlives the run", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  box.workspace.live_writable = {};
  REQUIRE(box.bare({"survivor", box.project("late")}).outcome.code == 0);
  wait_ms(700);
  REQUIRE(Box::exists(box.project("late")));
  std::filesystem::remove(box.project("late"));
  REQUIRE(box.run({"survivor", box.project("late")}).outcome.code == 0);
  wait_ms(700);
  CHECK_FALSE(Box::exists(box.project("late")));
  CHECK_FALSE(Box::exists(box.upper("late")));
}

TEST_CASE("a project swapped for another directory stops the run", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  std::filesystem::rename(box.project(), box.path("moved"));
  std::filesystem::create_directories(box.project());
  const auto probe = box.run({"exit_with", "0"});
  CHECK(probe.error.find("open_project") != std::string::npos);
  std::filesystem::remove(box.project());
  std::filesystem::create_directory_symlink(box.path("outside"), box.project());
  CHECK(box.run({"exit_with", "0"}).error.find("open_project") != std::string::npos);
}

TEST_CASE("a directory as standard input is refused: it would lead out of the view", "[escape]") {
  if (!full_sandbox_available()) return;
  Box box;
  const int directory = ::open(box.path("outside").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const int saved = ::dup(STDIN_FILENO);
  ::dup2(directory, STDIN_FILENO);
  CHECK(box.bare({"read", "/proc/self/fd/0/secret"}).worked());
  const auto probe = box.run({"exit_with", "0"});
  ::dup2(saved, STDIN_FILENO);
  ::close(saved);
  ::close(directory);
  CHECK(probe.error.find("descriptor 0 is a directory") != std::string::npos);
}
