// SPDX-License-Identifier: Apache-2.0
// What the compiled filters answer, without a kernel: each decision in golden/, where a change of
// one is seen in review, and the rules that look at arguments as claims about all of them. Numbers
// and costs are those of x86-64; the claims hold wherever a call of that name exists.
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <rapidcheck.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iomanip>
#include <set>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "sandbox/seccomp_filter.hpp"
#include "support/bpf_program.hpp"

using mixguard::sandbox::monitor_filter;
using mixguard::sandbox::seccomp_filter;
using mixguard::sandbox::SeccompOptions;
using mixguard::test::BpfProgram;

namespace {

using Arguments = std::array<std::uint64_t, 6>;

constexpr std::uint32_t kX32 = 0x40000000;
constexpr std::uint64_t kNone = ~0ULL;  // a descriptor that is not open, memory that is not there
constexpr std::uint64_t kHigh = 0xffffffff00000000;
// include/uapi/linux/in.h, ioprio.h: newer than some C library's headers.
constexpr std::uint64_t kSmc = 256, kMptcp = 262, kIoprioProcess = 1, kIoprioGroup = 2,
                        kIoprioUser = 3;

struct Filter {
  const char* name;
  SeccompOptions options;
  BpfProgram program;
};

const std::vector<Filter>& filters() {
  static const std::vector<Filter> all = [] {
    std::vector<Filter> made;
    for (const auto& [name, options] :
         {std::pair{"full", SeccompOptions{}}, std::pair{"unix", SeccompOptions{true, true}},
          std::pair{"reduced", SeccompOptions{false, false}}})
      made.push_back({name, options, BpfProgram(seccomp_filter(options))});
    return made;
  }();
  return all;
}
const BpfProgram& monitor_program(bool connections) {
  static const BpfProgram execs(monitor_filter(false));
  static const BpfProgram both(monitor_filter(true));
  return connections ? both : execs;
}
// In the order of the golden files' columns.
std::vector<const BpfProgram*> programs() {
  std::vector<const BpfProgram*> all;
  for (const Filter& filter : filters()) all.push_back(&filter.program);
  for (const bool connections : {false, true}) all.push_back(&monitor_program(connections));
  return all;
}

std::uint64_t bit(unsigned number) { return 1ULL << number; }

std::uint32_t native() { return seccomp_arch_native(); }
// Negative: there is no such call here.
int number_of(const char* call) { return seccomp_syscall_resolve_name(call); }

BpfProgram::Answer answer(const BpfProgram& program, std::uint32_t number, const Arguments& args,
                          std::uint32_t arch = native()) {
  seccomp_data call{};
  call.nr = static_cast<int>(number);
  call.arch = arch;
  std::copy(args.begin(), args.end(), call.args);
  return program.run(call);
}
bool reads_arguments(const BpfProgram::Answer& given) {
  return (given.read >> (offsetof(seccomp_data, args) / 4)).any();
}

// "-": allowed.
std::string text_of(std::uint32_t value) {
  switch (value & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
      return "-";
    case SECCOMP_RET_KILL_PROCESS:
      return "kill";
    case SECCOMP_RET_USER_NOTIF:
      return "notify";
    case SECCOMP_RET_ERRNO: {
      const char* name = ::strerrorname_np(static_cast<int>(value & SECCOMP_RET_DATA));
      return name != nullptr ? name : "no errno";
    }
    default:
      return "no action of these filters";
  }
}

// What the filter says to a call by name; "-" where there is no such call.
std::string says(const Filter& filter, const char* call, const Arguments& args) {
  const int number = number_of(call);
  if (number == __NR_SCMP_ERROR) return "no such name";
  if (number < 0) return "-";
  return text_of(answer(filter.program, static_cast<std::uint32_t>(number), args).value);
}
bool allows(const Filter& filter, const char* call, const Arguments& args) {
  return says(filter, call, args) == "-";
}

}  // namespace

// --- Golden files ------------------------------------------------------------------------------

#if defined(__x86_64__)
namespace {

void check_golden(const std::string& name, const std::string& text) {
  // The tree that the tests were built from may not be readable for another user.
  const char* tests = std::getenv("MIXGUARD_TEST_SOURCES");
  const std::string path =
      std::string(tests != nullptr ? tests : MIXGUARD_TEST_SOURCES) + "/sandbox/golden/" + name;
  if (std::getenv("MIXGUARD_ACCEPT") != nullptr) {
    std::ofstream(path) << text;
    WARN("skipped: rewrote " << name);
    return;
  }
  std::ostringstream golden;
  golden << std::ifstream(path).rdbuf();
  CHECK(text == golden.str());
}

std::string row(const std::string& head, const std::vector<std::string>& cells) {
  std::ostringstream line;
  line << std::left << std::setw(52) << head;
  for (const std::string& cell : cells) line << ' ' << std::setw(15) << cell;
  std::string text = line.str();
  text.erase(text.find_last_not_of(' ') + 1);
  return text + "\n";
}

// libseccomp's names up to the newest that its version 2.5.4 knows, so that a newer one, which
// knows more, prints the same.
std::string name_of(std::uint32_t number) {
  if (number == 452) return "fchmodat2";
  if (number == 467) return "open_tree_attr";
  if (number > 450) return "";
  char* name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_X86_64, static_cast<int>(number));
  const std::string text = name != nullptr ? name : "";
  std::free(name);
  return text;
}

std::string number_text(std::uint32_t number) {
  std::ostringstream text;
  if (number >= 0x10000) text << "0x" << std::hex;
  text << number;
  return text.str();
}

struct Range {
  std::uint32_t first, last;
};
// Every number that there is, many that there are not, and those at the edges.
constexpr Range kNumbers[] = {{0, 1023},
                              {kX32 - 1, kX32 - 1},
                              {kX32, kX32 + 1023},
                              {0x7fffffff, 0x80000000},
                              {0xfffffffe, 0xffffffff}};

bool depends_on_arguments(std::uint32_t number) {
  const auto all = programs();
  return std::any_of(all.begin(), all.end(), [&](const BpfProgram* program) {
    return reads_arguments(answer(*program, number, {}));
  });
}

std::vector<std::string> cells_of(std::uint32_t number, const Arguments& args) {
  std::vector<std::string> cells;
  for (const BpfProgram* program : programs())
    cells.push_back(text_of(answer(*program, number, args).value));
  return cells;
}
bool is_plain(const std::vector<std::string>& cells) {
  return std::all_of(cells.begin(), cells.end(), [](const auto& cell) { return cell == "-"; });
}

// Numbers without a name that follow each other are one line.
std::string unconditional() {
  std::string text;
  for (const Range& range : kNumbers) {
    for (std::uint64_t number = range.first; number <= range.last; ++number) {
      const auto first = static_cast<std::uint32_t>(number);
      const auto cells = cells_of(first, {});
      if (depends_on_arguments(first) || is_plain(cells)) continue;
      std::string head = number_text(first) + " " + name_of(first);
      while (name_of(first).empty() && number < range.last &&
             name_of(static_cast<std::uint32_t>(number + 1)).empty() &&
             cells_of(static_cast<std::uint32_t>(number + 1), {}) == cells)
        ++number;
      if (number != first) head = number_text(first) + "-" + number_text(std::uint32_t(number));
      text += row(head, cells);
    }
  }
  return text;
}

struct Sample {
  const char* call;
  const char* text;
  Arguments args;
};
#define ARGUMENTS(...) \
  #__VA_ARGS__, { __VA_ARGS__ }

// At least one of each call whose answer depends on its arguments; both sides of each rule.
const std::vector<Sample>& samples() {
  constexpr std::uint64_t kThread = 0x3d0f00;  // what pthread_create(3) passes
  constexpr std::uint64_t fd = kNone, path = kNone, data = kNone, length = 0;
  static const std::vector<Sample> all = {
      {"clone", ARGUMENTS(SIGCHLD)},
      {"clone", ARGUMENTS(kThread)},
      {"clone", ARGUMENTS(CLONE_NEWUSER | SIGCHLD)},
      {"clone", ARGUMENTS(CLONE_NEWNS)},
      {"clone", ARGUMENTS(CLONE_NEWPID)},
      {"clone", ARGUMENTS(CLONE_NEWNET)},
      {"clone", ARGUMENTS(CLONE_NEWIPC)},
      {"clone", ARGUMENTS(CLONE_NEWUTS)},
      {"clone", ARGUMENTS(CLONE_NEWCGROUP)},
      {"clone", ARGUMENTS(kHigh | CLONE_NEWUSER)},
      {"ioctl", ARGUMENTS(fd, TCGETS)},
      {"ioctl", ARGUMENTS(fd, TIOCSTI)},
      {"ioctl", ARGUMENTS(fd, kHigh | TIOCSTI)},
      {"ioctl", ARGUMENTS(fd, TIOCLINUX)},
      {"ioctl", ARGUMENTS(fd, TIOCSETD)},
      {"ioctl", ARGUMENTS(fd, TIOCCONS)},
      {"open", ARGUMENTS(path, O_RDONLY, S_ISUID)},
      {"open", ARGUMENTS(path, O_CREAT, 0777)},
      {"open", ARGUMENTS(path, O_CREAT, S_ISUID)},
      {"openat", ARGUMENTS(fd, path, O_RDONLY, S_ISUID)},
      {"openat", ARGUMENTS(fd, path, O_CREAT, 0777)},
      {"openat", ARGUMENTS(fd, path, O_CREAT, S_ISUID)},
      {"openat", ARGUMENTS(fd, path, O_CREAT, S_ISGID)},
      {"openat", ARGUMENTS(fd, path, O_TMPFILE, 0777)},
      {"openat", ARGUMENTS(fd, path, O_TMPFILE, S_ISUID)},
      {"creat", ARGUMENTS(path, 0777)},
      {"creat", ARGUMENTS(path, S_ISUID)},
      {"chmod", ARGUMENTS(path, 0777)},
      {"chmod", ARGUMENTS(path, S_ISUID)},
      {"fchmod", ARGUMENTS(fd, 0777)},
      {"fchmod", ARGUMENTS(fd, S_ISGID)},
      {"fchmodat", ARGUMENTS(fd, path, 0777)},
      {"fchmodat", ARGUMENTS(fd, path, S_ISUID)},
      {"mknod", ARGUMENTS(path, S_IFIFO)},
      {"mknod", ARGUMENTS(path, S_IFCHR)},
      {"mknod", ARGUMENTS(path, S_IFREG | S_ISUID)},
      {"mknodat", ARGUMENTS(fd, path, S_IFIFO)},
      {"mknodat", ARGUMENTS(fd, path, S_IFBLK)},
      {"socket", ARGUMENTS(AF_UNSPEC, SOCK_STREAM)},
      {"socket", ARGUMENTS(AF_UNIX, SOCK_STREAM)},
      {"socket", ARGUMENTS(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK)},
      {"socket", ARGUMENTS(AF_UNIX, SOCK_DGRAM)},
      {"socket", ARGUMENTS(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC)},
      {"socket", ARGUMENTS(AF_NETLINK, SOCK_RAW)},
      {"socket", ARGUMENTS(AF_PACKET, SOCK_RAW)},
      {"socket", ARGUMENTS(AF_VSOCK, SOCK_STREAM)},
      {"socket", ARGUMENTS(64, SOCK_STREAM)},
      {"socket", ARGUMENTS(kHigh | AF_NETLINK, SOCK_RAW)},
      {"socket", ARGUMENTS(AF_INET, SOCK_STREAM)},
      {"socket", ARGUMENTS(AF_INET6, SOCK_STREAM, IPPROTO_TCP)},
      {"socket", ARGUMENTS(AF_INET, SOCK_STREAM, IPPROTO_SCTP)},
      {"socket", ARGUMENTS(AF_INET, SOCK_STREAM, kSmc)},
      {"socket", ARGUMENTS(AF_INET, SOCK_STREAM, kMptcp)},
      {"socket", ARGUMENTS(AF_INET, SOCK_DGRAM)},
      {"socket", ARGUMENTS(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC)},
      {"socket", ARGUMENTS(AF_INET, SOCK_RAW)},
      {"socket", ARGUMENTS(AF_INET, SOCK_SEQPACKET)},
      {"socket", ARGUMENTS(AF_INET, SOCK_DCCP, IPPROTO_DCCP)},
      {"socket", ARGUMENTS(AF_INET, SOCK_PACKET)},
      {"socketpair", ARGUMENTS(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)},
      {"socketpair", ARGUMENTS(AF_UNIX, SOCK_SEQPACKET)},
      {"socketpair", ARGUMENTS(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC)},
      {"socketpair", ARGUMENTS(AF_UNIX, SOCK_RAW)},
      {"socketpair", ARGUMENTS(AF_TIPC, SOCK_STREAM)},
      {"sendto", ARGUMENTS(fd, data, length, MSG_NOSIGNAL)},
      {"sendto", ARGUMENTS(fd, data, length, MSG_FASTOPEN)},
      {"sendmsg", ARGUMENTS(fd, data, MSG_NOSIGNAL)},
      {"sendmsg", ARGUMENTS(fd, data, MSG_FASTOPEN)},
      {"sendmmsg", ARGUMENTS(fd, data, length, MSG_NOSIGNAL)},
      {"sendmmsg", ARGUMENTS(fd, data, length, MSG_FASTOPEN)},
      {"setsockopt", ARGUMENTS(fd, IPPROTO_TCP, TCP_NODELAY)},
      {"setsockopt", ARGUMENTS(fd, IPPROTO_TCP, TCP_ULP)},
      {"personality", ARGUMENTS(0)},
      {"personality", ARGUMENTS(0xffffffff)},
      {"personality", ARGUMENTS(ADDR_NO_RANDOMIZE)},
      {"personality", ARGUMENTS(PER_LINUX32)},
      {"prlimit64", ARGUMENTS(0, RLIMIT_NOFILE)},
      {"prlimit64", ARGUMENTS(1, RLIMIT_NOFILE)},
      {"setpriority", ARGUMENTS(PRIO_PROCESS, 0)},
      {"setpriority", ARGUMENTS(PRIO_PROCESS, 1)},
      {"setpriority", ARGUMENTS(PRIO_USER, 0)},
      {"ioprio_set", ARGUMENTS(kIoprioProcess, 0)},
      {"ioprio_set", ARGUMENTS(kIoprioProcess, 1)},
      {"ioprio_set", ARGUMENTS(kIoprioUser, 0)},
      {"sched_setscheduler", ARGUMENTS(0, SCHED_IDLE)},
      {"sched_setscheduler", ARGUMENTS(1, SCHED_IDLE)},
      {"sched_setparam", ARGUMENTS(0)},
      {"sched_setparam", ARGUMENTS(1)},
      {"sched_setattr", ARGUMENTS(0)},
      {"sched_setattr", ARGUMENTS(1)},
      {"sched_setaffinity", ARGUMENTS(0)},
      {"sched_setaffinity", ARGUMENTS(1)},
  };
  return all;
}

std::string conditional() {
  std::string text;
  for (const Sample& sample : samples())
    text += row(std::string(sample.call) + "(" + sample.text + ")",
                cells_of(static_cast<std::uint32_t>(number_of(sample.call)), sample.args));
  return text;
}

std::vector<std::string> column_names() {
  std::vector<std::string> names;
  for (const Filter& filter : filters()) names.emplace_back(filter.name);
  names.emplace_back("exec");
  names.emplace_back("exec, connect");
  return names;
}

}  // namespace

TEST_CASE("seccomp: every decision is the one that was reviewed", "[seccomp]") {
  check_golden("seccomp_decisions.txt", row("# whatever the arguments (- allows)", column_names()) +
                                            unconditional() + "\n" +
                                            row("# by arguments", column_names()) + conditional());
}

TEST_CASE("seccomp: every call whose answer depends on its arguments is among the samples",
          "[seccomp]") {
  std::set<std::string> sampled;
  for (const Sample& sample : samples()) sampled.insert(sample.call);
  for (std::uint32_t number = 0; number <= kNumbers[0].last; ++number) {
    INFO(number << " " << name_of(number));
    CHECK(depends_on_arguments(number) == (sampled.count(name_of(number)) != 0));
  }
}

// The kernel takes most arguments as 32 bits, whatever is in the other half of the register.
TEST_CASE("seccomp: the high half of an argument opens nothing", "[seccomp]") {
  for (const Filter& filter : filters()) {
    for (const Sample& sample : samples()) {
      if (allows(filter, sample.call, sample.args)) continue;
      for (std::size_t i = 0; i < sample.args.size(); ++i) {
        for (const std::uint64_t high : {bit(32), bit(63), kHigh}) {
          Arguments args = sample.args;
          args[i] ^= high;
          INFO(filter.name << ": " << sample.call << "(" << sample.text << ") " << i);
          CHECK_FALSE(allows(filter, sample.call, args));
        }
      }
    }
  }
}

TEST_CASE("seccomp: a call costs as many instructions as was reviewed", "[seccomp]") {
  const scmp_version* version = seccomp_version();
  const std::string compiler = std::to_string(version->major) + "." +
                               std::to_string(version->minor) + "." +
                               std::to_string(version->micro);
  // Another version may arrange the same decisions otherwise.
  constexpr const char* kCompiler = "2.5.4";
  if (compiler != kCompiler) {
    WARN("skipped: the costs are those of libseccomp " << kCompiler << ", this is " << compiler);
    return;
  }
  std::string text = row("# instructions executed", column_names());
  const auto costs = [&](const std::string& head, const auto& cost) {
    std::vector<std::string> cells;
    for (const BpfProgram* program : programs()) cells.push_back(std::to_string(cost(*program)));
    text += row(head, cells);
  };
  const Sample hot[] = {
      {"read", "", {}},
      {"write", "", {}},
      {"close", "", {}},
      {"fstat", "", {}},
      {"newfstatat", "", {}},
      {"lseek", "", {}},
      {"mmap", "", {}},
      {"munmap", "", {}},
      {"mprotect", "", {}},
      {"futex", "", {}},
      {"epoll_wait", "", {}},
      {"epoll_pwait", "", {}},
      {"ppoll", "", {}},
      {"recvfrom", "", {}},
      {"readv", "", {}},
      {"writev", "", {}},
      {"sched_yield", "", {}},
      {"clock_nanosleep", "", {}},
      {"rt_sigprocmask", "", {}},
      {"getrandom", "", {}},
      {"statx", "", {}},
      {"execve", "", {}},
      {"open", "O_RDONLY", {0, O_RDONLY}},
      {"openat", "O_RDONLY", {0, 0, O_RDONLY}},
      {"openat", "O_CREAT, 0644", {0, 0, O_CREAT, 0644}},
      {"ioctl", "TCGETS", {0, TCGETS}},
      {"clone", "a thread", {0x3d0f00}},
      {"socket", "AF_INET, SOCK_STREAM", {AF_INET, SOCK_STREAM}},
      {"socketpair", "AF_UNIX, SOCK_STREAM", {AF_UNIX, SOCK_STREAM}},
      {"sendto", "MSG_NOSIGNAL", {0, 0, 0, MSG_NOSIGNAL}},
      {"sendmsg", "MSG_NOSIGNAL", {0, 0, MSG_NOSIGNAL}},
      {"setsockopt", "IPPROTO_TCP, TCP_NODELAY", {0, IPPROTO_TCP, TCP_NODELAY}},
  };
  for (const Sample& call : hot) {
    const auto number = static_cast<std::uint32_t>(number_of(call.call));
    const bool by_arguments = depends_on_arguments(number);
    costs(call.call + (by_arguments ? std::string("(") + call.text + ") *" : std::string()),
          [&](const BpfProgram& program) { return answer(program, number, call.args).steps; });
  }
  costs("most of any call without arguments to look at", [](const BpfProgram& program) {
    unsigned most = 0;
    for (std::uint32_t number = 0; number <= kNumbers[0].last; ++number) {
      if (!depends_on_arguments(number)) most = std::max(most, answer(program, number, {}).steps);
    }
    return most;
  });
  costs("the whole program", [](const BpfProgram& program) { return program.size(); });
  check_golden("seccomp_cost.txt",
               std::string("# Compiled by libseccomp ") + kCompiler +
                   ". Since Linux 5.11 only the calls with * are evaluated each time: the kernel\n"
                   "# remembers the others that are allowed.\n" +
                   text);
}
#endif

// --- Claims ------------------------------------------------------------------------------------

namespace {

constexpr std::uint64_t kNamespaceFlags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID |
                                          CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                                          CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */;

// Every architecture that a kernel for one of ours might run, and some that it does not.
constexpr std::uint32_t kArchitectures[] = {
    AUDIT_ARCH_X86_64,  AUDIT_ARCH_I386,        AUDIT_ARCH_AARCH64,
    AUDIT_ARCH_ARM,     AUDIT_ARCH_RISCV64,     AUDIT_ARCH_S390X,
    AUDIT_ARCH_PPC64LE, AUDIT_ARCH_MIPSEL64N32, 0,
    0xffffffff};

// Arguments of which a filter could think something.
rc::Gen<Arguments> arguments() {
  return rc::gen::container<Arguments>(rc::gen::oneOf(
      rc::gen::arbitrary<std::uint64_t>(), rc::gen::map(rc::gen::inRange(0U, 64U), bit),
      rc::gen::inRange<std::uint64_t>(0, 300),
      rc::gen::elementOf(std::vector<std::uint64_t>{
          TIOCSTI, TIOCLINUX, O_CREAT, O_TMPFILE, S_IFCHR, S_IFBLK, S_ISUID, S_ISUID | 0755,
          S_ISGID | S_IFREG, MSG_FASTOPEN, kNamespaceFlags, kNone, 0xffffffff})));
}
rc::Gen<std::uint32_t> any_number() {
  return rc::gen::oneOf(rc::gen::inRange(0U, 600U), rc::gen::arbitrary<std::uint32_t>());
}

}  // namespace

TEST_CASE("seccomp: the kernel takes every program", "[seccomp]") {
  for (const SeccompOptions options : {SeccompOptions{true, false}, SeccompOptions{true, true},
                                       SeccompOptions{false, false}, SeccompOptions{false, true}})
    CHECK(BpfProgram::objection(seccomp_filter(options)).empty());
  for (const bool connections : {false, true})
    CHECK(BpfProgram::objection(monitor_filter(connections)).empty());
}

TEST_CASE("seccomp: without namespaces no option opens unix sockets", "[seccomp]") {
  CHECK(seccomp_filter({false, true}).data() == seccomp_filter({false, false}).data());
}

TEST_CASE("seccomp: every call of a foreign architecture kills", "[seccomp]") {
  for (const std::uint32_t arch : kArchitectures) {
    if (arch == native()) continue;
    for (const BpfProgram* program : programs()) {
      std::uint32_t survivors = 0;
      for (std::uint32_t number = 0; number < 1024; ++number)
        survivors += answer(*program, number, {}, arch).value != SECCOMP_RET_KILL_PROCESS;
      INFO(std::hex << arch);
      CHECK(survivors == 0);
    }
  }
  CHECK(rc::check([] {
    const auto arch = *rc::gen::distinctFrom(
        rc::gen::oneOf(rc::gen::arbitrary<std::uint32_t>(),
                       rc::gen::elementOf(std::vector<std::uint32_t>(std::begin(kArchitectures),
                                                                     std::end(kArchitectures)))),
        native());
    const auto number = *any_number();
    const Arguments args = *arguments();
    for (const BpfProgram* program : programs())
      RC_ASSERT(answer(*program, number, args, arch).value == SECCOMP_RET_KILL_PROCESS);
  }));
}

#if defined(__x86_64__)
// But 0xffffffff, which is no call: a tracer skips one by that number, and the kernel has none.
TEST_CASE("seccomp: every call with the bit of x32 kills", "[seccomp]") {
  CHECK(rc::check([] {
    const std::uint32_t number = *any_number() | kX32;
    RC_PRE(number != 0xffffffff);
    const Arguments args = *arguments();
    for (const BpfProgram* program : programs())
      RC_ASSERT(answer(*program, number, args).value == SECCOMP_RET_KILL_PROCESS);
  }));
}
#endif

TEST_CASE("seccomp: a filter of the sandbox allows, refuses with an error or kills", "[seccomp]") {
  CHECK(rc::check([] {
    const auto number = *any_number();
    const Arguments args = *arguments();
    for (const Filter& filter : filters()) {
      const std::uint32_t value = answer(filter.program, number, args).value;
      RC_ASSERT(value == SECCOMP_RET_ALLOW || value == SECCOMP_RET_KILL_PROCESS ||
                ((value & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO &&
                 (value & SECCOMP_RET_DATA) != 0));
    }
  }));
}

TEST_CASE("seccomp: the monitor's filter has no opinion on other calls", "[seccomp]") {
  const auto execve = static_cast<std::uint32_t>(number_of("execve"));
  const auto execveat = static_cast<std::uint32_t>(number_of("execveat"));
  const auto connect = static_cast<std::uint32_t>(number_of("connect"));
  CHECK(rc::check([&] {
    const auto number =
        *rc::gen::oneOf(rc::gen::inRange(0U, 600U), rc::gen::element(execve, execveat, connect));
    const auto connections = *rc::gen::arbitrary<bool>();
    const bool is_told =
        number == execve || number == execveat || (connections && number == connect);
    RC_ASSERT(answer(monitor_program(connections), number, *arguments()).value ==
              (is_told ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ALLOW));
  }));
}

TEST_CASE("seccomp: the terminal's dangerous requests are refused, and no neighbour", "[seccomp]") {
  const std::set<std::uint64_t> refused = {TIOCSTI, TIOCLINUX, TIOCSETD, TIOCCONS};
  for (const Filter& filter : filters()) {
    for (std::uint64_t request = 0; request < 0x10000; ++request) {
      if (allows(filter, "ioctl", {kNone, request}) == (refused.count(request) != 0))
        FAIL(filter.name << ": ioctl " << std::hex << request);
    }
    for (const std::uint64_t request : refused) {
      CHECK(says(filter, "ioctl", {kNone, kHigh | request}) == "EPERM");
      CHECK(says(filter, "ioctl", {kNone, bit(32) | request}) == "EPERM");
    }
  }
}

TEST_CASE("seccomp: clone makes processes and threads, and no namespace", "[seccomp]") {
  for (const Filter& filter : filters()) {
    for (unsigned number = 0; number < 32; ++number) {
      INFO(filter.name << " " << number);
      const bool is_namespace = (bit(number) & kNamespaceFlags) != 0;
      CHECK(allows(filter, "clone", {bit(number)}) == !is_namespace);
      CHECK(allows(filter, "clone", {bit(number) | CLONE_VM | SIGCHLD}) == !is_namespace);
    }
    CHECK(allows(filter, "clone", {0xffffffff & ~kNamespaceFlags}));
    // EPERM would be an answer that no library falls back from.
    CHECK(says(filter, "clone3", {kNone, 88}) == "ENOSYS");
  }
}

namespace {

// What the three filters are for, said once more without libseccomp.
bool may_open(const SeccompOptions& options, std::uint64_t family, std::uint64_t type,
              std::uint64_t protocol) {
  type &= 0xf;
  if (family == AF_UNIX) return options.unix_stream && type == SOCK_STREAM;
  if (family != AF_INET && family != AF_INET6) return false;
  // Streams are Landlock's where they are TCP's; datagrams nobody's but the network namespace's.
  if (type == SOCK_STREAM) return protocol != IPPROTO_SCTP && (protocol & 0x100) == 0;
  return options.namespaces && type == SOCK_DGRAM;
}

}  // namespace

TEST_CASE("seccomp: sockets are internet streams, and datagrams in a network of their own",
          "[seccomp]") {
  for (const Filter& filter : filters()) {
    for (std::uint64_t family = 0; family < 70; ++family) {
      for (std::uint64_t type = 0; type <= 0xf; ++type) {
        for (const int flags : {0, int(SOCK_CLOEXEC), int(SOCK_NONBLOCK)}) {
          if (allows(filter, "socket", {family, type | std::uint64_t(flags)}) !=
              may_open(filter.options, family, type, 0))
            FAIL(filter.name << ": socket " << family << " " << type);
        }
      }
    }
    for (const int family : {AF_INET, AF_INET6}) {
      for (std::uint64_t protocol = 0; protocol < 512; ++protocol) {
        if (allows(filter, "socket", {std::uint64_t(family), SOCK_STREAM, protocol}) !=
            may_open(filter.options, std::uint64_t(family), SOCK_STREAM, protocol))
          FAIL(filter.name << ": socket " << family << " of protocol " << protocol);
      }
    }
  }
}

TEST_CASE("seccomp: socket pairs are of unix sockets that reach nobody else", "[seccomp]") {
  // What the kernel has families for; it refuses the rest itself.
  for (const Filter& filter : filters()) {
    for (std::uint64_t family = 0; family < AF_MAX; ++family) {
      for (std::uint64_t type = 0; type <= 0xf; ++type) {
        const bool wanted = family == AF_UNIX && type != SOCK_DGRAM && type != SOCK_RAW;
        if (allows(filter, "socketpair", {family, type | SOCK_CLOEXEC | SOCK_NONBLOCK}) != wanted)
          FAIL(filter.name << ": socketpair " << family << " " << type);
      }
    }
  }
}

TEST_CASE("seccomp: nothing connects by sending", "[seccomp]") {
  for (const Filter& filter : filters()) {
    for (unsigned flag = 0; flag < 32; ++flag) {
      const bool allowed = bit(flag) != MSG_FASTOPEN;
      INFO(filter.name << " " << flag);
      CHECK(allows(filter, "sendto", {kNone, kNone, 0, bit(flag)}) == allowed);
      CHECK(allows(filter, "sendmsg", {kNone, kNone, bit(flag)}) == allowed);
      CHECK(allows(filter, "sendmmsg", {kNone, kNone, 0, bit(flag)}) == allowed);
    }
    CHECK_FALSE(allows(filter, "sendto", {kNone, kNone, 0, MSG_FASTOPEN | MSG_NOSIGNAL}));
  }
}

TEST_CASE("seccomp: where Landlock stands alone a TCP socket stays one", "[seccomp]") {
  for (const Filter& filter : filters()) {
    for (std::uint64_t option = 0; option < 256; ++option) {
      const bool allowed = option != TCP_ULP || filter.options.namespaces;
      INFO(filter.name << " " << option);
      CHECK(allows(filter, "setsockopt", {kNone, IPPROTO_TCP, option}) == allowed);
      CHECK(allows(filter, "setsockopt", {kNone, SOL_SOCKET, option}));
    }
  }
}

TEST_CASE("seccomp: no way to make or change a file leaves it setuid, setgid or a device",
          "[seccomp]") {
  for (const Filter& filter : filters()) {
    for (std::uint64_t mode = 0; mode <= 07777; ++mode) {
      const bool plain = (mode & (S_ISUID | S_ISGID)) == 0;
      const std::vector<std::pair<const char*, Arguments>> ways = {
          {"chmod", {kNone, mode}},
          {"fchmod", {kNone, mode}},
          {"fchmodat", {kNone, kNone, mode}},
          {"creat", {kNone, mode}},
          {"mknod", {kNone, S_IFREG | mode}},
          {"mknodat", {kNone, kNone, S_IFREG | mode}},
          {"open", {kNone, O_CREAT | O_WRONLY, mode}},
          {"open", {kNone, O_TMPFILE | O_WRONLY, mode}},
          {"openat", {kNone, kNone, O_CREAT | O_WRONLY, mode}},
          {"openat", {kNone, kNone, O_TMPFILE | O_WRONLY, mode}},
      };
      for (const auto& [call, args] : ways) {
        if (number_of(call) >= 0 && allows(filter, call, args) != plain)
          FAIL(filter.name << ": " << call << " " << std::oct << mode);
      }
      // Without a file to make the mode means nothing.
      CHECK(allows(filter, "openat", {kNone, kNone, O_RDWR | O_DIRECTORY, mode}));
    }
    for (std::uint64_t type = 0; type <= S_IFMT; type += 010000) {
      INFO(filter.name << " " << std::oct << type);
      const bool wanted = type != S_IFCHR && type != S_IFBLK;
      CHECK(allows(filter, "mknodat", {kNone, kNone, type | 0666}) == wanted);
    }
    // Their modes are in memory.
    CHECK(says(filter, "openat2", {}) == "ENOSYS");
  }
}

TEST_CASE("seccomp: the execution domain can be asked for and not changed", "[seccomp]") {
  CHECK(rc::check([] {
    const auto persona = *rc::gen::oneOf(rc::gen::arbitrary<std::uint32_t>(),
                                         rc::gen::element(0U, 0xffffffffU, 8U, 0x40000U));
    for (const Filter& filter : filters())
      RC_ASSERT(allows(filter, "personality", {persona}) ==
                (persona == 0 || persona == 0xffffffff));
  }));
}

TEST_CASE("seccomp: without namespaces a process has limits and priorities of its own to set",
          "[seccomp]") {
  for (const Filter& filter : filters()) {
    const bool others = filter.options.namespaces;
    for (const std::uint64_t who : {1ULL, 12345ULL, 0x80000000ULL, 0xffffffffULL}) {
      INFO(filter.name << " " << who);
      CHECK(allows(filter, "prlimit64", {who, RLIMIT_NOFILE}) == others);
      for (const std::uint64_t which : {PRIO_PROCESS, PRIO_PGRP, PRIO_USER})
        CHECK(allows(filter, "setpriority", {which, who}) == others);
      for (const std::uint64_t which : {kIoprioProcess, kIoprioGroup, kIoprioUser})
        CHECK(allows(filter, "ioprio_set", {which, who}) == others);
      for (const char* call :
           {"sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity"})
        CHECK(allows(filter, call, {who}) == others);
    }
    // Of the caller itself, of its group and of its user.
    CHECK(allows(filter, "prlimit64", {0, RLIMIT_NOFILE}));
    CHECK(allows(filter, "setpriority", {PRIO_PROCESS, 0}));
    CHECK(allows(filter, "setpriority", {PRIO_PGRP, 0}) == others);
    CHECK(allows(filter, "setpriority", {PRIO_USER, 0}) == others);
    CHECK(allows(filter, "ioprio_set", {kIoprioProcess, 0}));
    CHECK(allows(filter, "ioprio_set", {kIoprioGroup, 0}) == others);
    CHECK(allows(filter, "ioprio_set", {kIoprioUser, 0}) == others);
    for (const char* call :
         {"sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity"})
      CHECK(allows(filter, call, {0}));
  }
}

// --- The kernel's answers ----------------------------------------------------------------------

namespace {

// Calls that do no harm when they pass.
struct Question {
  const char* call;
  Arguments args;
};
const Question kQuestions[] = {
    {"getppid", {}},
    {"mount", {kNone, kNone, kNone, 0, 0}},
    {"umount2", {kNone, 0}},
    {"bpf", {kNone, kNone, 0}},
    {"io_uring_setup", {0, kNone}},
    {"clone3", {kNone, 0}},
    {"clone", {CLONE_NEWUTS | CLONE_SIGHAND}},  // invalid without CLONE_VM
    {"clone", {CLONE_SIGHAND}},
    {"ioctl", {kNone, TIOCSTI}},
    {"ioctl", {kNone, kHigh | TIOCSTI}},
    {"ioctl", {kNone, TCGETS}},
    {"openat", {kNone, kNone, O_CREAT, S_ISUID}},
    {"openat", {kNone, kNone, O_TMPFILE, S_ISUID}},
    {"openat", {kNone, kNone, O_CREAT, 0600}},
    {"fchmod", {kNone, S_ISGID}},
    {"fchmod", {kNone, 0600}},
    {"socket", {AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC}},
    {"socket", {AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC}},
    {"socket", {AF_INET, SOCK_STREAM | SOCK_CLOEXEC}},
    {"socket", {AF_INET, SOCK_DGRAM | SOCK_CLOEXEC}},
    {"socket", {AF_INET, SOCK_SEQPACKET}},
    {"socket", {AF_INET, SOCK_STREAM, kMptcp}},
    {"sendto", {kNone, kNone, 0, MSG_FASTOPEN}},
    {"personality", {0xffffffff}},
    {"personality", {ADDR_NO_RANDOMIZE}},
    {"prlimit64", {1, RLIMIT_NOFILE, kNone, kNone}},
    {"setpriority", {PRIO_USER, 0x7fffffff, 0}},
    {"shmget", {kNone, 0, 0}},
    {"openat2", {kNone, kNone, kNone, 0}},
};
constexpr std::size_t kQuestionCount = std::size(kQuestions);

// What the kernel answers each question to a child with the filter, errors as errno and success as
// 0; empty: the child did not come to its end.
std::vector<int> kernel_answers(std::span<const sock_filter> filter) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog program{static_cast<unsigned short>(filter.size()),
                             const_cast<sock_filter*>(filter.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (!filter.empty() && ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) ::_exit(1);
    std::array<int, kQuestionCount> answers{};
    for (std::size_t i = 0; i < kQuestionCount; ++i) {
      const Arguments& a = kQuestions[i].args;
      const long result =
          ::syscall(number_of(kQuestions[i].call), a[0], a[1], a[2], a[3], a[4], a[5]);
      answers[i] = result < 0 ? errno : 0;
    }
    ::_exit(::write(pipe[1], answers.data(), sizeof answers) == sizeof answers ? 0 : 1);
  }
  ::close(pipe[1]);
  std::vector<int> answers(kQuestionCount);
  const bool complete = ::read(pipe[0], answers.data(), kQuestionCount * sizeof(int)) ==
                        ssize_t(kQuestionCount * sizeof(int));
  ::close(pipe[0]);
  ::waitpid(child, nullptr, 0);
  return complete ? answers : std::vector<int>{};
}

}  // namespace

TEST_CASE("seccomp: the kernel answers as the evaluator does", "[seccomp]") {
  const std::vector<int> bare = kernel_answers({});
  REQUIRE_FALSE(bare.empty());
  for (const Filter& filter : filters()) {
    const std::vector<int> confined = kernel_answers(seccomp_filter(filter.options));
    REQUIRE_FALSE(confined.empty());
    for (std::size_t i = 0; i < kQuestionCount; ++i) {
      const Question& question = kQuestions[i];
      INFO(filter.name << ": " << question.call << " " << question.args[0] << " "
                       << question.args[1]);
      const std::uint32_t value =
          answer(filter.program, std::uint32_t(number_of(question.call)), question.args).value;
      const bool passes = value == SECCOMP_RET_ALLOW;
      CHECK(confined[i] == (passes ? bare[i] : int(value & SECCOMP_RET_DATA)));
    }
  }
}

#if defined(__x86_64__)
TEST_CASE("seccomp: the kernel kills at a call of x32", "[seccomp]") {
  for (const Filter& filter : filters()) {
    const auto program = seccomp_filter(filter.options);
    const pid_t child = ::fork();
    if (child == 0) {
      const sock_fprog installed{static_cast<unsigned short>(program.size()),
                                 const_cast<sock_filter*>(program.data())};
      ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
      if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &installed) == 0)
        ::syscall(kX32 | SYS_getppid);
      ::_exit(0);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK((WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS));
  }
}
#endif
