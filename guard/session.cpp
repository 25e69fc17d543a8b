// SPDX-License-Identifier: Apache-2.0
#include "guard/session.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "guard/approvals.hpp"
#include "guard/audit/log.hpp"
#include "guard/binding.hpp"
#include "guard/children.hpp"
#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/housekeeping.hpp"
#include "guard/output/console.hpp"
#include "guard/output/run_json.hpp"
#include "guard/recovery.hpp"
#include "guard/remembrance.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/terminal.hpp"
#include "policy/explain.hpp"
#include "policy/layout.hpp"
#include "policy/quantity.hpp"
#include "policy/text.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::guard {
namespace {

using Json = nlohmann::ordered_json;
using policy::Verdict;
using sandbox::Outcome;
using sandbox::UniqueFd;

// What one run accumulates on its way down the line.
class Session {
 public:
  Session(const RunOptions& options, Console& console) : options_(options), console_(console) {}

  int run() {
    if (auto trouble = ask_policy()) return *trouble;
    if (auto refused = refuse_or_ask()) return *refused;
    if (auto trouble = open_store()) return *trouble;
    if (auto trouble = plan_sandbox()) return *trouble;
    if (auto trouble = remember_state()) return *trouble;
    const int code = run_confined();
    return conclude(code);
  }

  void report(int code) {
    if (!console_.json() && options_.status_fd < 0) return;
    const Json document =
        run_json(judgement_, layers_, outcome_, remembrance_.result(), run_id_, code);
    if (console_.json()) console_.document(dump_pretty(document));
    if (options_.status_fd >= 0) {
      const std::string line = dump(document["outcome"]) + "\n";
      if (::write(options_.status_fd, line.data(), line.size()) < 0)
        console_.warn("--status-fd: " + std::string(std::strerror(errno)));
    }
  }

 private:
  using Trouble = std::optional<int>;  // an exit code that ends the line here

  Trouble internal(const Error& error) {
    console_.error(error.message);
    return kExitInternal;
  }

  Trouble ask_policy() {
    auto judged = judge(options_.request);
    if (!judged) {
      for (const std::string& line : judged.error().lines) console_.error(line);
      return judged.error().exit_code;
    }
    judgement_ = std::move(*judged);
    for (const std::string& note : judgement_.notes) console_.note(note);
    for (const policy::DroppedVariable& dropped : judgement_.decision.dropped) {
      console_.note("left out of the environment: " + dropped.name +
                    " (to pass it: " + dropped.passes_with + ")");
    }
    return std::nullopt;
  }

  Trouble refuse_or_ask() {
    const policy::Decision& decision = judgement_.decision;
    if (decision.verdict == Verdict::kAllow) return std::nullopt;
    if (decision.reason == policy::Reason::kUntrusted) return refuse(kExitUntrusted);
    if (decision.verdict == Verdict::kDeny) return refuse(kExitDenied);
    const Result<nlohmann::json> binding = bind(judgement_, options_.request, options_.dry_run);
    if (binding) {
      const Result<std::optional<Grant>> grant = use_grant(*binding);
      if (!grant) return internal(grant.error());
      if (*grant) {
        judgement_.approval = Judgement::Approval{id_of(*binding), (*grant)->uid};
        granted_ = digest_of(*binding);
        return std::nullopt;
      }
    }
    if (is_person_present()) return ask_here();
    return ask_elsewhere(binding);
  }

  Trouble refuse(int code) {
    record_refusal();
    console_.plain(policy::refusal(judgement_.decision));
    console_.listing(judgement_.policy_changes);
    return code;
  }

  Trouble ask_here() {
    refuse(kExitApprovalNeeded);
    if (!person_says_yes("Run " + printable(policy::shell_line(judgement_.decision.canonical))))
      return kExitApprovalNeeded;
    judgement_.approval = Judgement::Approval{"", ::getuid()};
    return std::nullopt;
  }

  Trouble ask_elsewhere(const Result<nlohmann::json>& binding) {
    const Result<Approval> question =
        binding ? ask(*binding, policy::refusal(judgement_.decision)) : propagate(binding);
    if (question) judgement_.approval = Judgement::Approval{question->id, std::nullopt};
    refuse(kExitApprovalNeeded);
    console_.plain(question ? "  approval: mixguard approve " + question->id +
                                  "   (in a terminal of your own; then run it again)"
                            : "  approval: only at a terminal (" + question.error().message + ")");
    return kExitApprovalNeeded;
  }

  // A refusal is recorded where there is a place for it; that there is none must not turn a denial
  // into an error.
  void record_refusal() {
    if (Result<Store> store = open_store_of(judgement_.project); store) {
      if (auto log = AuditLog::open(*store)) {
        if (auto appended = log->append("decided", decided_record(judgement_, options_.ticket));
            !appended) {
          console_.warn(appended.error().message);
        }
      }
    }
  }

  Trouble open_store() {
    if (judgement_.decision.program == "mix" || judgement_.decision.program == "iex") {
      if (judgement_.toolchain.mix.path.empty()) {
        console_.error(
            "mix: not found; install Elixir (Debian: apt install elixir) or put it on PATH where "
            "only you can write");
        return kExitNotFound;
      }
      if (!judgement_.project.found() && judgement_.decision.parts.front().task != "help") {
        console_.error("there is no mix.exs in " + judgement_.project.cwd +
                       " or above it; change to a Mix project or name one with --project DIR");
        return kExitInternal;
      }
      // Erlang's file server never answers below such a directory (OTP 25, checked).
      if (!policy::is_valid_utf8(judgement_.project.cwd)) {
        console_.error(printable(judgement_.project.cwd) +
                       ": Erlang cannot work in a directory whose name is not UTF-8; rename it");
        return kExitInternal;
      }
    }
    if (auto foreign = foreign_project()) return foreign;
    if (auto exposed = exposed_state()) return exposed;
    Result<Store> store = open_store_of(judgement_.project);
    if (!store) return internal(store.error());
    store_ = std::move(*store);
    Result<HeldStore> held = hold_and_recover(store_, console_);
    if (!held) return internal(held.error());
    lock_ = std::move(held->lock);
    if (auto changed = changed_meanwhile()) return changed;
    Result<AuditLog> log = AuditLog::open(store_);
    if (!log) return internal(log.error());
    log_.emplace(std::move(*log));
    return std::nullopt;
  }

  // What a person trusted and granted must not lie where the command may write.
  Trouble exposed_state() {
    const std::string directory = state_directory();
    const std::string real = real_path(directory);
    const Project& project = judgement_.project;
    if (!project.found() || !is_within(real.empty() ? directory : real, project.folder()))
      return std::nullopt;
    console_.error(directory +
                   " lies in the project, where the command could write it; set XDG_STATE_HOME to "
                   "a directory outside of it");
    return kExitInternal;
  }

  // Another guarded command may have committed while this one waited for the lock.
  Trouble changed_meanwhile() {
    if (!granted_) return std::nullopt;
    const Result<nlohmann::json> now = bind(judgement_, options_.request, options_.dry_run);
    if (now && digest_of(*now) == *granted_) return std::nullopt;
    console_.error("what was approved has changed meanwhile; run the command again to ask again");
    return kExitApprovalNeeded;
  }

  // Confined, root has no capabilities and cannot write what belongs to somebody else.
  Trouble foreign_project() {
    struct stat info{};
    if (::geteuid() != 0 || !judgement_.project.found() ||
        ::stat(judgement_.project.root.c_str(), &info) != 0 || info.st_uid == 0) {
      return std::nullopt;
    }
    console_.error(
        judgement_.project.root + " belongs to uid " + std::to_string(info.st_uid) +
        ", and a confined root could not write it; run mixguard as its owner (sudo -u \\#" +
        std::to_string(info.st_uid) + " mixguard …)");
    return kExitInternal;
  }

  Trouble plan_sandbox() {
    policy::Confinement& confinement = judgement_.decision.confinement;
    if (options_.timeout) {
      const auto wall = static_cast<std::uint64_t>(options_.timeout->count());
      confinement.limits.wall_ms =
          confinement.limits.wall_ms == 0 ? wall : std::min(wall, confinement.limits.wall_ms);
    }
    kernel_ = sandbox::probe_kernel();
    if (judgement_.project.found())
      kernel_.overlay_why = sandbox::why_no_overlay(store_.fd(), judgement_.project.root);
    auto layers = sandbox::plan_layers(confinement, kernel_);
    if (!layers) return internal(layers.error());
    layers_ = std::move(*layers);
    for (const sandbox::LayerReport& layer : layers_) {
      if (layer.state != sandbox::LayerReport::State::kActive)
        console_.note("layer " + layer.name + ": " + layer.detail);
    }
    const bool view = sandbox::has_private_view(layers_);
    if (!view) console_.say("reduced sandbox: " + layers_.front().detail);
    for (const sandbox::LayerReport& layer : layers_) {
      if (view && layer.name == "overlay" &&
          layer.state == sandbox::LayerReport::State::kUnavailable)
        console_.say("no overlay: " + layer.detail);
    }
    return std::nullopt;
  }

  Trouble remember_state() {
    auto id = store_.next_id();
    if (!id) return internal(id.error());
    run_id_ = std::move(*id);
    auto workspace =
        make_workspace(judgement_.toolchain, judgement_.decision.confinement,
                       environment_variable("HOME").value_or(""), judgement_.project.root);
    if (!workspace) return internal(workspace.error());
    workspace_ = std::move(*workspace);
    if (auto begun =
            remembrance_.begin(store_, run_id_, judgement_, layers_, options_.dry_run, workspace_);
        !begun)
      return internal(begun.error());
    for (const std::string& note : remembrance_.notes()) console_.note(note);
    return std::nullopt;
  }

  Result<void> record_start() {
    auto appended =
        log_->append("begun", begun_record(judgement_, layers_, run_id_, options_.ticket));
    if (!appended) return propagate(appended);
    recorded_ = true;
    return {};
  }

  sandbox::Command command() {
    const policy::Decision& decision = judgement_.decision;
    sandbox::Command command;
    if (decision.program == "mix" || decision.program == "iex") {
      // The judged reading, not the typed words: Mix must not be left a second way to take them.
      // iex has options of its own around the task and gets them as they are.
      std::vector<std::string> argv =
          decision.program == "mix" ? decision.canonical : options_.request.argv;
      argv.front() = decision.program;
      const bool terminal = ::isatty(STDOUT_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0;
      Launch launched = launch(judgement_.toolchain, argv, terminal,
                               environment_variable("NO_COLOR").has_value());
      command.program = std::move(launched.program);
      command.argv = std::move(launched.argv);
      command.environment = std::move(launched.environment);
    } else {
      command.program = decision.program;
      command.argv = options_.request.argv;
    }
    for (const policy::EnvVariable& variable : decision.environment) {
      command.environment.push_back(variable.name + "=" + variable.value);
    }
    command.environment.push_back("PATH=" + judgement_.toolchain.search_path);
    command.environment.push_back(
        "TMPDIR=" + (sandbox::has_private_view(layers_) ? "/tmp" : workspace_.scratch));
    if (const auto home = environment_variable("HOME"))
      command.environment.push_back("HOME=" + *home);
    command.cwd = judgement_.project.found() ? judgement_.project.cwd : "/";
    command.exec = exec_rules(judgement_, command.environment);
    // Durable before the first byte of the command; building the sandbox takes as long.
    command.before_start = [this] { return record_start(); };
    // What earlier runs left to delete; only while nobody else can be at it.
    command.meanwhile = [this](const std::function<bool()>& over) {
      if (lock_) static_cast<void>(store_.empty_trash(over));
    };
    // A server or a console compiles first: two of them in one build directory would do so at once,
    // because Mix's own lock does not reach out of a network namespace. Afterwards it must not keep
    // others out.
    if (remembrance_.writes_through()) command.at_rest = [this] { release_lock(); };
    command.own_terminal = remembrance_.writes_through();
    return command;
  }

  // Unlocked and not only closed: the sandbox's init has a copy of the descriptor.
  void release_lock() {
    if (lock_) ::flock(lock_.get(), LOCK_UN);
    lock_.reset();
  }

  // With --json our standard output belongs to the document; the command's goes to standard error.
  int run_confined() {
    UniqueFd saved;
    if (console_.json()) {
      saved.reset(::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3));
      ::dup2(STDERR_FILENO, STDOUT_FILENO);
    }
    Result<Outcome> outcome =
        sandbox::run(judgement_.decision.confinement, command(), workspace_, layers_, kernel_);
    if (saved) ::dup2(saved.get(), STDOUT_FILENO);
    if (!outcome) {
      internal(outcome.error());
      return kExitInternal;
    }
    outcome_ = std::move(*outcome);
    for (const std::string& line : describe_refusals(outcome_->exec)) console_.say(line);
    for (const std::string& line : describe_network(outcome_->network)) console_.say(line);
    return exit_code_of(*outcome_);
  }

  int exit_code_of(const Outcome& outcome) {
    const policy::Limits& limits = judgement_.decision.confinement.limits;
    switch (outcome.kind) {
      case Outcome::Kind::kExited: {
        // The BEAM answers SIGTERM with an orderly stop and exit 0; half a task is not a success.
        const bool cut_short =
            outcome.interrupted_by != 0 && outcome.code == 0 && !remembrance_.writes_through();
        return cut_short ? 128 + outcome.interrupted_by : outcome.code;
      }
      case Outcome::Kind::kSignaled:
        if (outcome.signal == SIGXFSZ && limits.file_size != 0)
          console_.error("ended by writing a file beyond the limit of " +
                         policy::size_text(limits.file_size) + " ([limits] file_size)");
        return 128 + outcome.signal;
      case Outcome::Kind::kLimit:
        console_.error("ended at the limit of " + outcome.limit + ": " + outcome.detail +
                       " ([limits] " + outcome.limit + ")");
        return kExitLimit;
      case Outcome::Kind::kTimedOut:
        console_.error("ended after the wall-clock limit of " +
                       policy::duration_text(limits.wall_ms));
        return kExitTimedOut;
      case Outcome::Kind::kNotStarted:
        console_.error(options_.request.argv.front() + ": " + outcome.detail);
        return outcome.not_found ? kExitNotFound : kExitInternal;
    }
    return kExitInternal;
  }

  // Commits what a successful command may write, discards what a failed one did, and writes both
  // down.
  int conclude(int code) {
    if (remembrance_.writes_through() && !lock_) {
      if (Result<UniqueFd> lock = store_.lock([] {}); lock) lock_ = std::move(*lock);
    }
    const bool keep =
        code == kExitOk || judgement_.decision.snapshot.on_failure == policy::OnFailure::kKeep;
    Result<RunResult> result = keep ? remembrance_.finish(options_.dry_run, options_.strict)
                                    : remembrance_.abandon(keeps_build());
    if (!result) {
      console_.error(result.error().message);
      code = kExitInternal;
    } else {
      say_what_became(*result, keep);
      if (code == kExitOk && result->not_committed) code = kExitNotCommitted;
    }
    // Few and empty directories can wait for the next run; what a command wrote may be large.
    if (!remembrance_.result().changes.changes.empty() && lock_)
      static_cast<void>(store_.empty_trash(within(kTrashTime)));
    // Where even the sandbox's plan failed, the attempt is recorded here.
    if (!recorded_ && !record_start()) return code;
    const Json record = ended_record(run_id_, outcome_, remembrance_.result(), code);
    if (auto appended = log_->append("ended", record); !appended) {
      console_.error(appended.error().message);
      if (code == kExitOk) code = kExitInternal;
    }
    if (lock_) keep_house();
    return code;
  }

  // Trouble here is none of the command's.
  void keep_house() {
    const auto pruned = guard::keep_house(store_, *judgement_.rules);
    if (!pruned) return console_.warn(pruned.error().message);
    if (pruned->removed.empty()) return;
    const Json body = {{"removed", pruned->removed}, {"freed", pruned->freed}};
    if (auto written = log_->append("pruned", body); !written)
      console_.warn(written.error().message);
    console_.note("forgot " + counted(pruned->removed.size(), "item") + " ([retention])");
  }

  // A command that was ended may have been in the middle of writing.
  bool keeps_build() const {
    return judgement_.decision.snapshot.keeps_build && !options_.dry_run && !options_.strict &&
           outcome_ && outcome_->kind == Outcome::Kind::kExited && outcome_->interrupted_by == 0;
  }

  void say_what_became(const RunResult& result, bool kept) const {
    for (const std::string& what : result.unseen)
      console_.warn("stays as the command left it, and cannot be undone: " + printable(what));
    if (options_.dry_run)
      return console_.say(describe_changes(result.changes, "would be committed"));
    if (!kept) {
      const bool in_place = remembrance_.writes_through();
      if (const std::size_t count = result.worth_mentioning(); count != 0) {
        console_.say("the command failed; what it changed (" + counted(count, "path") + ") " +
                     (in_place ? "is kept, because it wrote in place; to take it back: mixguard "
                                 "rollback " +
                                     run_id_
                               : "was discarded"));
      }
      if (!in_place) return;
    }
    for (const Change& change : result.changes.changes) {
      if (change.disposition == Disposition::kCommit && !change.why.empty())
        warn_written_in_place(change);
    }
    for (const std::string& line : describe_withheld(result.changes)) console_.say(line);
    for (const auto& kept_in : {result.quarantine, result.quarantine_outside}) {
      if (kept_in) console_.say("kept in " + *kept_in);
    }
  }

  void warn_written_in_place(const Change& change) const {
    const std::string path = printable(change.path);
    console_.warn("written in place: " + path + " (" + change.why +
                  "); to take it back: mixguard rollback " + run_id_ + " --path " + path);
  }

  const RunOptions& options_;
  Console& console_;
  Judgement judgement_;
  std::optional<std::string> granted_;  // digest of the binding whose grant was used
  Store store_;
  UniqueFd lock_;
  std::optional<AuditLog> log_;
  sandbox::KernelSupport kernel_;
  std::vector<sandbox::LayerReport> layers_;
  std::string run_id_;
  bool recorded_ = false;  // that it begins
  sandbox::Workspace workspace_;
  Remembrance remembrance_;
  std::optional<Outcome> outcome_;
};

}  // namespace

int run_session(const RunOptions& options, Console& console) {
  Session session(options, console);
  const int code = session.run();
  session.report(code);
  return code;
}

}  // namespace mixguard::guard
