// SPDX-License-Identifier: Apache-2.0
#include "guard/request.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string_view>

#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/mix_files.hpp"
#include "guard/preflight/paths.hpp"
#include "guard/snapshot/store.hpp"
#include "policy/launcher.hpp"

namespace mixguard::guard {
namespace {

using Clock = std::chrono::steady_clock;

bool same_file(const struct stat& a, const struct stat& b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

policy::Facts gather_facts(const RequestOptions& options, const Judgement& judgement,
                           const policy::Policy& rules) {
  policy::Facts facts;
  facts.project_root = judgement.project.root;
  facts.cwd = judgement.project.cwd;
  const std::string& program = options.argv.front();
  if (judgement.project.found() && policy::names_mix(program))
    facts.mix_exs = read_mix_files(facts.cwd, facts.project_root);
  for (char** entry = environ; *entry != nullptr; ++entry) facts.environment.emplace_back(*entry);
  const bool has_slash = program.find('/') != std::string::npos;
  facts.program_path =
      real_path(has_slash ? program : find_in_path(program, judgement.toolchain.search_path));
  if (facts.program_path.empty()) return facts;
  facts.program_is_release =
      ::access(join_path(parent_path(parent_path(facts.program_path)), "releases/start_erl.data")
                   .c_str(),
               F_OK) == 0;
  for (const PinnedProgram* pinned : {&judgement.toolchain.mix, &judgement.toolchain.iex}) {
    facts.program_is_pinned |=
        has_slash && !pinned->real.empty() && facts.program_path == pinned->real;
  }
  facts.same_file_as_program = same_files(facts.program_path, facts.project_root, rules);
  return facts;
}

// The trusted policy's answer stands; a project policy that is not trusted is only mentioned when
// it would have made the difference.
void mention_untrusted(const RequestOptions& options, const LoadedPolicy& loaded,
                       const policy::Facts& facts, Judgement& judgement) {
  if (!loaded.untrusted) return;
  const std::string state = loaded.untrusted->trust == Trust::kChanged
                                ? "has changed since you trusted it"
                                : "is not trusted";
  judgement.notes.push_back(loaded.untrusted->path + " " + state +
                            " and is left out; read it, then: mixguard trust");
  if (judgement.decision.verdict == policy::Verdict::kAllow || !loaded.untrusted->as_if_trusted)
    return;
  if (decide(*loaded.untrusted->as_if_trusted, options.argv, facts, options.detail).verdict >=
      judgement.decision.verdict)
    return;
  judgement.decision.reason = policy::Reason::kUntrusted;
  judgement.decision.message =
      "a rule in " + loaded.untrusted->path + " would decide otherwise, but the file " + state;
  judgement.decision.instead = "read the file, then: mixguard trust";
  if (loaded.untrusted->trust == Trust::kChanged)
    judgement.policy_changes = changes_since_trust(loaded.untrusted->path).value_or("");
}

// Tasks that make a project and need none: Mix's own, and those of the usual archives.
bool makes_project(const std::vector<std::string>& argv) {
  static constexpr std::array<std::string_view, 4> kTasks{"new", "phx.new", "igniter.new",
                                                          "nerves.new"};
  return argv.size() > 1 && policy::names_mix(argv.front()) &&
         std::find(kTasks.begin(), kTasks.end(), argv[1]) != kTasks.end();
}

// What may be written is the new project, whatever its rule says of a project.
Result<void> narrow_to_new_project(Judgement& judgement) {
  policy::Decision& decision = judgement.decision;
  const policy::Part& part = decision.parts.front();
  if (decision.verdict == policy::Verdict::kDeny || part.paths.empty()) return {};
  Result<Project> place = place_of_new_project(judgement.project.cwd, part.paths.front().path);
  if (!place) return propagate(place);
  judgement.project = std::move(*place);
  const std::string& folder = judgement.project.new_folder;
  if (folder == ".") return {};
  decision.confinement.write = {folder, folder + "/**"};
  // The folders that lead there, where they are still to be made.
  for (std::size_t end = folder.find('/'); end != std::string::npos;
       end = folder.find('/', end + 1)) {
    struct stat info{};
    const std::string above = folder.substr(0, end);
    if (::lstat(join_path(judgement.project.root, above).c_str(), &info) != 0)
      decision.confinement.write.push_back(above);
  }
  return {};
}

std::uint64_t microseconds_since(Clock::time_point start) {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - start).count());
}

}  // namespace

std::vector<std::string> same_files(const std::string& program, const std::string& project_root,
                                    const policy::Policy& rules) {
  std::vector<std::string> same;
  struct stat own{};
  if (::stat(program.c_str(), &own) != 0) return same;
  for (std::string& path : rules.command_paths(project_root)) {
    struct stat named{};
    if (::stat(path.c_str(), &named) == 0 && same_file(own, named)) same.push_back(std::move(path));
  }
  return same;
}

tl::expected<Judgement, RequestTrouble> judge(const RequestOptions& options) {
  Judgement judgement;
  Result<Project> project = find_project(options.project);
  if (!project) return tl::unexpected(RequestTrouble{kExitUsage, {project.error().message}});
  judgement.project = std::move(*project);
  const bool makes = !judgement.project.found() && makes_project(options.argv);

  const Clock::time_point load_start = Clock::now();
  auto loaded = load_policy(judgement.project.root, options.policy_file);
  if (!loaded)
    return tl::unexpected(RequestTrouble{kExitPolicyInvalid, std::move(loaded.error().lines)});
  judgement.metrics.load_us = microseconds_since(load_start);
  judgement.toolchain = find_toolchain(judgement.project.root);

  policy::Facts facts = gather_facts(options, judgement, loaded->policy);
  if (makes) facts.project_root = facts.cwd;
  const Clock::time_point decide_start = Clock::now();
  judgement.decision = decide(loaded->policy, options.argv, facts, options.detail);
  judgement.metrics.decide_ns = static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now() - decide_start).count());
  judgement.decision.id = new_run_id();
  judgement.decision.policy = loaded->identity;
  judgement.rules = loaded->policy;
  if (options.live) judgement.decision.confinement.mode = policy::RunMode::kLive;
  mention_untrusted(options, *loaded, facts, judgement);
  judgement.mix_exs = std::move(facts.mix_exs);
  check_paths(judgement.decision);
  if (makes) {
    if (auto narrowed = narrow_to_new_project(judgement); !narrowed)
      return tl::unexpected(RequestTrouble{kExitDenied, {narrowed.error().message}});
  }
  return judgement;
}

}  // namespace mixguard::guard
