// SPDX-License-Identifier: Apache-2.0
// One attack a name: `probe NAME [ARG…]` tries it and exits 77 when it worked, 1 when it was
// refused (printing errno). The tests do not believe the exit code alone: they look at the effect
// from outside, and run the same attack without the sandbox to see that it would have worked.
#include <errno.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

namespace {

constexpr int kWorked = 77;
constexpr int kRefused = 1;

int verdict(bool worked) {
  if (worked) return kWorked;
  std::printf("refused: %s\n", std::strerror(errno));
  return kRefused;
}

using Arguments = std::vector<std::string>;

int write_file(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  return verdict(fd >= 0 && ::write(fd, "pwned\n", 6) == 6);
}
int read_file(const Arguments& a) {
  char byte = 0;
  const int fd = ::open(a.at(0).c_str(), O_RDONLY);
  return verdict(fd >= 0 && ::read(fd, &byte, 1) == 1);
}
int write_descriptor(const Arguments& a) {
  return verdict(::write(std::atoi(a.at(0).c_str()), "pwned\n", 6) == 6);
}
int hard_link(const Arguments& a) { return verdict(::link(a.at(0).c_str(), a.at(1).c_str()) == 0); }
int setuid_bit(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0755);
  return verdict(fd >= 0 && ::fchmod(fd, 04755) == 0);
}
int setuid_open(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT | O_EXCL, 04755);
  struct stat info{};
  return verdict(fd >= 0 && ::fstat(fd, &info) == 0 && (info.st_mode & S_ISUID) != 0);
}
// fchmodat2(2), Linux 6.6, by number: older headers do not know it.
int setuid_newer_call(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0755);
  return verdict(fd >= 0 && ::syscall(452, AT_FDCWD, a.at(0).c_str(), 04755, 0) == 0);
}
int device_node(const Arguments& a) {
  return verdict(::mknod(a.at(0).c_str(), S_IFCHR | 0666, 0x103) == 0);
}

int tcp_connect(const Arguments& a) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(a.at(0).c_str())));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  return verdict(fd >= 0 &&
                 ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0);
}
int udp_send(const Arguments& a) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(std::atoi(a.at(0).c_str())));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
  return verdict(fd >= 0 && ::sendto(fd, "x", 1, 0, reinterpret_cast<sockaddr*>(&address),
                                     sizeof(address)) == 1);
}
int unix_connect(const Arguments& a) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, a.at(0).c_str(), sizeof(address.sun_path) - 1);
  if (address.sun_path[0] == '@') address.sun_path[0] = '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + a.at(0).size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  return verdict(fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&address), length) == 0);
}
// Prints every family that can be made, so that the test can compare with what is meant to be left.
int socket_families(const Arguments&) {
  for (int family = 0; family < 64; ++family) {
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
      const int fd = ::socket(family, type, 0);
      if (fd < 0) continue;
      std::printf("%d/%d ", family, type);
      ::close(fd);
    }
  }
  std::printf("\n");
  return 0;
}

int user_namespace(const Arguments&) { return verdict(::unshare(CLONE_NEWUSER) == 0); }
int clone_namespace(const Arguments&) {
  const long pid = ::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0);
  if (pid == 0) ::_exit(0);
  return verdict(pid > 0);
}
int mount_tmpfs(const Arguments& a) {
  return verdict(::mount("none", a.at(0).c_str(), "tmpfs", 0, nullptr) == 0);
}
int mount_api(const Arguments&) { return verdict(::syscall(SYS_fsopen, "tmpfs", 0) >= 0); }
int change_root(const Arguments& a) { return verdict(::chroot(a.at(0).c_str()) == 0); }
int kill_process(const Arguments& a) {
  return verdict(::kill(std::atoi(a.at(0).c_str()), SIGTERM) == 0);
}
int trace_process(const Arguments& a) {
  return verdict(::ptrace(PTRACE_SEIZE, std::atoi(a.at(0).c_str()), nullptr, nullptr) == 0);
}
int trace_me(const Arguments&) {
  return verdict(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0);
}
int shared_memory(const Arguments& a) {
  return verdict(::shmget(std::atoi(a.at(0).c_str()), 0, 0) >= 0);
}
int io_uring(const Arguments&) {
  unsigned char parameters[120] = {};
  return verdict(::syscall(SYS_io_uring_setup, 4, parameters) >= 0);
}
int user_fault(const Arguments&) { return verdict(::syscall(SYS_userfaultfd, 1) >= 0); }
int keyring(const Arguments&) {
  return verdict(::syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, -4, 1) >= 0);
}
int no_randomisation(const Arguments&) {
  return verdict(::syscall(SYS_personality, 0x0040000) >= 0);
}
int terminal_input(const Arguments&) { return verdict(::ioctl(0, TIOCSTI, "x") == 0); }
int terminal_input_high(const Arguments&) {
  return verdict(::syscall(SYS_ioctl, 0, static_cast<unsigned long>(TIOCSTI) | (1UL << 32), "x") ==
                 0);
}
#if defined(__x86_64__)
int compat_call(const Arguments&) {
  long result = 20;  // getpid in the 32-bit table
  asm volatile("int $0x80" : "+a"(result)::"memory");
  return verdict(result > 0);
}
int x32_call(const Arguments&) { return verdict(::syscall(0x40000000 | SYS_getpid) > 0); }
#endif
int unknown_call(const Arguments&) {
  ::syscall(470);
  std::printf("%d\n", errno);
  return 0;
}

// Leaves a process behind that writes a file after the run should be over.
int survivor(const Arguments& a) {
  if (::fork() != 0) return 0;
  ::setsid();
  if (::fork() != 0) ::_exit(0);
  for (int fd = 0; fd < 64; ++fd) ::close(fd);
  ::usleep(400'000);
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0644);
  ::_exit(fd >= 0 ? 0 : 1);
}
int many_processes(const Arguments& a) {
  const int wanted = std::atoi(a.at(0).c_str());
  int made = 0;
  for (int i = 0; i < wanted; ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) {
      ::pause();
      ::_exit(0);
    }
    made += pid > 0;
  }
  std::printf("%d\n", made);
  return 0;
}
// A fork bomb with an end: every process makes others until `a[0]` have been tried.
int fork_bomb(const Arguments& a) {
  auto* const left = static_cast<std::atomic<int>*>(::mmap(nullptr, sizeof(std::atomic<int>),
                                                           PROT_READ | PROT_WRITE,
                                                           MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  left->store(std::atoi(a.at(0).c_str()));
  while (left->fetch_sub(1) > 0) {
    if (::fork() < 0) ::usleep(100);
  }
  ::sleep(3);
  return 0;
}
bool fill(std::size_t size, int flags) {
  constexpr std::size_t kStep = 4096;
  void* const memory =
      ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_NORESERVE | flags, -1, 0);
  if (memory == MAP_FAILED) return false;
  for (std::size_t at = 0; at < size; at += kStep) static_cast<volatile char*>(memory)[at] = 1;
  return true;
}
std::size_t mebibytes(const std::string& text) {
  return static_cast<std::size_t>(std::atoi(text.c_str())) << 20;
}
int touch_memory(const Arguments& a) { return verdict(fill(mebibytes(a.at(0)), MAP_PRIVATE)); }
int touch_shared_memory(const Arguments& a) {
  return verdict(fill(mebibytes(a.at(0)), MAP_SHARED));
}
// a[0] processes of a[1] MiB each; none alone is large.
int touch_in_processes(const Arguments& a) {
  const int count = std::atoi(a.at(0).c_str());
  for (int i = 0; i < count; ++i) {
    if (::fork() != 0) continue;
    fill(mebibytes(a.at(1)), MAP_PRIVATE);
    ::sleep(2);
    ::_exit(0);
  }
  while (::wait(nullptr) > 0) {
  }
  return kWorked;
}
// a[1] MiB, then a[0] children that share the pages and change nothing.
int share_with_children(const Arguments& a) {
  fill(mebibytes(a.at(1)), MAP_PRIVATE);
  for (int i = 0; i < std::atoi(a.at(0).c_str()); ++i) {
    if (::fork() != 0) continue;
    ::sleep(1);
    ::_exit(0);
  }
  while (::wait(nullptr) > 0) {
  }
  return kWorked;
}
int fill_file(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  static char block[1 << 20];
  for (int i = 0; i < std::atoi(a.at(1).c_str()); ++i) {
    if (::write(fd, block, sizeof(block)) != static_cast<ssize_t>(sizeof(block)))
      return verdict(false);
  }
  return kWorked;
}
int many_descriptors(const Arguments& a) {
  int opened = 0;
  while (opened < std::atoi(a.at(0).c_str()) && ::open("/dev/null", O_RDONLY) >= 0) ++opened;
  std::printf("%d\n", opened);
  return 0;
}
// a[0] processes that compute until they are stopped.
int burn(const Arguments& a) {
  for (int i = 1; i < std::atoi(a.at(0).c_str()); ++i) {
    if (::fork() == 0) break;
  }
  for (std::atomic<unsigned> turn = 0;;) ++turn;
}
// a[0] KiB of numbered lines on standard output, or on standard error when there is a[1].
int talk(const Arguments& a) {
  const int fd = a.size() > 1 ? STDERR_FILENO : STDOUT_FILENO;
  std::string text;
  for (std::size_t line = 0;
       text.size() < static_cast<std::size_t>(std::atoi(a.at(0).c_str())) * 1024; ++line)
    text += std::to_string(line) + "\n";
  for (std::size_t at = 0; at < text.size();) {
    const ssize_t n = ::write(fd, text.data() + at, text.size() - at);
    if (n < 0) return verdict(false);
    at += static_cast<std::size_t>(n);
  }
  return 0;
}
int own_cgroup(const Arguments&) {
  char text[4096] = {};
  const int fd = ::open("/proc/self/cgroup", O_RDONLY);
  std::printf("%.*s", static_cast<int>(::read(fd, text, sizeof(text))), text);
  return 0;
}
int spoil_terminal(const Arguments&) {
  termios settings{};
  if (::tcgetattr(0, &settings) != 0) return verdict(false);
  settings.c_lflag = 0;
  settings.c_oflag = 0;
  return verdict(::tcsetattr(0, TCSANOW, &settings) == 0);
}
int report_signals(const Arguments&) {
  sigset_t blocked;
  ::sigprocmask(SIG_SETMASK, nullptr, &blocked);
  for (int signal = 1; signal < 32; ++signal) {
    struct sigaction action{};
    ::sigaction(signal, nullptr, &action);
    if (action.sa_handler == SIG_IGN) std::printf("ignored %d ", signal);
    if (::sigismember(&blocked, signal) == 1) std::printf("blocked %d ", signal);
  }
  std::printf("\n");
  return 0;
}
int raise_signal(const Arguments& a) {
  ::raise(std::atoi(a.at(0).c_str()));
  return 0;
}
int exit_with(const Arguments& a) { return std::atoi(a.at(0).c_str()); }
// Ends with 5 when it is told to stop, so that a forwarded signal can be told from a killing one.
int wait_for_term(const Arguments&) {
  ::signal(SIGTERM, [](int) { ::_exit(5); });
  for (;;) ::pause();
}
int ignore_term(const Arguments&) {
  ::signal(SIGTERM, SIG_IGN);
  for (;;) ::pause();
}
int sleep_seconds(const Arguments& a) {
  ::sleep(static_cast<unsigned>(std::atoi(a.at(0).c_str())));
  return 0;
}
int environment(const Arguments&) {
  for (char** entry = environ; *entry != nullptr; ++entry) std::printf("%s\n", *entry);
  return 0;
}
int process_id(const Arguments&) {
  std::printf("%d %u\n", ::getpid(), ::getuid());
  return 0;
}

struct Attack {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr Attack kAttacks[] = {
    {"write", write_file},
    {"read", read_file},
    {"write_descriptor", write_descriptor},
    {"hard_link", hard_link},
    {"setuid_bit", setuid_bit},
    {"setuid_open", setuid_open},
    {"setuid_newer_call", setuid_newer_call},
    {"device_node", device_node},
    {"tcp_connect", tcp_connect},
    {"udp_send", udp_send},
    {"unix_connect", unix_connect},
    {"socket_families", socket_families},
    {"user_namespace", user_namespace},
    {"clone_namespace", clone_namespace},
    {"mount_tmpfs", mount_tmpfs},
    {"mount_api", mount_api},
    {"change_root", change_root},
    {"kill_process", kill_process},
    {"trace_process", trace_process},
    {"trace_me", trace_me},
    {"shared_memory", shared_memory},
    {"io_uring", io_uring},
    {"user_fault", user_fault},
    {"keyring", keyring},
    {"no_randomisation", no_randomisation},
    {"terminal_input", terminal_input},
    {"terminal_input_high", terminal_input_high},
#if defined(__x86_64__)
    {"compat_call", compat_call},
    {"x32_call", x32_call},
#endif
    {"unknown_call", unknown_call},
    {"survivor", survivor},
    {"many_processes", many_processes},
    {"fork_bomb", fork_bomb},
    {"touch_memory", touch_memory},
    {"touch_shared_memory", touch_shared_memory},
    {"touch_in_processes", touch_in_processes},
    {"share_with_children", share_with_children},
    {"fill_file", fill_file},
    {"many_descriptors", many_descriptors},
    {"burn", burn},
    {"talk", talk},
    {"own_cgroup", own_cgroup},
    {"spoil_terminal", spoil_terminal},
    {"report_signals", report_signals},
    {"raise_signal", raise_signal},
    {"exit_with", exit_with},
    {"wait_for_term", wait_for_term},
    {"ignore_term", ignore_term},
    {"sleep", sleep_seconds},
    {"environment", environment},
    {"process_id", process_id},
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) return 64;
  ::setvbuf(stdout, nullptr, _IONBF, 0);
  const Arguments arguments(argv + 2, argv + argc);
  for (const Attack& attack : kAttacks) {
    if (std::strcmp(attack.name, argv[1]) == 0) return attack.run(arguments);
  }
  std::fprintf(stderr, "probe: no attack named %s\n", argv[1]);
  return 64;
}
