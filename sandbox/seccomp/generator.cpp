// SPDX-License-Identifier: Apache-2.0
// Compiles the filters of sandbox/seccomp_filter.hpp with libseccomp and writes them as constant
// arrays. Usage: seccomp_generator OUTPUT.cpp
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sandbox/seccomp_filter.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace {

using mixguard::sandbox::SeccompOptions;
using mixguard::sandbox::UniqueFd;

[[noreturn]] void die(const std::string& what, int error) {
  std::fprintf(stderr, "seccomp_generator: %s: %s\n", what.c_str(), std::strerror(error));
  std::exit(1);
}

struct DeniedCall {
  const char* name;
  int error;
  const char* reason;
};

// Names, not numbers: libseccomp knows the number on each architecture and says so when there is
// none.
constexpr DeniedCall kDenied[] = {
    {"mount", EPERM, "changes the view"},
    {"umount2", EPERM, "uncovers what a mount hides"},
    {"pivot_root", EPERM, "changes the view"},
    {"chroot", EPERM, "changes the view"},
    {"open_tree", EPERM, "mount API by descriptors"},
    {"move_mount", EPERM, "mount API by descriptors"},
    {"fsopen", EPERM, "mount API by descriptors"},
    {"fsconfig", EPERM, "mount API by descriptors"},
    {"fsmount", EPERM, "mount API by descriptors"},
    {"fspick", EPERM, "mount API by descriptors"},
    {"mount_setattr", EPERM, "mount API by descriptors"},
    {"unshare", EPERM, "a nested user namespace regains every capability inside it"},
    {"setns", EPERM, "enters another namespace"},
    {"ptrace", EPERM, "rewrites another process, init included"},
    {"process_vm_readv", EPERM, "reads another process"},
    {"process_vm_writev", EPERM, "rewrites another process between a check and its use"},
    {"process_madvise", EPERM, "acts on another process's memory"},
    {"pidfd_getfd", EPERM, "takes a descriptor from another process"},
    {"kcmp", EPERM, "kernel pointer oracle"},
    {"bpf", EPERM, "programs in the kernel"},
    {"perf_event_open", EPERM, "large kernel surface"},
    {"userfaultfd", EPERM, "stops the kernel in the middle of a copy; exploit building block"},
    {"io_uring_setup", EPERM, "does what the filter denies without a system call"},
    {"io_uring_enter", EPERM, "does what the filter denies without a system call"},
    {"io_uring_register", EPERM, "does what the filter denies without a system call"},
    {"add_key", EPERM, "keyrings are not per namespace"},
    {"request_key", EPERM, "keyrings are not per namespace"},
    {"keyctl", EPERM, "keyrings are not per namespace"},
    {"open_by_handle_at", EPERM, "opens files around the view"},
    {"name_to_handle_at", EPERM, "makes handles for open_by_handle_at"},
    {"fanotify_init", EPERM, "watches whole file systems"},
    {"memfd_secret", EPERM, "memory that a supervisor cannot read"},
    {"init_module", EPERM, "kernel modules"},
    {"finit_module", EPERM, "kernel modules"},
    {"delete_module", EPERM, "kernel modules"},
    {"kexec_load", EPERM, "replaces the kernel"},
    {"kexec_file_load", EPERM, "replaces the kernel"},
    {"reboot", EPERM, "stops the machine"},
    {"swapon", EPERM, "machine administration"},
    {"swapoff", EPERM, "machine administration"},
    {"acct", EPERM, "machine administration"},
    {"quotactl", EPERM, "machine administration"},
    {"quotactl_fd", EPERM, "machine administration"},
    {"settimeofday", EPERM, "machine administration"},
    {"clock_settime", EPERM, "machine administration"},
    {"clock_adjtime", EPERM, "machine administration"},
    {"adjtimex", EPERM, "machine administration"},
    {"syslog", EPERM, "reads the kernel's log"},
    {"vhangup", EPERM, "acts on the terminal"},
    {"iopl", EPERM, "hardware"},
    {"ioperm", EPERM, "hardware"},
    {"modify_ldt", EPERM, "16-bit segments; exploit building block"},
    {"lookup_dcookie", EPERM, "kernel pointer oracle"},
    {"nfsservctl", ENOSYS, "removed from Linux"},
    {"uselib", ENOSYS, "obsolete"},
    {"_sysctl", ENOSYS, "obsolete"},
    // A pointer to its flags cannot be read by a filter; ENOSYS makes libc and the BEAM fall back
    // to clone(2), EPERM would make thread creation fail.
    {"clone3", ENOSYS, "namespace flags in memory"},
};

constexpr std::uint64_t kNamespaceFlags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                          CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                          CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */;

// The newest call of Linux 6.18 in the unified numbering (open_tree_attr 467, file_getattr 468,
// file_setattr 469).
constexpr std::uint32_t kNewestKnownCall = 469;

using Context = std::unique_ptr<void, decltype(&seccomp_release)>;

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW), &seccomp_release) {
    if (!context_) die("seccomp_init", ENOMEM);
  }

  void deny(const char* name, int error) { add(name, error, {}); }
  void deny(const char* name, int error, scmp_arg_cmp compare) { add(name, error, {&compare, 1}); }
  void deny(const char* name, int error, scmp_arg_cmp a, scmp_arg_cmp b) {
    const std::array both{a, b};
    add(name, error, both);
  }
  void notify(const char* name) {
    must(seccomp_rule_add(context_.get(), SCMP_ACT_NOTIFY, seccomp_syscall_resolve_name(name), 0),
         name);
  }
  void set(scmp_filter_attr attribute, std::uint32_t value) {
    must(seccomp_attr_set(context_.get(), attribute, value), "attribute");
  }

  // Without the answers to calls that libseccomp does not know (prepend_unknown_calls).
  [[nodiscard]] std::vector<sock_filter> export_program() const;

 private:
  void add(const char* name, int error, std::span<const scmp_arg_cmp> compares) {
    const int number = seccomp_syscall_resolve_name(name);
    if (number == __NR_SCMP_ERROR) die(name, EINVAL);
    if (number < 0) return;  // does not exist on this architecture
    must(seccomp_rule_add_array(context_.get(), SCMP_ACT_ERRNO(static_cast<std::uint32_t>(error)),
                                number, static_cast<unsigned>(compares.size()), compares.data()),
         name);
  }
  static void must(int result, const char* what) {
    if (result != 0) die(what, -result);
  }

  Context context_;
};

// Known to Linux 6.18 and not to libseccomp 2.5.4: able to set what fchmodat may not, and
// open_tree(2) with mount_setattr(2). glibc falls back to fchmodat.
constexpr std::uint32_t kFchmodat2 = 452;
constexpr std::uint32_t kOpenTreeAttr = 467;

// Calls newer than libseccomp 2.5.4 have no name there and would be allowed: answer them as an
// older kernel does. These instructions go before libseccomp's program, whose jumps are relative;
// calls of another architecture and of x32, whose numbers mean something else, are left to it: it
// kills them.
void prepend_unknown_calls(std::vector<sock_filter>& program) {
  const std::array<sock_filter, 9> guard{
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      // Nearly every call is an older one.
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, kFchmodat2, 0, 7),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kFchmodat2, 3, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kOpenTreeAttr, 2, 0),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, kNewestKnownCall, 0, 4),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 3, 0),
      sock_filter BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, arch)),
      sock_filter BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, seccomp_arch_native(), 0, 1),
      sock_filter BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
  };
  program.insert(program.begin(), guard.begin(), guard.end());
}

std::vector<sock_filter> Filter::export_program() const {
  const UniqueFd file(::memfd_create("seccomp", MFD_CLOEXEC));
  if (!file) die("memfd_create", errno);
  must(seccomp_export_bpf(context_.get(), file.get()), "seccomp_export_bpf");
  const auto size = static_cast<std::size_t>(::lseek(file.get(), 0, SEEK_END));
  std::vector<sock_filter> program(size / sizeof(sock_filter));
  if (size % sizeof(sock_filter) != 0 ||
      ::pread(file.get(), program.data(), size, 0) != static_cast<ssize_t>(size))
    die("read the program", EIO);
  return program;
}

// Not libseccomp's SCMP_CMP64: that is a C compound literal.
scmp_arg_cmp compare(unsigned argument, scmp_compare how, std::uint64_t a, std::uint64_t b = 0) {
  return {argument, how, a, b};
}

// A 64-bit compare would let TIOCSTI|1<<32 through; the kernel looks at the low 32 bits
// (CVE-2019-7303's class).
scmp_arg_cmp low32_equals(unsigned argument, std::uint64_t value) {
  return compare(argument, SCMP_CMP_MASKED_EQ, 0xffffffffULL, value);
}
scmp_arg_cmp has_bits(unsigned argument, std::uint64_t bits) {
  return compare(argument, SCMP_CMP_MASKED_EQ, bits, bits);
}

void deny_namespaces(Filter& filter) {
  for (std::uint64_t flag = 1; flag != 0 && flag <= kNamespaceFlags; flag <<= 1) {
    if ((kNamespaceFlags & flag) != 0) filter.deny("clone", EPERM, has_bits(0, flag));
  }
}

// Setuid and setgid bits would outlive the run. openat2 hides its mode in memory; nothing in Mix's
// world needs it.
void deny_setuid_bits(Filter& filter) {
  for (const std::uint64_t bit : {std::uint64_t{S_ISUID}, std::uint64_t{S_ISGID}}) {
    filter.deny("chmod", EPERM, has_bits(1, bit));
    filter.deny("fchmod", EPERM, has_bits(1, bit));
    filter.deny("fchmodat", EPERM, has_bits(2, bit));
    filter.deny("creat", EPERM, has_bits(1, bit));
    filter.deny("mknod", EPERM, has_bits(1, bit));
    filter.deny("mknodat", EPERM, has_bits(2, bit));
    // A file without a name can be given one by linkat(2).
    for (const std::uint64_t makes : {std::uint64_t{O_CREAT}, std::uint64_t{O_TMPFILE}}) {
      filter.deny("open", EPERM, has_bits(1, makes), has_bits(2, bit));
      filter.deny("openat", EPERM, has_bits(2, makes), has_bits(3, bit));
    }
  }
  filter.deny("openat2", ENOSYS);
}

void deny_devices(Filter& filter) {
  for (const std::uint64_t type : {std::uint64_t{S_IFCHR}, std::uint64_t{S_IFBLK}}) {
    filter.deny("mknod", EPERM, compare(1, SCMP_CMP_MASKED_EQ, S_IFMT, type));
    filter.deny("mknodat", EPERM, compare(2, SCMP_CMP_MASKED_EQ, S_IFMT, type));
  }
}

void deny_terminal_injection(Filter& filter) {
  filter.deny("ioctl", EPERM, low32_equals(1, TIOCSTI));
  filter.deny("ioctl", EPERM, low32_equals(1, TIOCLINUX));
  filter.deny("ioctl", EPERM, low32_equals(1, TIOCSETD));
  filter.deny("ioctl", EPERM, low32_equals(1, TIOCCONS));
}

// Only INET and INET6: vsock and alg are not namespaced, netlink and packet are kernel surface,
// unix sockets reach daemons around the network namespace.
void deny_socket_families(Filter& filter, const SeccompOptions& options) {
  for (unsigned family = 0; family <= AF_INET6; ++family) {
    if (family == AF_INET || family == AF_INET6) continue;
    if (family == AF_UNIX && options.unix_stream) continue;
    filter.deny("socket", EAFNOSUPPORT, low32_equals(0, family));
  }
  filter.deny("socket", EAFNOSUPPORT, compare(0, SCMP_CMP_GT, AF_INET6));
  filter.deny("socketpair", EAFNOSUPPORT, low32_equals(0, AF_UNSPEC));
  filter.deny("socketpair", EAFNOSUPPORT, compare(0, SCMP_CMP_GT, AF_UNIX));
}

// As if there were no privilege for it, or no such protocol.
int error_of_type(std::uint64_t type) {
  if (type == SOCK_DGRAM) return EACCES;
  return type == SOCK_RAW || type == SOCK_PACKET ? EPERM : ESOCKTNOSUPPORT;
}

// Of the families' types: streams and, where a network namespace holds them, datagrams. The kernel
// makes a packet socket of an internet socket of type SOCK_PACKET, and the first protocol of a type
// where none is named: SOCK_SEQPACKET is SCTP.
void deny_socket_types(Filter& filter, const SeccompOptions& options) {
  constexpr std::uint64_t kTypeMask = 0xf;  // SOCK_TYPE_MASK, include/linux/net.h
  for (std::uint64_t type = 0; type <= kTypeMask; ++type) {
    if (type == SOCK_STREAM) continue;
    const scmp_arg_cmp is_type = compare(1, SCMP_CMP_MASKED_EQ, kTypeMask, type);
    if (options.unix_stream) filter.deny("socket", EAFNOSUPPORT, low32_equals(0, AF_UNIX), is_type);
    if (type == SOCK_DGRAM && options.namespaces) continue;
    filter.deny("socket", error_of_type(type), is_type);
  }
  // A datagram socket sends to any name, whatever it is paired with. Raw is datagram there
  // (unix(7)).
  for (const std::uint64_t type : {std::uint64_t{SOCK_DGRAM}, std::uint64_t{SOCK_RAW}})
    filter.deny("socketpair", EPERM, compare(1, SCMP_CMP_MASKED_EQ, kTypeMask, type));
}

// What reaches the network past Landlock's rules for TCP: protocols that it does not know, and a
// connection that is made by sending.
void deny_ways_past_landlock(Filter& filter, const SeccompOptions& options) {
  // include/uapi/linux/in.h: from 256 on are no protocols of IP but Linux's own. SMC and MPTCP make
  // TCP connections; what is added there is refused before it is known.
  constexpr std::uint64_t kBeyondIp = 0x100;
  constexpr std::uint64_t kSctp = 132;
  filter.deny("socket", EPROTONOSUPPORT, has_bits(2, kBeyondIp));
  filter.deny("socket", EPROTONOSUPPORT, low32_equals(2, kSctp));
  // Turns a TCP socket into one of SMC, where that is loaded. Only where Landlock stands alone: TLS
  // in the kernel is asked for in the same way, and answered like this by a kernel that has none.
  if (!options.namespaces)
    filter.deny("setsockopt", ENOENT, low32_equals(1, IPPROTO_TCP), low32_equals(2, TCP_ULP));
  filter.deny("sendto", EOPNOTSUPP, has_bits(3, MSG_FASTOPEN));
  filter.deny("sendmsg", EOPNOTSUPP, has_bits(2, MSG_FASTOPEN));
  filter.deny("sendmmsg", EOPNOTSUPP, has_bits(3, MSG_FASTOPEN));
}

// Without namespaces the other processes of the user are in reach, and their shared memory.
void deny_other_processes(Filter& filter) {
  filter.deny("prlimit64", EPERM, compare(0, SCMP_CMP_NE, 0));
  constexpr std::uint64_t kIoprioProcess = 1;  // IOPRIO_WHO_PROCESS, linux/ioprio.h
  // 0 of a group or a user is the caller's: others are in it.
  filter.deny("setpriority", EPERM, compare(0, SCMP_CMP_NE, PRIO_PROCESS));
  filter.deny("setpriority", EPERM, compare(1, SCMP_CMP_NE, 0));
  filter.deny("ioprio_set", EPERM, compare(0, SCMP_CMP_NE, kIoprioProcess));
  filter.deny("ioprio_set", EPERM, compare(1, SCMP_CMP_NE, 0));
  for (const char* call :
       {"sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity"})
    filter.deny(call, EPERM, compare(0, SCMP_CMP_NE, 0));
  for (const char* call : {"shmget", "shmat", "shmctl", "semget", "semop", "semtimedop", "semctl",
                           "msgget", "msgsnd", "msgrcv", "msgctl"}) {
    filter.deny(call, EPERM);
  }
}

// 0 and 0xffffffff (a query) are what programs use; the rest turns address randomisation off.
// libseccomp compares an argument once a rule, so "neither" is said as: some bit is set whose left
// neighbour is not.
void deny_personality(Filter& filter) {
  for (unsigned bit = 0; bit < 32; ++bit) {
    const std::uint64_t set = 1ULL << bit;
    const std::uint64_t neighbour = 1ULL << ((bit + 1) % 32);
    filter.deny("personality", EPERM, compare(0, SCMP_CMP_MASKED_EQ, set | neighbour, set));
  }
}

std::vector<sock_filter> compile(const SeccompOptions& options) {
  Filter filter;
  filter.set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  // A binary tree: the cost of a call is the logarithm of the list.
  filter.set(SCMP_FLTATR_CTL_OPTIMIZE, 2);
  for (const DeniedCall& call : kDenied) filter.deny(call.name, call.error);
  deny_namespaces(filter);
  deny_setuid_bits(filter);
  deny_devices(filter);
  deny_terminal_injection(filter);
  deny_socket_families(filter, options);
  deny_socket_types(filter, options);
  deny_ways_past_landlock(filter, options);
  if (!options.namespaces) deny_other_processes(filter);
  deny_personality(filter);
  std::vector<sock_filter> program = filter.export_program();
  prepend_unknown_calls(program);
  return program;
}

// A filter of its own above the other one, so that there are not two of each; the kernel remembers
// that it has no opinion on other calls (seccomp's action cache, Linux 5.11).
std::vector<sock_filter> compile_monitor_filter(bool connections) {
  Filter filter;
  filter.set(SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);
  filter.notify("execve");
  filter.notify("execveat");
  if (connections) filter.notify("connect");
  return filter.export_program();
}

void write_array(std::ofstream& out, const char* name, const std::vector<sock_filter>& program) {
  out << "constexpr sock_filter " << name << "[] = {\n";
  for (const sock_filter& step : program) {
    out << "    {" << step.code << ", " << static_cast<unsigned>(step.jt) << ", "
        << static_cast<unsigned>(step.jf) << ", " << step.k << "U},\n";
  }
  out << "};\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) die("usage: seccomp_generator OUTPUT.cpp", EINVAL);
  std::ofstream out(argv[1]);
  out << "// Generated by sandbox/seccomp/generator.cpp.\n"
         "#include \"sandbox/seccomp_filter.hpp\"\n\n"
         "namespace mixguard::sandbox {\nnamespace {\n\n";
  write_array(out, "kWithNamespaces", compile({.namespaces = true}));
  write_array(out, "kWithUnix", compile({.namespaces = true, .unix_stream = true}));
  write_array(out, "kWithoutNamespaces", compile({.namespaces = false}));
  write_array(out, "kExec", compile_monitor_filter(false));
  write_array(out, "kExecAndConnect", compile_monitor_filter(true));
  out << "\n}  // namespace\n\n"
         "std::span<const sock_filter> seccomp_filter(const SeccompOptions& options) {\n"
         "  if (!options.namespaces) return kWithoutNamespaces;\n"
         "  if (options.unix_stream) return kWithUnix;\n"
         "  return kWithNamespaces;\n}\n\n"
         "std::span<const sock_filter> monitor_filter(bool connections) {\n"
         "  if (connections) return kExecAndConnect;\n"
         "  return kExec;\n}\n\n"
         "}  // namespace mixguard::sandbox\n";
  out.close();
  if (!out) die(argv[1], EIO);
  return 0;
}
