// SPDX-License-Identifier: Apache-2.0
// Which programs may be started inside. Every verdict is the file that the program would have
// written, and every attack works without the rules.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "support/box.hpp"
#include "support/mode.hpp"
#include "support/verdict.hpp"

using mixguard::test::Box;
using mixguard::test::can_confine;
using mixguard::test::not_tried_here;
using mixguard::test::Probe;
using mixguard::test::verdict;

namespace {

namespace sandbox = mixguard::sandbox;

const std::string& kTool = Box::probe();

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// The tool may be run with "safe", and nothing else may be run at all.
sandbox::ExecVerdict only_safe(const sandbox::ExecAttempt& attempt) {
  const bool is_safe =
      attempt.argv.size() > 2 && attempt.argv[1] == "tool" && attempt.argv[2] == "safe";
  return {has(attempt.same, kTool) && is_safe, "only the tool, and only with safe", "", {}};
}
// Everything may be run but the tool with "evil", whatever it is called.
sandbox::ExecVerdict no_evil(const sandbox::ExecAttempt& attempt) {
  if (attempt.is_loader) return {false, "loads anything", "", {}};
  if (attempt.is_nameless) return {false, "has no name", "", {}};
  const bool is_tool = has(attempt.same, kTool) || has(attempt.copies, kTool);
  return {!is_tool || !has(attempt.argv, "evil"), "not with evil", "", {}};
}

class ExecBox : public Box {
 public:
  explicit ExecBox(sandbox::ExecVerdict (*judge)(const sandbox::ExecAttempt&)) : judge_(judge) {
    exec.paths = {kTool};
    exec.judge = judge;
  }
  // What the tool wrote, when it ran in the overlay.
  std::string written() const { return read(landed("out")); }
  // Without the rules the attack works.
  std::string written_without_rules(const std::vector<std::string>& attack) {
    exec.judge = nullptr;
    run(attack);
    exec.judge = judge_;
    const std::string result = written();
    std::filesystem::remove(landed("out"));
    return result;
  }

 private:
  sandbox::ExecVerdict (*judge_)(const sandbox::ExecAttempt&);
};

// Nothing to say where programs cannot be compared: such rules then stop the run (sandbox.e2e).
bool can_judge(Box& box) {
  if (!can_confine(box)) return false;
  if (!box.kernel.exec_events) not_tried_here();
  return box.kernel.exec_events;
}

std::size_t count(const std::string& text, const std::string& line) {
  std::size_t n = 0;
  for (std::size_t at = text.find(line); at != std::string::npos; at = text.find(line, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("a program that a rule allows runs, and with other words it does not", "[exec]") {
  ExecBox box(only_safe);
  if (!can_judge(box)) return;
  box.run({"start", kTool, "tool", "safe", "lib/out"});
  CHECK(box.written() == "safe\n");
  const Probe refused = box.run({"start", kTool, "tool", "evil", "lib/out"});
  CHECK(box.written() == "safe\n");
  CHECK(refused.output == "refused: Permission denied\n");
  REQUIRE(refused.outcome.exec.refusals.size() == 1);
  CHECK(refused.outcome.exec.refusals[0].why == "only the tool, and only with safe");
  CHECK(refused.outcome.exec.refusals[0].argv ==
        std::vector<std::string>{kTool, "tool", "evil", "lib/out"});
  CHECK_FALSE(refused.outcome.exec.refusals[0].killed);
}

TEST_CASE("an exec that fails has its own error, and the process goes on", "[exec]") {
  ExecBox box(only_safe);
  if (!can_judge(box)) return;
  const Probe probe = box.run({"execute_after_misses", kTool, "tool", "safe", "lib/out"});
  CHECK(probe.output.empty());
  CHECK(box.written() == "safe\n");
  CHECK(probe.outcome.exec.started == 1);
}

TEST_CASE("exec_ldso: the dynamic loader starts nothing, whatever it is given", "[exec]") {
  ExecBox box(no_evil);
  if (!can_judge(box)) return;
  const std::vector<std::string> attack{"start", "/lib64/ld-linux-x86-64.so.2", "/usr/bin/touch",
                                        "lib/out"};
  box.run(attack);
  verdict("loader", Box::exists(box.landed("out")));
  box.exec.judge = nullptr;
  box.run(attack);
  CHECK(Box::exists(box.landed("out")));
}

TEST_CASE("exec_memfd: a program without a name is not run", "[exec]") {
  for (const char* way : {"execute_memory", "execute_memory_by_name", "execute_unnamed"}) {
    INFO(way);
    ExecBox box(no_evil);
    if (!can_judge(box)) return;
    const std::vector<std::string> attack{way, kTool, "tool", "evil", "lib/out"};
    REQUIRE(box.written_without_rules(attack) == "evil\n");
    const Probe probe = box.run(attack);
    verdict(way, !box.written().empty());
    CHECK(probe.outcome.exec.refused == 1);
  }
}

TEST_CASE("exec_alias_path: copies, links and other names are the same program", "[exec]") {
  ExecBox box(no_evil);
  if (!can_judge(box)) return;
  std::filesystem::create_symlink(kTool, box.project("lib/linked"));
  const std::vector<std::vector<std::string>> attacks{
      {"execute_copy", kTool, "tool", "evil", "lib/out"},
      {"execute_opened", kTool, "tool", "evil", "lib/out"},
      {"start", box.project("lib/linked"), "tool", "evil", "lib/out"},
      {"start", "lib/linked", "tool", "evil", "lib/out"},
      {"start", "/proc/self/root" + kTool, "tool", "evil", "lib/out"},
      {"execute_as", "git", kTool, "tool", "evil", "lib/out"},
  };
  for (const auto& attack : attacks) {
    INFO(attack[0] << ' ' << attack[1]);
    REQUIRE(box.written_without_rules(attack) == "evil\n");
    const Probe probe = box.run(attack);
    verdict(attack[0] + "_" + attack[1], !box.written().empty());
    CHECK(probe.outcome.exec.refused == 1);
  }
}

TEST_CASE("exec_argv_race: words that change while they are looked at never pass", "[exec]") {
  ExecBox box(only_safe);
  if (!can_judge(box)) return;
  REQUIRE(count(box.written_without_rules({"race_word", "2000", kTool, "lib/out"}), "evil") > 0);
  // All of them once as root and once as a user; a tenth where features are hidden besides.
  const bool whole = std::getenv("MIXGUARD_HIDDEN") == nullptr;
  const Probe probe = box.run({"race_word", whole ? "20000" : "2000", kTool, "lib/out"});
  const std::string written = box.written();
  INFO(probe.output << probe.outcome.exec.started << " started, " << probe.outcome.exec.refused
                    << " refused");
  verdict("words", count(written, "evil") != 0);
  CHECK(count(written, "safe") > 100);
  CHECK(count(written, "safe") == probe.outcome.exec.started);
  const auto& refusals = probe.outcome.exec.refusals;
  CHECK(std::any_of(refusals.begin(), refusals.end(), [](const auto& r) { return r.killed; }));
}

TEST_CASE("exec_argv_race: nor does a path", "[exec]") {
  ExecBox box(only_safe);
  if (!can_judge(box)) return;
  const std::string other = box.project("lib/other");
  std::filesystem::copy_file(kTool, other);
  const Probe probe = box.run({"race_path", "2000", kTool, other, "lib/out"});
  CHECK(count(box.written(), "safe") == probe.outcome.exec.started);
  CHECK(probe.outcome.exec.started > 100);
  CHECK(probe.outcome.exec.refused > 100);
}

TEST_CASE("exec_thread_spawn: what is allowed runs from eight threads at once", "[exec]") {
  ExecBox box(only_safe);
  if (!can_judge(box)) return;
  const Probe probe = box.run({"spawn_from_threads", "8", "200", kTool, "lib/out"});
  CHECK(probe.output == "1600\n");
  CHECK(count(box.written(), "safe") == 1600);
}

TEST_CASE("exec_thread_spawn: threads of one process that execute at once end as one program",
          "[exec]") {
  ExecBox box(only_safe);
  if (!can_judge(box)) return;
  const Probe probe = box.run({"execute_from_threads", "200", kTool, "lib/out"});
  CHECK(probe.output == "200\n");
  CHECK(count(box.written(), "safe") == 200);
}

TEST_CASE("a policy with rules for children does not run where they cannot be enforced", "[exec]") {
  namespace policy = mixguard::policy;
  sandbox::KernelSupport kernel = sandbox::probe_kernel();
  kernel.exec_events = false;
  kernel.exec_events_why = "hidden by the test";
  policy::Confinement confinement;
  CHECK(sandbox::plan_layers(confinement, kernel));
  confinement.exec = {"git-read"};
  const auto refused = sandbox::plan_layers(confinement, kernel);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().message.find("exec_rules is required and not available") !=
        std::string::npos);
  confinement.safeguards = {{"exec_rules", policy::Requirement::kIfAvailable}};
  const auto layers = sandbox::plan_layers(confinement, kernel);
  REQUIRE(layers);
  CHECK(std::any_of(layers->begin(), layers->end(), [](const sandbox::LayerReport& layer) {
    return layer.name == "exec_rules" && layer.state == sandbox::LayerReport::State::kUnavailable;
  }));
}

TEST_CASE("a process that may not be looked into starts nothing that is forbidden", "[exec]") {
  for (const bool reduced : {false, true}) {
    ExecBox box(only_safe);
    if (reduced) box.hide_user_namespaces();
    if (!can_judge(box)) return;
    box.run({"execute_undumpable", kTool, "tool", "evil", "lib/out"});
    verdict(reduced ? "undumpable_reduced" : "undumpable", !box.written().empty());
  }
}

TEST_CASE("exec_shell_nest: what a shell starts is judged, however deep", "[exec]") {
  ExecBox box(no_evil);
  if (!can_judge(box)) return;
  const std::string inner = kTool + " tool evil lib/out";
  int tried = 0;
  for (const std::vector<std::string>& attack : std::vector<std::vector<std::string>>{
           {"start", "/bin/sh", "-c", inner},
           {"start", "/bin/sh", "-c", "sh -c 'sh -c \"" + inner + "\"'"},
           {"start", "/usr/bin/env", kTool, "tool", "evil", "lib/out"},
           {"start", "/usr/bin/find", "lib", "-maxdepth", "0", "-exec", kTool, "tool", "evil",
            "lib/out", ";"},
           {"start", "/bin/sh", "-c", "echo " + inner + " | xargs -I X sh -c X"}}) {
    INFO(attack[1] << ' ' << attack.back());
    REQUIRE(box.written_without_rules(attack) == "evil\n");
    CHECK(box.run(attack).outcome.exec.refused >= 1);
    verdict(attack[1] + "_" + std::to_string(++tried), !box.written().empty());
  }
}
