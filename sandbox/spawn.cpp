// SPDX-License-Identifier: Apache-2.0
#include "sandbox/spawn.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "sandbox/event_loop.hpp"
#include "sandbox/exec_monitor.hpp"
#include "sandbox/limit_watch.hpp"
#include "sandbox/namespaces.hpp"
#include "sandbox/output_relay.hpp"
#include "sandbox/quiet_watch.hpp"
#include "sandbox/sys/unique_fd.hpp"
#include "sandbox/terminal.hpp"

namespace mixguard::sandbox {
namespace {

using Clock = std::chrono::steady_clock;

Error from_errno(const std::string& action) {
  return Error{action + ": " + std::strerror(errno), errno};
}

// Blocks every signal while the child is made (it must not run a handler of ours) and those that we
// pass on while it lives; puts the caller's mask and dispositions back at the end.
class SignalGuard {
 public:
  SignalGuard() {
    sigset_t all;
    ::sigfillset(&all);
    ::sigprocmask(SIG_SETMASK, &all, &saved_mask_);
    struct sigaction action{};
    action.sa_handler = SIG_DFL;
    ::sigaction(SIGCHLD, &action,
                &saved_child_);  // ignored (a BEAM is our parent), the child's status would be lost
  }
  ~SignalGuard() {
    ::sigaction(SIGCHLD, &saved_child_, nullptr);
    ::sigprocmask(SIG_SETMASK, &saved_mask_, nullptr);
  }
  SignalGuard(const SignalGuard&) = delete;
  SignalGuard& operator=(const SignalGuard&) = delete;

  // Terminal stops and the rest keep their usual meaning for the supervisor.
  UniqueFd listen(bool own_terminal) const {
    sigset_t passed_on;
    ::sigemptyset(&passed_on);
    if (own_terminal) {
      for (const int signal : {SIGWINCH, SIGTSTP}) ::sigaddset(&passed_on, signal);
    }
    for (const int signal : {SIGTERM, SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2})
      ::sigaddset(&passed_on, signal);
    sigset_t blocked = passed_on;
    ::sigaddset(&blocked, SIGCHLD);  // whoever waits for children reads it (ExecMonitor)
    ::sigprocmask(SIG_SETMASK, &blocked, nullptr);
    return UniqueFd(::signalfd(-1, &passed_on, SFD_CLOEXEC | SFD_NONBLOCK));
  }

 private:
  sigset_t saved_mask_{};
  struct sigaction saved_child_{};
};

struct Channels {
  UniqueFd control, child_control;
  UniqueFd report, child_report;
};

Result<Channels> make_channels() {
  Channels channels;
  std::array<int, 2> pair{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair.data()) != 0) {
    return tl::unexpected(from_errno("socketpair for the sandbox's control channel"));
  }
  channels.control.reset(pair[0]);
  channels.child_control.reset(pair[1]);
  if (::pipe2(pair.data(), O_CLOEXEC) != 0)
    return tl::unexpected(from_errno("pipe for the sandbox's report"));
  channels.report.reset(pair[0]);
  channels.child_report.reset(pair[1]);
  return channels;
}

// A full copy of this process, as fork(2) would make it: no CLONE_VM, so the plan needs no sharing.
// `cgroup`: the one to start in, or -1.
long clone_child(std::uint64_t flags, int cgroup, int* pidfd) {
  sys::CloneArgs args{};
  args.flags = flags | CLONE_PIDFD;
  if (cgroup >= 0) {
    args.flags |= sys::kCloneIntoCgroup;
    args.cgroup = static_cast<std::uint64_t>(cgroup);
  }
  args.pidfd = reinterpret_cast<std::uint64_t>(pidfd);
  args.exit_signal = SIGCHLD;
  const long pid = sys::clone3(args);
  if (pid >= 0 || errno != ENOSYS || cgroup >= 0) return pid;
  // Docker's default profile of before 2021 and other filters answer clone3 with ENOSYS.
  return ::syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, 0, pidfd, 0, 0);
}

// False at the end of the channel.
bool receive(int control, Handover& handover, UniqueFd& fd) {
  iovec content{&handover, sizeof(handover)};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> ancillary{};
  msghdr message{};
  message.msg_iov = &content;
  message.msg_iovlen = 1;
  message.msg_control = ancillary.data();
  message.msg_controllen = ancillary.size();
  ssize_t n = 0;
  do {
    n = ::recvmsg(control, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
  } while (n < 0 && errno == EINTR);
  const cmsghdr* header = CMSG_FIRSTHDR(&message);
  if (header != nullptr && header->cmsg_type == SCM_RIGHTS) {
    int received = -1;
    std::memcpy(&received, CMSG_DATA(header), sizeof(received));
    fd.reset(received);
  }
  return n == static_cast<ssize_t>(sizeof(handover));
}

class Supervision {
 public:
  // `namespaces`: init is pid 1 of its own, and its end is everybody's.
  Supervision(EventLoop& loop, Channels channels, pid_t pid, UniqueFd pidfd, bool namespaces,
              UniqueFd signals, OutputRelay* output, PrivateTerminal* terminal,
              const SpawnOptions& options)
      : loop_(loop),
        channels_(std::move(channels)),
        pidfd_(std::move(pidfd)),
        namespaces_(namespaces),
        signals_(std::move(signals)),
        output_(output),
        terminal_(terminal),
        options_(options),
        limit_watch_(options.limits, pid, options.cgroup),
        quiet_watch_(pid),
        started_(Clock::now()) {
    if (options.exec_rules != nullptr)
      monitor_.emplace(*options.exec_rules, loop_, options.on_connect);
  }
  // Where the run could not be begun, nothing of it is left all the same.
  ~Supervision() {
    if (pidfd_) static_cast<void>(end());
  }
  Supervision(const Supervision&) = delete;
  Supervision& operator=(const Supervision&) = delete;

  // The supervisor's part of the run.
  Result<void> listen() {
    for (Service* service : options_.services) {
      if (auto started = service->start(loop_, [this](const Order& o) { return order(o); });
          !started) {
        return started;
      }
    }
    if (auto watched =
            loop_.watch(channels_.report.get(), EPOLLIN, [this](auto) { read_report(); });
        !watched) {
      return watched;
    }
    if (auto watched =
            loop_.watch(channels_.control.get(), EPOLLIN, [this](auto) { take_handover(); });
        !watched) {
      return watched;
    }
    if (auto watched = loop_.watch(signals_.get(), EPOLLIN, [this](auto) { pass_signals_on(); });
        !watched) {
      return watched;
    }
    const auto admitted = [this](std::size_t come) { return admit(come); };
    if (output_ != nullptr) {
      if (auto relayed = output_->start(loop_, admitted); !relayed) return relayed;
    }
    if (terminal_ != nullptr) {
      if (auto relayed = terminal_->start(loop_, admitted); !relayed) return relayed;
    }
    if (options_.at_rest) {
      // Once the run has ended nobody is at rest, though services may turn the loop a little more.
      const auto at_rest = [this] {
        if (!ended_) options_.at_rest();
      };
      if (auto watched = quiet_watch_.start(loop_, at_rest); !watched) return watched;
    }
    return limit_watch_.start(loop_, [this](PassedLimit limit) {
      if (!ended_) end_for(std::move(limit));
    });
  }

  bool let_build() const { return order({Order::Kind::kBuild}); }
  // A child that could not build its sandbox has hung up, and its report says why.
  void let_start() const { static_cast<void>(order({Order::Kind::kStart})); }

  // Serves what is due; true when the run is over and whoever holds the supervisor up must let go.
  bool over() {
    if (!ended_)
      turn(0);  // behind the first report of an end come others, of what followed from it
    return ended_;
  }

  Result<Outcome> wait() {
    while (!ended_) turn(timeout());
    Remains remains = end();
    if (output_ != nullptr) output_->drain();
    if (terminal_ != nullptr) terminal_->drain();
    Result<Outcome> ended = outcome(report_);
    if (ended) ended->remains = std::move(remains);
    return ended;
  }

 private:
  int timeout() const {
    if (!deadline()) return -1;
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(*deadline() - Clock::now()).count();
    return left < 0 ? 0 : static_cast<int>(std::min<std::int64_t>(left + 1, 1'000'000));
  }
  std::optional<Clock::time_point> deadline() const {
    if (options_.wall.count() == 0) return std::nullopt;
    return started_ + options_.wall + (timed_out_ ? options_.grace : std::chrono::milliseconds(0));
  }
  void turn(int timeout_ms) {
    loop_.turn(timeout_ms);
    if (deadline() && Clock::now() >= *deadline()) on_deadline();
  }
  void on_deadline() {
    if (timed_out_) {
      ended_ = true;
      return;
    }
    timed_out_ = true;
    pass_on(SIGTERM);
  }
  // How many of the bytes that the command has written may be passed on.
  std::size_t admit(std::size_t come) {
    const std::uint64_t allowed = options_.limits.output;
    const std::uint64_t left = allowed - std::min(allowed, written_);
    written_ += come;
    if (allowed == 0 || come <= left) return come;
    end_for({"output", used_of(written_, allowed)});
    return static_cast<std::size_t>(left);
  }
  // A limit that is passed ends the run at once: what it is about to take cannot wait for manners.
  void end_for(PassedLimit limit) {
    if (!passed_limit_) passed_limit_ = std::move(limit);
    ended_ = true;
  }
  void read_report() {
    Report received{};
    const ssize_t n = ::read(channels_.report.get(), &received, sizeof(received));
    if (n < 0 && errno == EINTR) return;
    if (n == static_cast<ssize_t>(sizeof(received))) {
      if (received.kind == Report::Kind::kStopped) return stop_with_command();
      report_ = received;
    }
    ended_ = true;
  }
  void stop_with_command() {
    terminal_->stop_with_command();
    pass_on(SIGCONT);
  }
  void take_handover() {
    Handover handover{};
    UniqueFd fd;
    if (!receive(channels_.control.get(), handover, fd)) {
      loop_.unwatch(channels_.control.get());  // init has ended; the report says how
      return;
    }
    if (handover.kind == Handover::Kind::kExecListener) return serve_monitor(std::move(fd));
    for (Service* service : options_.services) {
      if (service->take(handover, fd)) return;
    }
  }
  // What cannot be served would leave the command waiting for ever: the run ends.
  void serve_monitor(UniqueFd listener) {
    const Result<void> served = listener && monitor_
                                    ? monitor_->serve(std::move(listener))
                                    : fail("the listener for what is started did not arrive");
    if (served) return;
    trouble_ = served.error();
    ended_ = true;
  }
  bool order(const Order& order) const {
    return ::send(channels_.control.get(), &order, sizeof(order), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(sizeof(order));
  }
  void pass_on(int signal) const {
    static_cast<void>(order({Order::Kind::kSignal, static_cast<std::uint8_t>(signal)}));
  }
  void pass_signals_on() {
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info))) {
      const auto signal = static_cast<int>(info.ssi_signo);
      // The terminal sends these to its whole foreground group, the command included: once is
      // enough.
      if (signal == SIGWINCH) {
        terminal_->follow_size();
        continue;
      }
      if (signal == SIGTSTP) {
        pass_on(signal);  // the command's stopping is reported, and stops us
        continue;
      }
      const bool from_terminal = info.ssi_code == SI_KERNEL;
      interrupted_by_ = signal;
      const bool has_it_already =
          from_terminal && terminal_ == nullptr && (signal == SIGINT || signal == SIGQUIT);
      if (!has_it_already) pass_on(signal);
    }
  }

  // After this no process of the run is left but init, if that.
  Remains end() {
    loop_.unwatch(channels_.report.get());
    loop_.unwatch(channels_.control.get());
    channels_.control.reset();
    if (nobody_is_left()) {
      finish_services();
      return Remains(std::move(pidfd_));
    }
    // It ends by itself when we hang up, unless it still waits for the command's exec.
    if (namespaces_) sys::pidfd_send_signal(pidfd_.get(), SIGKILL);
    // Whatever we may wait for: init's namespace does not end before those that were seized at an
    // exec are reaped, and they are ours to reap. Init itself may have been waited for with them.
    for (siginfo_t info{};
         ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, WEXITED | WNOHANG) == 0 &&
         info.si_pid == 0;) {
      static_cast<void>(::waitpid(-1, nullptr, __WALL));
    }
    pidfd_.reset();
    finish_services();
    return {};
  }
  // A cgroup cannot be removed before init has left it.
  [[nodiscard]] bool nobody_is_left() const {
    return report_ && report_->alone != 0 && options_.cgroup == nullptr &&
           (!monitor_ || monitor_->is_idle());
  }
  void finish_services() {
    for (Service* service : options_.services) service->finish();
    options_.services.clear();
  }

  Result<Outcome> outcome(const std::optional<Report>& report) const {
    Outcome outcome;
    outcome.wall = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - started_);
    outcome.interrupted_by = interrupted_by_;
    if (trouble_) return tl::unexpected(*trouble_);
    if (monitor_) outcome.exec = monitor_->report();
    // The kernel ends a cgroup that is out of memory as a whole, init and its report included.
    std::optional<PassedLimit> passed = passed_limit_;
    if (!passed) passed = limit_watch_.at_end();
    if (passed && !(report && report->kind == Report::Kind::kFailed)) {
      outcome.kind = Outcome::Kind::kLimit;
      outcome.limit = std::move(passed->name);
      outcome.detail = std::move(passed->detail);
      return outcome;
    }
    if (!report) {
      if (!timed_out_) return fail("the sandbox's init ended without a word");
      outcome.kind = Outcome::Kind::kTimedOut;
      return outcome;
    }
    if (report->kind == Report::Kind::kFailed) return failed(*report, std::move(outcome));
    outcome.cpu = std::chrono::milliseconds(report->cpu_us / 1000);
    outcome.max_rss = static_cast<std::uint64_t>(report->max_rss_kib) * 1024;
    if (WIFSIGNALED(report->status)) {
      outcome.kind = Outcome::Kind::kSignaled;
      outcome.signal = WTERMSIG(report->status);
    } else {
      outcome.kind = Outcome::Kind::kExited;
      outcome.code = WEXITSTATUS(report->status);
    }
    if (timed_out_) outcome.kind = Outcome::Kind::kTimedOut;
    return outcome;
  }

  static Result<Outcome> failed(const Report& report, Outcome outcome) {
    const auto stage = static_cast<Stage>(report.stage);
    const std::string detail =
        std::string("sandbox step ") + stage_name(stage) + ": " + std::strerror(report.error);
    if (stage != Stage::kExec) return fail(detail, report.error);
    outcome.kind = Outcome::Kind::kNotStarted;
    outcome.detail = detail;
    outcome.error = report.error;
    outcome.not_found = report.error == ENOENT;
    return outcome;
  }

  EventLoop& loop_;
  Channels channels_;
  UniqueFd pidfd_;
  bool namespaces_;
  UniqueFd signals_;
  OutputRelay* output_;
  PrivateTerminal* terminal_;
  SpawnOptions options_;
  LimitWatch limit_watch_;
  QuietWatch quiet_watch_;
  std::optional<PassedLimit> passed_limit_;
  Clock::time_point started_;
  std::optional<ExecMonitor> monitor_;
  std::optional<Report> report_;
  std::optional<Error> trouble_;
  std::uint64_t written_ = 0;
  bool ended_ = false;
  bool timed_out_ = false;
  int interrupted_by_ = 0;
};

}  // namespace

Result<Outcome> spawn_and_wait(ChildPlan& plan, const SpawnOptions& options) {
  Result<EventLoop> loop = EventLoop::create();
  if (!loop) return propagate(loop);
  Result<Channels> channels = make_channels();
  if (!channels) return propagate(channels);
  plan.control_fd = channels->child_control.get();
  plan.report_fd = channels->child_report.get();

  std::unique_ptr<OutputRelay> output;
  std::unique_ptr<PrivateTerminal> terminal;
  if (options.own_terminal) {
    auto made = PrivateTerminal::create();
    if (!made) return propagate(made);
    terminal = std::move(*made);
    plan.stdio = {terminal->inner(), terminal->inner(), terminal->inner()};
    plan.own_session = true;
  } else if (options.limits.output != 0) {
    auto relay = OutputRelay::create();
    if (!relay) return propagate(relay);
    output = std::move(*relay);
    plan.stdio = {-1, output->output(), output->error()};
  }

  const SignalGuard guard;
  int raw_pidfd = -1;
  const std::uint64_t flags = plan.namespaces ? namespace_flags() : 0;
  const int cgroup = options.cgroup != nullptr ? options.cgroup->fd() : -1;
  long pid = clone_child(flags, cgroup, &raw_pidfd);
  // Linux before 5.7 does not know how to start in a cgroup; the child waits for its go and can be
  // put there.
  const bool put_there = pid < 0 && cgroup >= 0;
  if (put_there) pid = clone_child(flags, -1, &raw_pidfd);
  if (pid < 0) return tl::unexpected(from_errno("sandbox step clone"));
  if (pid == 0) child_main(plan);

  UniqueFd pidfd(raw_pidfd);
  channels->child_control.reset();
  channels->child_report.reset();
  // From here on an error closes the control socket, and the child, still waiting for its go, ends.
  UniqueFd signals = guard.listen(options.own_terminal);
  if (!signals) return tl::unexpected(from_errno("sandbox step signals"));
  Supervision supervision(*loop, std::move(*channels), static_cast<pid_t>(pid), std::move(pidfd),
                          plan.namespaces, std::move(signals), output.get(), terminal.get(),
                          options);
  if (auto listening = supervision.listen(); !listening) return propagate(listening);
  if (put_there) {
    if (auto taken = options.cgroup->take(static_cast<pid_t>(pid)); !taken)
      return fail("sandbox step cgroup: " + taken.error().message, taken.error().code);
  }
  if (plan.namespaces) {
    if (auto mapped = write_id_maps(static_cast<int>(pid)); !mapped) {
      return fail("sandbox step id_maps: " + mapped.error().message, mapped.error().code);
    }
  }
  if (!supervision.let_build()) return tl::unexpected(from_errno("sandbox step handshake"));
  if (options.before_start) {
    if (auto ready = options.before_start(); !ready) return propagate(ready);
  }
  supervision.let_start();
  if (options.meanwhile) options.meanwhile([&] { return supervision.over(); });
  return supervision.wait();
}

}  // namespace mixguard::sandbox
