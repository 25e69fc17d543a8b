// SPDX-License-Identifier: Apache-2.0
// Attacks on the kernel's other interfaces: foreign system call tables, namespaces, mounts, rarely
// used calls, terminals.
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <filesystem>
#include <iomanip>
#include <sstream>

#include "support/attack.hpp"
#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/verdict.hpp"

using namespace mixguard::test;
using mixguard::sandbox::Outcome;
namespace fs = std::filesystem;

namespace {

bool killed_by_filter(const Probe& probe) {
  return probe.outcome.kind == Outcome::Kind::kSignaled && probe.outcome.signal == SIGSYS;
}

#if defined(__x86_64__)
void put(std::string& bytes, std::uint32_t value, int size = 4) {
  for (int i = 0; i < size; ++i) bytes.push_back(static_cast<char>(value >> (8 * i)));
}

// write(1, "pwned32", 7); exit(0): an ELF file of the 32-bit architecture.
std::string program_of_32_bits() {
  constexpr std::uint32_t kBase = 0x10000, kHeaders = 52 + 32, kCode = 31;
  std::string file(
      "\x7f"
      "ELF\1\1\1",
      7);
  file.resize(16, '\0');
  put(file, 2, 2);  // executable
  put(file, 3, 2);  // i386
  for (const std::uint32_t word : {1U, kBase + kHeaders, 52U, 0U, 0U}) put(file, word);
  for (const std::uint32_t half : {52U, 32U, 1U, 40U, 0U, 0U}) put(file, half, 2);
  const std::uint32_t size = kHeaders + kCode + 7;
  for (const std::uint32_t word : {1U, 0U, kBase, kBase, size, size, 5U, 0x1000U}) put(file, word);
  file += "\xb8", put(file, 4);  // mov eax, write
  file += "\xbb", put(file, 1);
  file += "\xb9", put(file, kBase + kHeaders + kCode);
  file += "\xba", put(file, 7);
  file += "\xcd\x80";            // int 0x80
  file += "\xb8", put(file, 1);  // mov eax, exit
  file += "\xcd\x80\xf4\x90";
  return file + "pwned32";
}
#endif

std::string handle_of(const std::string& path, int& type) {
  alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + MAX_HANDLE_SZ> memory{};
  auto* handle = reinterpret_cast<file_handle*>(memory.data());
  handle->handle_bytes = MAX_HANDLE_SZ;
  int mount = 0;
  if (::name_to_handle_at(AT_FDCWD, path.c_str(), handle, &mount, 0) != 0) return "";
  type = handle->handle_type;
  std::ostringstream text;
  for (unsigned i = 0; i < handle->handle_bytes; ++i) {
    text << std::hex << std::setw(2) << std::setfill('0')
         << static_cast<unsigned>(memory[sizeof(file_handle) + i]);
  }
  return text.str();
}

// A terminal that somebody sits at: the action runs in a session of its own that has it as its
// controlling terminal and standard input; what was typed into it meanwhile is seen afterwards.
class Terminal {
 public:
  Terminal() : master_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    REQUIRE((master_ >= 0 && ::grantpt(master_) == 0 && ::unlockpt(master_) == 0));
    name_ = ::ptsname(master_);
    outer_ = ::open(name_.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    termios raw{};
    ::tcgetattr(outer_, &raw);
    ::cfmakeraw(&raw);
    ::tcsetattr(outer_, TCSANOW, &raw);
  }
  ~Terminal() {
    ::close(outer_);
    ::close(master_);
  }
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  void sit(const std::function<void()>& action) const {
    const pid_t person = ::fork();
    if (person == 0) {
      ::setsid();
      const int terminal = ::open(name_.c_str(), O_RDWR);  // becomes the controlling one
      ::dup2(terminal, STDIN_FILENO);
      action();
      ::_exit(0);
    }
    ::waitpid(person, nullptr, 0);
  }
  [[nodiscard]] bool was_typed_into() const {
    char byte = 0;
    return ::read(outer_, &byte, 1) == 1;
  }
  [[nodiscard]] bool still_listens() const {
    int discipline = -1;
    return ::ioctl(outer_, TIOCGETD, &discipline) == 0 && discipline == N_TTY;
  }

 private:
  int master_;
  std::string name_;
  int outer_ = -1;
};

}  // namespace

#if defined(__x86_64__)
TEST_CASE("sys_ia32_x32: foreign system call tables kill", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string file = box.project("lib/made");
  const Effect made = either(makes(file), makes(box.landed("made")));
  // A kernel may have been built without either table; the native call is the control then.
  for (const char* way : {"compat_create", "x32_create"}) {
    const bool has_table = box.bare({way, file}).worked();
    fs::remove(file);
    attack(box, {.name = way,
                 .arguments = {way, file},
                 .effect = made,
                 .control = Arguments{has_table ? way : "native_create", file}});
    CHECK(killed_by_filter(box.run({way, file})));
  }
  const std::string program = box.project("lib/program32");
  box.write(program, program_of_32_bits());
  fs::permissions(program, fs::perms::owner_all);
  const bool runs = prints("pwned32")(box.bare({"execute", program}));
  if (!runs) WARN("skipped, the control arm: this kernel runs no 32-bit programs");
  attack(box, {.name = "execute",
               .arguments = {"execute", program},
               .effect = prints("pwned32"),
               .without_control = !runs});
  if (runs) CHECK(killed_by_filter(box.run({"execute", program})));
}
#endif

TEST_CASE("sys_ns_mount: no namespace can be made or joined", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const Look own_users = [](pid_t pid) { return differs_from_parent(pid, "ns/user"); };
  const bool none = (hidden("userns") || hidden("docker"));
  for (const char* way : {"user_namespace", "clone_namespace", "clone3_namespace"}) {
    attack(box, {.name = way,
                 .arguments = {way},
                 .look = own_users,
                 .without_control =
                     none || (hidden("clone3") && way == std::string("clone3_namespace"))});
  }
  const Victim victim([&] {
    if (!none) REQUIRE(::unshare(CLONE_NEWUSER) == 0);
  });
  attack(box, {.name = "join_namespace",
               .arguments = {"join_namespace", "/proc/" + victim.pid() + "/ns/user"},
               .look = own_users,
               .without_control = none});
}

TEST_CASE("sys_ns_mount: no mount and no root can be changed", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const bool none = (hidden("userns") || hidden("docker"));
  const Look mounts = [](pid_t pid) { return differs_from_parent(pid, "mountinfo"); };
  const std::string here = box.project("lib");
  const auto with = [&](const char* way, const std::string& where, const Look& look) {
    // The control arm has what the confined one cannot get: capabilities in a namespace.
    attack(box, {.name = way,
                 .arguments = {way, where},
                 .look = look,
                 .control = Arguments{"in_namespace", way, where},
                 .without_control = none});
  };
  with("mount_tmpfs", here, mounts);
  with("mount_by_descriptor", here, mounts);
  with("move_tree", here, mounts);
  with("unmount", "/dev/shm", mounts);
  with("pivot", here, mounts);
  with("change_root", here, [](pid_t pid) { return differs_from_parent(pid, "root"); });
}

TEST_CASE("sys_ns_mount: a protected entry cannot be renamed away", "[escape]") {
  Box box;
  const std::string entry = box.project("lib/protected");
  box.write(entry, "mine\n");
  if (!can_confine(box)) return;
  box.go_live();
  if (mode().strength == Strength::kFull) box.workspace.masked_files = {entry};
  const Effect planted = [&](const Probe&) {
    if (Box::read(entry) == "mine\n") return false;
    box.write(entry, "mine\n");
    fs::remove(box.project("lib/aside"));
    return true;
  };
  attack(box, {.name = "chain",
               .arguments = {"rename_chain", box.project("lib")},
               .effect = planted,
               .control = Arguments{"rename_chain_in_weak_sandbox", box.project("lib")},
               .without_control = (hidden("userns") || hidden("docker"))});
}

TEST_CASE("sys_surface: kernel surface that Mix does not need is refused", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  struct Surface {
    const char* way;
    const char* descriptor;  // what holding it looks like
  };
  for (const Surface& surface :
       {Surface{"user_fault", "userfaultfd"}, Surface{"kernel_program", "bpf-map"},
        Surface{"performance_counter", "perf_event"}, Surface{"watch_files", "fanotify"},
        Surface{"secret_memory", "secretmem"}}) {
    // An ordinary user may be refused the first three anyway, and a kernel may lack the last.
    attack(box, {.name = surface.way,
                 .arguments = {surface.way},
                 .look = [&](pid_t pid) { return holds(pid, surface.descriptor); },
                 .without_control = !box.bare({surface.way}).worked()});
  }
  attack(box,
         {.name = "no_randomisation", .arguments = {"no_randomisation"}, .look = [](pid_t pid) {
            return Box::read("/proc/" + std::to_string(pid) + "/personality") != "00000000\n";
          }});
  attack(box, {.name = "trace_me",
               .arguments = {"trace_me"},
               .look = [](pid_t pid) { return status_of(pid, "TracerPid") != "0"; },
               .without_control = hidden("ptrace")});
  const Victim victim;
  attack(box, {"compare_kernel", {"compare_kernel", victim.pid()}, answers()});
#if defined(__x86_64__)
  attack(box, {"local_segment", {"local_segment"}, answers()});
#endif
  const std::string unknown = box.run({"unknown_call"}).output;
  CHECK(unknown == std::to_string(ENOSYS) + "\n");
  verdict("unknown_call", unknown != std::to_string(ENOSYS) + "\n");
}

TEST_CASE("sys_surface: keys of the host can be neither made nor read", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  constexpr long kUserKeyring = -4, kSearch = 10, kUnlink = 9, kInvalidate = 21;
  const std::string name = box.path("key");
  const auto find = [&] {
    return ::syscall(SYS_keyctl, kSearch, kUserKeyring, "user", name.c_str(), 0);
  };
  const Effect added = [&](const Probe&) {
    const long key = find();
    return key > 0 && ::syscall(SYS_keyctl, kUnlink, key, kUserKeyring) == 0;
  };
  if (hidden("docker")) return not_tried_here();
  attack(box, {"add_key", {"add_key", name}, added});
  const long key = ::syscall(SYS_add_key, "user", name.c_str(), "keys-secret", 11, kUserKeyring);
  REQUIRE(key > 0);
  attack(box, {"read_key", {"read_key", std::to_string(key)}, prints("keys-secret")});
  attack(box, {"request_key", {"request_key", name}, prints("keys-secret")});
  ::syscall(SYS_keyctl, kInvalidate, key);
}

TEST_CASE("sys_surface: no file is opened by its handle", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  int type = 0;
  const std::string handle = handle_of(box.path("outside/secret"), type);
  if (handle.empty()) {
    WARN("skipped: no file handles on this file system");
    return;
  }
  attack(box, {.name = "open_handle",
               .arguments = {"open_handle", box.project("lib"), handle, std::to_string(type)},
               .effect = prints("secret"),
               .without_control = ::geteuid() != 0});  // CAP_DAC_READ_SEARCH
}

TEST_CASE("sys_surface: no other process can be read, rewritten or robbed", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string file = box.path("outside/secret");
  const int descriptor = ::open(file.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  {
    const Victim victim;  // holds the descriptor as well
    const Effect rewritten = [&](const Probe&) { return victim.memory() != Victim::kSecret; };
    attack(
        box,
        {"read_memory", {"read_memory", victim.pid(), victim.address()}, prints(Victim::kSecret)});
    attack(box, {"take_descriptor",
                 {"take_descriptor", victim.pid(), std::to_string(descriptor)},
                 changes(file)});
    CHECK_FALSE(rewritten({}));
  }
  for (const char* way : {"write_memory", "write_memory_file", "trace_process"}) {
    // The effect stays, so each arm has a victim of its own.
    const Victim control, victim;
    const auto touched = [](const Victim& of) {
      return of.memory() != Victim::kSecret || status_of(of.id(), "TracerPid") != "0";
    };
    const auto arguments = [&](const Victim& of) { return Arguments{way, of.pid(), of.address()}; };
    bool seen = false;
    static_cast<void>(box.bare(arguments(control), [&](pid_t) { return seen = touched(control); }));
    INFO(way);
    REQUIRE((seen || (hidden("ptrace") && way == std::string("trace_process"))));
    seen = false;
    static_cast<void>(box.run(arguments(victim), [&](pid_t) { return seen = touched(victim); }));
    verdict(way, seen);
  }
  ::close(descriptor);
}

TEST_CASE("tty_inject: nothing can be typed into the terminal", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const bool allowed = Box::read("/proc/sys/dev/tty/legacy_tiocsti") != "0\n";
  if (!allowed && ::geteuid() != 0) WARN("skipped, the control arm: dev.tty.legacy_tiocsti is 0");
  for (const char* path : {"-", "/dev/tty"}) {
    for (const char* way : {"terminal_input", "terminal_input_high", "terminal_console"}) {
      INFO(way << " " << path);
      const Arguments arguments{way, path};
      // The consoles that TIOCLINUX is for are rarely there: TIOCSTI is the control of all three.
      const Terminal control, confined;
      control.sit([&] { static_cast<void>(box.bare({"terminal_input", path})); });
      CHECK((control.was_typed_into() || (!allowed && ::geteuid() != 0)));
      confined.sit([&] { static_cast<void>(box.run(arguments)); });
      verdict(std::string(way) + "_" + path, confined.was_typed_into());
    }
    const Terminal control, confined;
    control.sit([&] { static_cast<void>(box.bare({"terminal_discipline", path})); });
    CHECK_FALSE(control.still_listens());
    confined.sit([&] { static_cast<void>(box.run({"terminal_discipline", path})); });
    verdict(std::string("terminal_discipline_") + path, !confined.still_listens());
  }
}
