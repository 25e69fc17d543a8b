// SPDX-License-Identifier: Apache-2.0
#include "sandbox/exec_monitor.hpp"

#include <fcntl.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "policy/pattern.hpp"

namespace mixguard::sandbox {
namespace {

constexpr std::size_t kPathLimit = 4096;        // PATH_MAX
constexpr std::size_t kVectorLimit = 2U << 20;  // beyond it the second look alone judges
constexpr int kMostInterpreters = 5;            // of scripts of scripts (fs/exec.c)
constexpr int kLineage = 64;                    // generations looked at
constexpr int kParentField = 4;                 // of /proc/PID/stat
constexpr int kEnvStartField = 50, kEnvEndField = 51;

// Where the dynamic loaders of glibc and musl are (the paths that compilers write into PT_INTERP).
const std::vector<std::string>& loaders() {
  static const std::vector<std::string> paths{
      "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1", "/lib/ld-linux.so.2",
      "/libx32/ld-linux-x32.so.2",   "/lib/ld-musl-x86_64.so.1",   "/lib/ld-musl-aarch64.so.1"};
  return paths;
}

// The terminating zero bytes of a variable's string stay: the block keeps its shape.
void blank_variables(pid_t pid, const std::vector<std::string>& patterns) {
  const auto start = read_stat_field(pid, kEnvStartField);
  const auto end = read_stat_field(pid, kEnvEndField);
  const auto variables = read_proc_strings(pid, "environ");
  if (!start || !end || !variables) return;
  std::uint64_t at = *start;
  for (const std::string& variable : *variables) {
    const std::string_view name = std::string_view(variable).substr(0, variable.find('='));
    const bool dropped = std::any_of(patterns.begin(), patterns.end(), [&](const auto& pattern) {
      return policy::glob_matches(pattern, name);
    });
    if (dropped && at + variable.size() <= *end) {
      std::string zeros(variable.size(), '\0');
      const iovec local{zeros.data(), zeros.size()};
      const iovec remote{reinterpret_cast<void*>(at), zeros.size()};  // NOLINT: another process's
      static_cast<void>(::process_vm_writev(pid, &local, 1, &remote, 1, 0));
    }
    at += variable.size() + 1;
  }
}

bool drops_any(const std::vector<std::string>& patterns,
               const std::vector<std::string>& variables) {
  return std::any_of(variables.begin(), variables.end(), [&](const std::string& variable) {
    const std::string_view name = std::string_view(variable).substr(0, variable.find('='));
    return std::any_of(patterns.begin(), patterns.end(),
                       [&](const auto& pattern) { return policy::glob_matches(pattern, name); });
  });
}

}  // namespace

ExecMonitor::~ExecMonitor() {
  if (listener_) loop_.unwatch(listener_.get());
  if (children_) loop_.unwatch(children_.get());
}

Result<void> ExecMonitor::serve(UniqueFd listener) {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  children_.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!children_) return fail("signalfd: " + std::string(std::strerror(errno)), errno);
  listener_ = std::move(listener);
  auto watched = loop_.watch(children_.get(), EPOLLIN, [this](auto) { on_children(); });
  if (!watched) return watched;
  return loop_.watch(listener_.get(), EPOLLIN, [this](std::uint32_t events) {
    // It hangs up for good when nobody under the filter is left.
    (events & EPOLLIN) != 0 ? on_notification() : loop_.unwatch(listener_.get());
  });
}

// ---- the first look

void ExecMonitor::on_notification() {
  seccomp_notif notification{};
  if (::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0) {
    // ENOENT: the caller is dead.
    if (errno != ENOENT && errno != EINTR) loop_.unwatch(listener_.get());
    return;
  }
  Call call{notification.id,
            static_cast<pid_t>(notification.pid),
            notification.data.nr == SYS_execveat,
            {}};
  std::copy_n(notification.data.args, 5, call.arguments);
  if (notification.data.nr == SYS_connect) return on_connection(call);
  if (command_ < 0) return start_command(call);
  on_call(call);
}

// Before it no byte of the command ran that could have changed anything.
void ExecMonitor::start_command(const Call& call) {
  command_ = call.tid;
  view_ = RootView::of(call.tid);
  view_ ? let_pass(call) : answer(call, EACCES);
}

// connect(int, const sockaddr*, socklen_t)
void ExecMonitor::on_connection(const Call& call) const {
  Address destination;
  const std::size_t size = std::min<std::size_t>(static_cast<std::uint32_t>(call.arguments[2]),
                                                 sizeof(destination.storage));
  if (read_memory(call.tid, call.arguments[1], &destination.storage, size)) {
    destination.size = static_cast<socklen_t>(size);
    on_connect_(destination);
  }
  let_pass(call);
}

void ExecMonitor::on_call(const Call& call) {
  const auto group = thread_group_of(call.tid);
  if (!group) return answer(call, EACCES);
  if (busy_groups_.contains(*group)) {
    held_[*group].push_back(call);
    return;
  }
  if (const auto image = announced(call)) {
    ExecVerdict verdict = judge(*group, *image);
    if (!verdict.allowed) {
      refuse(*image, std::move(verdict), false);
      return answer(call, EACCES);
    }
  }
  // What could not be read here is judged by the second look alone.
  let_go(call, *group);
}

void ExecMonitor::let_go(const Call& call, pid_t group) {
  if (::ptrace(PTRACE_SEIZE, call.tid, nullptr, PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL) != 0) {
    const std::string why = std::strerror(errno);
    if (auto image = announced(call))
      refuse(*image, {false, "it could not be watched: " + why, "", {}}, false);
    return answer(call, EACCES);
  }
  in_flight_[call.tid] = group;
  busy_groups_.insert(group);
  let_pass(call);
  // An exec that succeeds stops at its event first; one that fails has to be stopped to be let go.
  ::ptrace(PTRACE_INTERRUPT, call.tid, nullptr, nullptr);
}

bool ExecMonitor::is_waiting(const Call& call) const {
  return ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id) == 0;
}

void ExecMonitor::let_pass(const Call& call) const {
  seccomp_notif_resp response{};
  response.id = call.id;
  response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
}

void ExecMonitor::answer(const Call& call, int error) const {
  seccomp_notif_resp response{};
  response.id = call.id;
  response.error = -error;
  ::ioctl(listener_.get(), SECCOMP_IOCTL_NOTIF_SEND, &response);
}

void ExecMonitor::resume_group(pid_t group) {
  busy_groups_.erase(group);
  while (!busy_groups_.contains(group)) {
    const auto found = held_.find(group);
    if (found == held_.end()) return;
    const Call call = found->second.front();
    found->second.pop_front();
    if (found->second.empty()) held_.erase(found);
    if (is_waiting(call)) on_call(call);
  }
}

// ---- the second look

void ExecMonitor::on_children() {
  signalfd_siginfo info{};
  while (::read(children_.get(), &info, sizeof(info)) > 0) {
  }
  int status = 0;
  // Everything we may wait for: seized threads, and the init of the run, which its pidfd tells of.
  for (pid_t pid = 0; (pid = ::waitpid(-1, &status, __WALL | WNOHANG)) > 0;) {
    if (!WIFSTOPPED(status)) {
      settle(pid);
    } else if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_EXEC << 8))) {
      on_exec(pid);
    } else {
      on_other_stop(pid, status);
    }
  }
}

void ExecMonitor::on_exec(pid_t pid) {
  unsigned long former = 0;
  ::ptrace(PTRACE_GETEVENTMSG, pid, nullptr, &former);
  const auto image = begun(pid);
  ExecVerdict verdict;
  if (image) verdict = judge(pid, *image);
  if (!verdict.allowed) {
    if (image) refuse(*image, std::move(verdict), true);
    ::kill(pid, SIGKILL);  // it is stopped, and ours to reap: nobody else can have its number
  } else {
    ++report_.started;
    engine_runs_ |= pid == command_ && is_one_of(image->file, {rules_.engine});
    if (drops_any(verdict.env_drop, image->environment)) blank_variables(pid, verdict.env_drop);
    ::ptrace(PTRACE_DETACH, pid, nullptr, nullptr);
  }
  settle(static_cast<pid_t>(former));
}

// The exec failed, or a signal ended the wait for our answer and the call begins anew.
void ExecMonitor::on_other_stop(pid_t tid, int status) {
  const bool is_event = status >> 16 != 0;
  const long signal = is_event ? 0 : WSTOPSIG(status);
  ::ptrace(PTRACE_DETACH, tid, nullptr, signal);
  settle(tid);
}

void ExecMonitor::settle(pid_t tid) {
  const auto found = in_flight_.find(tid);
  if (found == in_flight_.end()) return;
  const pid_t group = found->second;
  in_flight_.erase(found);
  resume_group(group);
}

// ---- what it is

std::optional<ExecMonitor::Image> ExecMonitor::announced(const Call& call) const {
  const auto* const at = call.arguments + (call.by_descriptor ? 1 : 0);
  const int directory = call.by_descriptor ? static_cast<int>(call.arguments[0]) : AT_FDCWD;
  const auto name = read_string(call.tid, at[0], kPathLimit);
  if (!name) return std::nullopt;
  auto path = absolute_path(call.tid, directory, *name);
  auto argv = read_strings(call.tid, at[1], kVectorLimit);
  auto environment = read_strings(call.tid, at[2], kVectorLimit);
  auto cwd = absolute_path(call.tid, AT_FDCWD, "");
  if (!path || !argv || !environment || !cwd) return std::nullopt;
  auto file = view_->find(*path);
  if (!file || !file->is_regular) return std::nullopt;
  Image image{std::move(*path), std::move(*file), std::move(*argv), std::move(*environment),
              std::move(*cwd)};
  if (!enter_interpreters(image)) return std::nullopt;
  return image;
}

std::optional<ExecMonitor::Image> ExecMonitor::begun(pid_t pid) const {
  auto file = executed_by(pid);
  auto argv = read_proc_strings(pid, "cmdline");
  auto environment = read_proc_strings(pid, "environ");
  auto cwd = absolute_path(pid, AT_FDCWD, "");
  auto path = executed_path(pid);
  if (!file || !argv || !environment || !cwd || !path) return std::nullopt;
  return Image{std::move(*path), std::move(*file), std::move(*argv), std::move(*environment),
               std::move(*cwd)};
}

// Does what the kernel does with a script: its interpreter is executed, with the script among the
// words (fs/binfmt_script.c). What is no script stays as it is.
bool ExecMonitor::enter_interpreters(Image& image) const {
  for (int depth = 0; depth < kMostInterpreters; ++depth) {
    const auto shebang = shebang_of(image.file);
    if (!shebang) return true;
    const std::string path = shebang->interpreter.starts_with('/')
                                 ? shebang->interpreter
                                 : image.cwd + "/" + shebang->interpreter;
    auto file = view_->find(path);
    if (!file || !file->is_regular) return false;
    std::vector<std::string> argv{shebang->interpreter};
    if (shebang->argument) argv.push_back(*shebang->argument);
    argv.push_back(image.path);
    if (image.argv.size() > 1) argv.insert(argv.end(), image.argv.begin() + 1, image.argv.end());
    image.path = path;
    image.file = std::move(*file);
    image.argv = std::move(argv);
  }
  return false;
}

// A script with rules of its own is judged by them, whether the kernel found its interpreter or the
// interpreter was started with it: both do the same. Every other script is its interpreter with the
// script among the words.
ExecVerdict ExecMonitor::judge(pid_t pid, const Image& image) {
  ExecAttempt attempt;
  attempt.path = image.path;
  attempt.argv = image.argv;
  attempt.environment = image.environment;
  attempt.cwd = image.cwd;
  attempt.is_known = is_known(pid, image.file);
  attempt.is_loader = is_one_of(image.file, loaders());
  attempt.is_nameless = !image.file.has_name;
  Files files = files_of(image.file);
  if (auto script = script_of(image)) {
    attempt.path = script->path;
    attempt.argv = std::move(script->argv);
    attempt.is_known = false;
    files = std::move(script->files);
  }
  if (files.unsure) return {false, "it could not be compared with the files of the rules", "", {}};
  attempt.same = std::move(files.same);
  attempt.copies = std::move(files.copies);
  return rules_.judge(attempt);
}

// The script with rules that an interpreter was given, when there is one.
std::optional<ExecMonitor::Script> ExecMonitor::script_of(const Image& image) const {
  FileIdentity interpreter = image.file.identity;
  std::size_t at = 0;  // the word that is the interpreter
  for (int depth = 0; depth < kMostInterpreters; ++depth) {
    bool found = false;
    for (std::size_t next = at + 1; next <= at + 2 && next < image.argv.size() && !found; ++next) {
      const std::string& word = image.argv[next];
      if (word.empty()) continue;
      const std::string path = word.starts_with('/') ? word : image.cwd + "/" + word;
      const auto file = view_->find(path);
      const auto shebang = file && file->is_regular ? shebang_of(*file) : std::nullopt;
      const auto runs = shebang ? view_->find(shebang->interpreter) : std::nullopt;
      if (!runs || !(runs->identity == interpreter)) continue;
      const bool as_the_kernel_does =
          shebang->argument ? next == at + 2 && image.argv[at + 1] == *shebang->argument
                            : next == at + 1;
      Script script{path,
                    files_of(*file),
                    {image.argv.begin() + static_cast<std::ptrdiff_t>(next), image.argv.end()}};
      if (!as_the_kernel_does || !is_named_plainly(word, *file, script.files)) {
        // Near enough for whoever forbids it, not for whoever allows it.
        std::move(script.files.same.begin(), script.files.same.end(),
                  std::back_inserter(script.files.copies));
        script.files.same.clear();
      }
      if (script.files.any()) return script;
      interpreter = file->identity;
      at = next;
      found = true;
    }
    if (!found) return std::nullopt;
  }
  return std::nullopt;
}

// The interpreter opens the script by its name, after we looked. The name in the rule, or the one
// it leads to, means the same file then as much as it ever does; a link of the command's own does
// not.
bool ExecMonitor::is_named_plainly(const std::string& word, const FoundFile& file,
                                   const Files& files) {
  return word == file.canonical_path() ||
         std::find(files.same.begin(), files.same.end(), word) != files.same.end();
}

ExecMonitor::Files ExecMonitor::files_of(const FoundFile& file) const {
  Files files;
  for (const std::string& path : rules_.paths) {
    const auto named = view_->find(path);
    if (!named) {
      files.unsure |= errno != ENOENT && errno != ENOTDIR && errno != EACCES && errno != ELOOP;
      continue;
    }
    if (named->identity == file.identity) {
      files.same.push_back(path);
    } else if (same_content(*named, file)) {
      files.copies.push_back(path);
    }
  }
  return files;
}

bool ExecMonitor::is_one_of(const FoundFile& file, const std::vector<std::string>& paths) const {
  return std::any_of(paths.begin(), paths.end(), [&](const std::string& path) {
    const auto named = view_->find(path);
    return named && (named->identity == file.identity || same_content(*named, file));
  });
}

bool ExecMonitor::is_known(pid_t pid, const FoundFile& file) const {
  if (is_one_of(file, rules_.helpers)) return true;
  return !engine_runs_ && is_one_of(file, rules_.starters) && comes_from_command(pid);
}

// Whoever lost their parent comes from init, and does not.
bool ExecMonitor::comes_from_command(pid_t pid) const {
  for (int generation = 0; generation < kLineage && pid > 1; ++generation) {
    if (pid == command_) return true;
    const auto parent = read_stat_field(pid, kParentField);
    if (!parent) return false;
    pid = static_cast<pid_t>(*parent);
  }
  return false;
}

void ExecMonitor::refuse(const Image& image, ExecVerdict verdict, bool killed) {
  ++report_.refused;
  for (ExecRefusal& known : report_.refusals) {
    if (known.path == image.path && known.argv == image.argv && known.killed == killed) {
      ++known.count;
      return;
    }
  }
  if (report_.refusals.size() == kMaxRefusals) return;
  report_.refusals.push_back(
      {image.path, image.argv, std::move(verdict.why), std::move(verdict.would_allow), killed, 1});
}

}  // namespace mixguard::sandbox
