// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <sched.h>
#include <signal.h>
#include <sys/fanotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "probe.hpp"

namespace probe {
namespace {

// ---- namespaces and mounts

int user_namespace(const Arguments&) { return verdict(::unshare(CLONE_NEWUSER) == 0); }

// A child made with new namespaces; it lives for as long as its parent is held.
int cloned(long pid) {
  if (pid == 0) {
    ::pause();
    ::_exit(0);
  }
  return verdict(pid > 0);
}
int clone_namespace(const Arguments&) {
  return cloned(::syscall(SYS_clone, CLONE_NEWUSER | SIGCHLD, 0, 0, 0, 0));
}
int clone3_namespace(const Arguments&) {
  const std::array<unsigned long, 8> arguments{CLONE_NEWUSER, 0, 0, 0, SIGCHLD, 0, 0, 0};
  return cloned(::syscall(435, arguments.data(), sizeof(arguments)));
}
int join_namespace(const Arguments& a) {
  return verdict(::setns(::open(a.at(0).c_str(), O_RDONLY), 0) == 0);
}

int mount_tmpfs(const Arguments& a) {
  return verdict(::mount("none", a.at(0).c_str(), "tmpfs", 0, nullptr) == 0);
}
int mount_by_descriptor(const Arguments& a) {
  const int fs = int(::syscall(430, "tmpfs", 0));                 // fsopen
  if (fs < 0 || ::syscall(431, fs, 6, nullptr, nullptr, 0) != 0)  // fsconfig, FSCONFIG_CMD_CREATE
    return verdict(false);
  const int mount = int(::syscall(432, fs, 0, 0));  // fsmount
  return verdict(mount >= 0 && ::syscall(429, mount, "", AT_FDCWD, a.at(0).c_str(), 4) == 0);
}
int move_tree(const Arguments& a) {
  const int tree = int(::syscall(428, AT_FDCWD, "/", 1));  // open_tree, OPEN_TREE_CLONE
  return verdict(tree >= 0 && ::syscall(429, tree, "", AT_FDCWD, a.at(0).c_str(), 4) == 0);
}
// Takes read-only off again.
int writable_again(const Arguments& a) {
  const std::array<unsigned long, 4> attributes{0, 1 /* clear MOUNT_ATTR_RDONLY */, 0, 0};
  return verdict(
      ::syscall(442, AT_FDCWD, a.at(0).c_str(), 0, attributes.data(), sizeof(attributes)) == 0);
}
int unmount(const Arguments& a) { return verdict(::umount2(a.at(0).c_str(), MNT_DETACH) == 0); }
int change_root(const Arguments& a) { return verdict(::chroot(a.at(0).c_str()) == 0); }
int pivot(const Arguments& a) {
  return verdict(::mount("none", a.at(0).c_str(), "tmpfs", 0, nullptr) == 0 &&
                 ::chdir(a.at(0).c_str()) == 0 && ::syscall(SYS_pivot_root, ".", ".") == 0);
}

// The way around a protected entry of a writable directory: in a namespace of one's own the mount
// that protects it can be taken away, and a directory that was opened before still leads there.
int rename_chain(const Arguments& a) {
  const int directory = ::open(a.at(0).c_str(), O_PATH | O_DIRECTORY);
  if (directory < 0 || !become_namespace_root()) return verdict(false);
  const bool rooted = ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0 && ::chdir("/tmp") == 0 &&
                      ::syscall(SYS_pivot_root, ".", ".") == 0 && ::umount2(".", MNT_DETACH) == 0;
  return verdict(rooted && ::renameat(directory, "protected", directory, "aside") == 0 &&
                 append(::openat(directory, "protected", O_WRONLY | O_CREAT, 0644)));
}
// The same in a sandbox that only binds the entry onto itself: the control arm.
int rename_chain_in_weak_sandbox(const Arguments& a) {
  const std::string entry = a.at(0) + "/protected";
  const std::string aside = a.at(0) + "/aside";
  if (!become_namespace_root() ||
      ::mount(entry.c_str(), entry.c_str(), nullptr, MS_BIND, nullptr) != 0) {
    return verdict(false);
  }
  if (::rename(entry.c_str(), aside.c_str()) == 0 || errno != EBUSY) return verdict(false);
  return rename_chain(a);
}

// ---- kernel surface

int add_key(const Arguments& a) {
  return verdict(
      ::syscall(SYS_add_key, "user", a.at(0).c_str(), "pwned", 5, KEY_SPEC_USER_KEYRING) > 0);
}
// Prints what a key of the host's holds.
int print_key(long key) {
  std::array<char, 64> text;
  const long length =
      key > 0 ? ::syscall(SYS_keyctl, KEYCTL_READ, key, text.data(), text.size()) : -1;
  if (length > 0) static_cast<void>(::write(STDOUT_FILENO, text.data(), size_t(length)));
  return verdict(length > 0);
}
int read_key(const Arguments& a) { return print_key(std::atol(a.at(0).c_str())); }
int request_key(const Arguments& a) {
  // Links what it finds into the session's keyring, where it can be read.
  ::syscall(SYS_keyctl, KEYCTL_LINK, KEY_SPEC_USER_KEYRING, KEY_SPEC_SESSION_KEYRING);
  return print_key(::syscall(SYS_request_key, "user", a.at(0).c_str(), nullptr, 0));
}
int user_fault(const Arguments&) { return verdict(::syscall(SYS_userfaultfd, 1) >= 0); }
int kernel_program(const Arguments&) {
  bpf_attr map{};
  map.map_type = BPF_MAP_TYPE_ARRAY;
  map.key_size = map.value_size = 4;
  map.max_entries = 1;
  return verdict(::syscall(SYS_bpf, BPF_MAP_CREATE, &map, sizeof(map)) >= 0);
}
int performance_counter(const Arguments&) {
  perf_event_attr event{};
  event.type = PERF_TYPE_SOFTWARE;
  event.config = PERF_COUNT_SW_TASK_CLOCK;
  event.size = sizeof(event);
  event.exclude_kernel = 1;
  return verdict(::syscall(SYS_perf_event_open, &event, 0, -1, -1, 0) >= 0);
}
int watch_files(const Arguments&) {
  return verdict(::fanotify_init(FAN_CLASS_NOTIF | FAN_REPORT_FID, O_RDONLY) >= 0);
}
int secret_memory(const Arguments&) { return verdict(::syscall(447, 0) >= 0); }
int no_randomisation(const Arguments&) {
  return verdict(::syscall(SYS_personality, 0x0040000) >= 0);
}
int compare_kernel(const Arguments& a) {
  return verdict(::syscall(SYS_kcmp, ::getpid(), number(a.at(0)), 2 /* KCMP_FILES */, 0, 0) >= 0);
}
int open_handle(const Arguments& a) {
  struct Handle {
    unsigned length;
    int type;
    std::array<unsigned char, 128> bytes;
  } handle{};
  const std::string& text = a.at(1);
  handle.type = number(a.at(2));
  handle.length = static_cast<unsigned>(text.size() / 2);
  for (unsigned i = 0; i < handle.length; ++i) {
    handle.bytes[i] =
        static_cast<unsigned char>(std::strtoul(text.substr(i * 2, 2).c_str(), nullptr, 16));
  }
  const int near = ::open(a.at(0).c_str(), O_RDONLY | O_DIRECTORY);
  const int fd = int(::syscall(SYS_open_by_handle_at, near, &handle, O_RDONLY));
  std::array<char, 64> content;
  const ssize_t length = fd >= 0 ? ::read(fd, content.data(), content.size()) : -1;
  if (length > 0) static_cast<void>(::write(STDOUT_FILENO, content.data(), size_t(length)));
  return verdict(length > 0);
}
int unknown_call(const Arguments&) {
  ::syscall(470);
  std::printf("%d\n", errno);
  return 0;
}

// ---- other processes' insides

int trace_me(const Arguments&) {
  return verdict(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0);
}
int trace_process(const Arguments& a) {
  return verdict(::ptrace(PTRACE_SEIZE, number(a.at(0)), nullptr, nullptr) == 0);
}
void* address(const std::string& text) {
  return reinterpret_cast<void*>(std::strtoull(text.c_str(), nullptr, 16));
}
int read_memory(const Arguments& a) {
  std::array<char, 16> text{};
  const iovec here{text.data(), text.size()};
  const iovec there{address(a.at(1)), text.size()};
  const ssize_t length = ::process_vm_readv(number(a.at(0)), &here, 1, &there, 1, 0);
  std::printf("%s\n", text.data());
  return verdict(length > 0);
}
int write_memory(const Arguments& a) {
  char text[] = "pwned";
  const iovec here{text, sizeof(text)};
  const iovec there{address(a.at(1)), sizeof(text)};
  return verdict(::process_vm_writev(number(a.at(0)), &here, 1, &there, 1, 0) > 0);
}
int write_memory_file(const Arguments& a) {
  const int fd = ::open(("/proc/" + a.at(0) + "/mem").c_str(), O_RDWR);
  return verdict(fd >= 0 &&
                 ::pwrite(fd, "pwned", 6, reinterpret_cast<long>(address(a.at(1)))) == 6);
}
int take_descriptor(const Arguments& a) {
  const int process = int(::syscall(434, number(a.at(0)), 0));  // pidfd_open
  return verdict(append(int(::syscall(438, process, number(a.at(1)), 0))));
}

// ---- terminals

int terminal(const std::string& path) {
  return path == "-" ? STDIN_FILENO : ::open(path.c_str(), O_RDWR | O_NOCTTY);
}
int terminal_input(const Arguments& a) {
  return verdict(::ioctl(terminal(a.at(0)), TIOCSTI, "x") == 0);
}
int terminal_input_high(const Arguments& a) {
  return verdict(::syscall(SYS_ioctl, terminal(a.at(0)),
                           static_cast<unsigned long>(TIOCSTI) | (1UL << 32), "x") == 0);
}
int terminal_console(const Arguments& a) {
  char paste = 3;  // TIOCL_PASTESEL
  return verdict(::ioctl(terminal(a.at(0)), TIOCLINUX, &paste) == 0);
}
int terminal_discipline(const Arguments& a) {
  const int null = 27;  // N_NULL: nothing typed arrives any more
  return verdict(::ioctl(terminal(a.at(0)), TIOCSETD, &null) == 0);
}

// ---- other system call tables

#if defined(__x86_64__)
// The 32-bit table takes addresses below 4 GiB.
const char* low_copy(const std::string& text) {
  void* page =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
  std::memcpy(page, text.c_str(), text.size() + 1);
  return static_cast<const char*>(page);
}
int compat_create(const Arguments& a) {
  long result = 8;  // creat in the 32-bit table
  asm volatile("int $0x80" : "+a"(result) : "b"(low_copy(a.at(0))), "c"(0644L) : "memory");
  return verdict(result > 0);
}
int x32_create(const Arguments& a) {
  return verdict(::syscall(0x40000000 | SYS_creat, a.at(0).c_str(), 0644) > 0);
}
int native_create(const Arguments& a) {
  return verdict(::syscall(SYS_creat, a.at(0).c_str(), 0644) > 0);
}
int execute(const Arguments& a) {
  ::execl(a.at(0).c_str(), a.at(0).c_str(), nullptr);
  return verdict(false);
}
int local_segment(const Arguments&) {
  // struct user_desc, a 32-bit data segment in slot 0.
  const std::array<unsigned, 4> entry{0, 0, 0xfffff, 0x51};
  return verdict(::syscall(SYS_modify_ldt, 1, entry.data(), sizeof(entry)) == 0);
}
#endif

constexpr Attack kAttacks[] = {
    {"user_namespace", user_namespace},
    {"clone_namespace", clone_namespace},
    {"clone3_namespace", clone3_namespace},
    {"join_namespace", join_namespace},
    {"mount_tmpfs", mount_tmpfs},
    {"mount_by_descriptor", mount_by_descriptor},
    {"move_tree", move_tree},
    {"writable_again", writable_again},
    {"unmount", unmount},
    {"change_root", change_root},
    {"pivot", pivot},
    {"rename_chain", rename_chain},
    {"rename_chain_in_weak_sandbox", rename_chain_in_weak_sandbox},
    {"add_key", add_key},
    {"read_key", read_key},
    {"request_key", request_key},
    {"user_fault", user_fault},
    {"kernel_program", kernel_program},
    {"performance_counter", performance_counter},
    {"watch_files", watch_files},
    {"secret_memory", secret_memory},
    {"no_randomisation", no_randomisation},
    {"compare_kernel", compare_kernel},
    {"open_handle", open_handle},
    {"unknown_call", unknown_call},
    {"trace_me", trace_me},
    {"trace_process", trace_process},
    {"read_memory", read_memory},
    {"write_memory", write_memory},
    {"write_memory_file", write_memory_file},
    {"take_descriptor", take_descriptor},
    {"terminal_input", terminal_input},
    {"terminal_input_high", terminal_input_high},
    {"terminal_console", terminal_console},
    {"terminal_discipline", terminal_discipline},
#if defined(__x86_64__)
    {"compat_create", compat_create},
    {"x32_create", x32_create},
    {"native_create", native_create},
    {"execute", execute},
    {"local_segment", local_segment},
#endif
};

}  // namespace

std::span<const Attack> system_attacks() { return kAttacks; }

}  // namespace probe
