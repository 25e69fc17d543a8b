// SPDX-License-Identifier: Apache-2.0
#include "guard/verify.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/helper_process.hpp"
#include "guard/output/console.hpp"
#include "guard/probe.hpp"
#include "guard/snapshot/json_bytes.hpp"
#include "guard/snapshot/mix_lock.hpp"
#include "guard/snapshot/restored.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/warnings.hpp"

namespace mixguard::guard {
namespace {

using Outcome = VerifyStep::Outcome;
using Words = std::vector<std::string>;

constexpr const char* kBaseline = "verify.json";
constexpr std::size_t kLines = 20;  // of a long list
constexpr std::chrono::seconds kAnswerTime{5};

VerifyStep skipped(const char* name, std::string why) {
  return {name, Outcome::kSkipped, std::move(why), {}, {}};
}
VerifyStep failed(const char* name, std::string why, Words details = {}) {
  return {name, Outcome::kFailed, std::move(why), std::move(details), {}};
}
VerifyStep ok(const char* name, std::string why) {
  return {name, Outcome::kOk, std::move(why), {}, {}};
}

Words shortened(Words lines) {
  if (lines.size() > kLines) {
    const std::size_t more = lines.size() - kLines;
    lines.resize(kLines);
    lines.push_back("and " + std::to_string(more) + " more");
  }
  return lines;
}

// What a person looks at first when something went wrong.
Words last_lines(std::string_view output) {
  Words lines;
  while (!output.empty()) {
    const std::size_t end = std::min(output.find('\n'), output.size());
    if (end != 0) lines.emplace_back(output.substr(0, end));
    output.remove_prefix(std::min(end + 1, output.size()));
  }
  if (lines.size() > kLines)
    lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(kLines));
  return lines;
}

class Verifier {
 public:
  Verifier(const Store& store, const VerifyOptions& options,
           const std::vector<policy::HttpEndpoint>& endpoints)
      : store_(store), options_(options), endpoints_(endpoints) {}

  VerifyStep restored() const {
    if (!options_.run_id.empty()) return verify_restored(store_, options_.run_id);
    const auto last = rollback_at_the_end(store_);
    if (!last) return failed("restored", last.error().message);
    if (last->empty()) return skipped("restored", "the last run is not a rollback");
    return verify_restored(store_, *last);
  }

  VerifyStep dependencies() const {
    auto missing = missing_dependencies();
    if (!missing) return failed("dependencies", missing.error().message);
    auto run = mix({"deps.loadpaths", "--no-compile"});
    if (auto trouble = not_run("dependencies", run)) return *trouble;
    if (run->exit_code != 0)
      return failed("dependencies", "Mix does not take them for those of mix.lock",
                    last_lines(run->output));
    if (missing->empty()) return ok("dependencies", "they are those of mix.lock");
    // Locked, but needed by nothing: Mix has just loaded all that are.
    VerifyStep step = ok("dependencies", "they are those of mix.lock; it has unused lines as well");
    step.details = shortened(std::move(*missing));
    return step;
  }

  VerifyStep compile() {
    auto run = mix({"compile", "--all-warnings"});
    if (auto trouble = not_run("compile", run)) return *trouble;
    if (run->exit_code != 0)
      return failed("compile", "it does not compile", last_lines(run->output));
    warnings_ = warnings_in(run->output);
    const auto known = baseline();
    if (!known)
      return ok("compile", counted(warnings_->size(), "warning") + ", to compare with later");
    Words added;
    std::set_difference(warnings_->begin(), warnings_->end(), known->warnings.begin(),
                        known->warnings.end(), std::back_inserter(added));
    if (added.empty()) return ok("compile", "no new warnings");
    const std::string count = counted(added.size(), "new warning");
    return failed("compile", count, shortened(std::move(added)));
  }

  VerifyStep tests() const {
    if (!options_.tests) return skipped("tests", "not asked for (--tests)");
    auto run = mix({"test"});
    if (auto trouble = not_run("tests", run)) return *trouble;
    if (run->exit_code != 0) return failed("tests", "they fail", last_lines(run->output));
    return ok("tests", "they pass");
  }

  VerifyStep migrations() const {
    if (!has_dependency("ecto_sql"))
      return skipped("migrations", "ecto_sql is not among the dependencies");
    auto run = mix({"ecto.migrations"});
    if (auto trouble = not_run("migrations", run)) return *trouble;
    if (run->exit_code != 0)
      return failed("migrations", "they cannot be listed", last_lines(run->output));
    VerifyStep step = ok("migrations", "listed");
    step.details = last_lines(run->output);
    return step;
  }

  VerifyStep endpoints() {
    if (endpoints_.empty()) return skipped("endpoints", "the policy names none ([[endpoint]])");
    const auto known = baseline();
    std::size_t good = 0;
    Words failures;
    Words silent;
    for (const policy::HttpEndpoint& endpoint : endpoints_) {
      const Answer answer = ask(endpoint, kAnswerTime);
      const std::string trouble = mismatch(endpoint, answer);
      const std::string url = asked_url(endpoint);
      if (trouble.empty()) {
        answered_.insert(url);
        ++good;
        continue;
      }
      // Where no server runs, and none did the last time, there is nothing to find fault with.
      const bool is_failure = answer.connected || (known && known->answered.contains(url));
      (is_failure ? failures : silent).push_back(url + ": " + trouble);
    }
    VerifyStep step = ok("endpoints", counted(good, "endpoint") + " as expected");
    if (good == 0) step = skipped("endpoints", "no server runs for them");
    if (!failures.empty())
      step = failed("endpoints", counted(failures.size(), "endpoint") + " not as expected");
    failures.insert(failures.end(), silent.begin(), silent.end());
    step.details = shortened(std::move(failures));
    return step;
  }

  // Where nothing failed, this is what to compare with.
  void remember() const {
    if (!warnings_) return;
    const nlohmann::json document{{"warnings", *warnings_}, {"answered", answered_}};
    // Without it the next verification has nothing to compare with, and says so.
    static_cast<void>(tree::write_file(store_.fd(), kBaseline, sealed(document), true));
  }

 private:
  Result<HelperResult> mix(const Words& words) const {
    // What it would commit is no part of what the command says.
    Words arguments{"run", "--dry-run", "--quiet", "--project", store_.project_root()};
    if (!options_.policy.empty()) arguments.insert(arguments.end(), {"--policy", options_.policy});
    arguments.insert(arguments.end(), {"--", "mix"});
    arguments.insert(arguments.end(), words.begin(), words.end());
    return run_and_capture(real_path("/proc/self/exe"), arguments);
  }

  // A command that the policy does not let through says nothing of the project.
  static std::optional<VerifyStep> not_run(const char* name, const Result<HelperResult>& run) {
    if (!run) return failed(name, run.error().message);
    switch (run->exit_code) {
      case kExitApprovalNeeded:
      case kExitUntrusted:
      case kExitPolicyInvalid:
      case kExitDenied:
      case kExitNotFound: {
        VerifyStep step = skipped(name, "the command was not let run");
        step.details = last_lines(run->output);
        return step;
      }
      case kExitInternal:
        return failed(name, "mixguard could not run the command", last_lines(run->output));
      default:
        return std::nullopt;
    }
  }

  // Locked, and without a directory.
  Result<Words> missing_dependencies() const {
    auto text = tree::read_file(store_.project_fd(), "mix.lock");
    if (!text && text.error().code == ENOENT) return Words();
    if (!text) return propagate(text);
    auto lock = parse_mix_lock(*text);
    if (!lock) return fail("mix.lock, " + lock.error().message);
    Words missing;
    for (const LockEntry& entry : lock->entries) {
      if (!has_dependency(entry.name)) missing.push_back(entry.name + " is not there");
    }
    return missing;
  }

  // In the caller's MIX_DEPS_PATH, or where Mix has them without it.
  [[nodiscard]] bool has_dependency(const std::string& name) const {
    std::string deps = environment_variable("MIX_DEPS_PATH").value_or("");
    if (deps.empty()) deps = "deps";
    if (!deps.starts_with('/')) deps = join_path(store_.project_root(), deps);
    return ::access(join_path(deps, name).c_str(), F_OK) == 0;
  }

  // Of the last verification that passed.
  struct Baseline {
    std::set<std::string> warnings;
    std::set<std::string> answered;
  };

  // A damaged one is none.
  std::optional<Baseline> baseline() const {
    const auto text = tree::read_file(store_.fd(), kBaseline);
    const auto document = text ? unsealed(*text) : std::nullopt;
    if (!document) return std::nullopt;
    const auto texts = [&](const char* name) {
      std::set<std::string> all;
      if (!document->contains(name)) return all;
      for (const auto& one : (*document)[name]) {
        if (one.is_string()) all.insert(one.get<std::string>());
      }
      return all;
    };
    return Baseline{texts("warnings"), texts("answered")};
  }

  const Store& store_;
  const VerifyOptions& options_;
  const std::vector<policy::HttpEndpoint>& endpoints_;
  std::optional<std::set<std::string>> warnings_;
  std::set<std::string> answered_;
};

}  // namespace

std::string_view to_string(VerifyStep::Outcome outcome) {
  switch (outcome) {
    case Outcome::kOk:
      return "ok";
    case Outcome::kFailed:
      return "failed";
    case Outcome::kSkipped:
      return "skipped";
  }
  return "failed";
}

VerifyStep verify_restored(const Store& store, const std::string& run_id) {
  const auto start = std::chrono::steady_clock::now();
  auto paths = not_as_put_back(store, run_id);
  VerifyStep step = !paths           ? failed("restored", paths.error().message)
                    : paths->empty() ? ok("restored", "all that was put back is there")
                                     : failed("restored", "something else is there by now",
                                              shortened(std::move(*paths)));
  step.took = std::chrono::duration_cast<std::chrono::milliseconds>(
      std::chrono::steady_clock::now() - start);
  return step;
}

std::vector<VerifyStep> verify(const Store& store, const VerifyOptions& options,
                               const std::vector<policy::HttpEndpoint>& endpoints,
                               const std::function<void(const char*)>& before) {
  Verifier verifier(store, options, endpoints);
  std::vector<VerifyStep> steps;
  const auto add = [&](const char* name, const auto& step) {
    before(name);
    const auto start = std::chrono::steady_clock::now();
    steps.push_back(step());
    steps.back().took = std::chrono::duration_cast<std::chrono::milliseconds>(
        std::chrono::steady_clock::now() - start);
  };
  add("restored", [&] { return verifier.restored(); });
  add("dependencies", [&] { return verifier.dependencies(); });
  add("compile", [&] { return verifier.compile(); });
  add("tests", [&] { return verifier.tests(); });
  add("migrations", [&] { return verifier.migrations(); });
  add("endpoints", [&] { return verifier.endpoints(); });
  if (has_passed(steps)) verifier.remember();
  return steps;
}

bool has_passed(const std::vector<VerifyStep>& steps) {
  return std::none_of(steps.begin(), steps.end(),
                      [](const VerifyStep& step) { return step.outcome == Outcome::kFailed; });
}

}  // namespace mixguard::guard
