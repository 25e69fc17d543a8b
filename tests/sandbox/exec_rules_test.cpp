// SPDX-License-Identifier: Apache-2.0
// Which programs may be started inside. Every verdict is the file that the program would have
// written, and every attack works without the rules.
#include <algorithm>
#include <catch2/catch.hpp>
#include <filesystem>
#include <string>
#include <vector>

#include "support/box.hpp"

using mixguard::test::Box;
using mixguard::test::full_sandbox_available;
using mixguard::test::Probe;
using mixguard::test::test_program;

namespace {

namespace sandbox = mixguard::sandbox;

const std::string kTool = test_program("exec_probe");

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
    program = kTool;
    exec.paths = {kTool};
    exec.judge = judge;
  }
  // What the tool wrote, when it ran in the overlay.
  std::string written() const { return read(upper("out")); }
  // Without the rules the attack works.
  std::string written_without_rules(const std::vector<std::string>& attack) {
    exec.judge = nullptr;
    run(attack);
    exec.judge = judge_;
    const std::string result = written();
    std::filesystem::remove(upper("out"));
    return result;
  }

 private:
  sandbox::ExecVerdict (*judge_)(const sandbox::ExecAttempt&);
};

std::size_t count(const std::string& text, const std::string& line) {
  std::size_t n = 0;
  for (std::size_t at = text.find(line); at != std::string::npos; at = text.find(line, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("a program that a rule allows runs, and with other words it does not", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(only_safe);
  box.run({"exec", kTool, "tool", "safe", "out"});
  CHECK(box.written() == "safe\n");
  const Probe refused = box.run({"exec", kTool, "tool", "evil", "out"});
  CHECK(box.written() == "safe\n");
  CHECK(refused.output == "Permission denied\n");
  REQUIRE(refused.outcome.exec.refusals.size() == 1);
  CHECK(refused.outcome.exec.refusals[0].why == "only the tool, and only with safe");
  CHECK(refused.outcome.exec.refusals[0].argv ==
        std::vector<std::string>{kTool, "tool", "evil", "out"});
  CHECK_FALSE(refused.outcome.exec.refusals[0].killed);
}

TEST_CASE("an exec that fails has its own error, and the process goes on", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(only_safe);
  const Probe probe = box.run({"misses", kTool, "tool", "safe", "out"});
  CHECK(probe.output.empty());
  CHECK(box.written() == "safe\n");
  CHECK(probe.outcome.exec.started == 1);
}

TEST_CASE("exec_ldso: the dynamic loader starts nothing, whatever it is given", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(no_evil);
  const std::vector<std::string> attack{"exec", "/lib64/ld-linux-x86-64.so.2", "/usr/bin/touch",
                                        "out"};
  box.run(attack);
  CHECK_FALSE(Box::exists(box.upper("out")));
  box.exec.judge = nullptr;
  box.run(attack);
  CHECK(Box::exists(box.upper("out")));
}

TEST_CASE("exec_memfd: a program without a name is not run", "[exec]") {
  if (!full_sandbox_available()) return;
  for (const char* way : {"memory", "memory_by_name", "unnamed"}) {
    INFO(way);
    ExecBox box(no_evil);
    const std::vector<std::string> attack{way, kTool, "tool", "evil", "out"};
    REQUIRE(box.written_without_rules(attack) == "evil\n");
    const Probe probe = box.run(attack);
    CHECK(box.written().empty());
    CHECK(probe.outcome.exec.refused == 1);
  }
}

TEST_CASE("exec_alias_path: copies, links and other names are the same program", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(no_evil);
  std::filesystem::create_symlink(kTool, box.project("linked"));
  const std::vector<std::vector<std::string>> attacks{
      {"copy", kTool, "tool", "evil", "out"},
      {"opened", kTool, "tool", "evil", "out"},
      {"exec", box.project("linked"), "tool", "evil", "out"},
      {"exec", "linked", "tool", "evil", "out"},
      {"exec", "/proc/self/root" + kTool, "tool", "evil", "out"},
      {"exec_as", "git", kTool, "tool", "evil", "out"},
  };
  for (const auto& attack : attacks) {
    INFO(attack[0] << ' ' << attack[1]);
    REQUIRE(box.written_without_rules(attack) == "evil\n");
    const Probe probe = box.run(attack);
    CHECK(box.written().empty());
    CHECK(probe.outcome.exec.refused == 1);
  }
}

TEST_CASE("exec_argv_race: words that change while they are looked at never pass", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(only_safe);
  REQUIRE(count(box.written_without_rules({"race", "2000", kTool, "out"}), "evil") > 0);
  const Probe probe = box.run({"race", "20000", kTool, "out"});
  const std::string written = box.written();
  INFO(probe.output << probe.outcome.exec.started << " started, " << probe.outcome.exec.refused
                    << " refused");
  CHECK(count(written, "evil") == 0);
  CHECK(count(written, "safe") > 1000);
  CHECK(count(written, "safe") == probe.outcome.exec.started);
  const auto& refusals = probe.outcome.exec.refusals;
  CHECK(std::any_of(refusals.begin(), refusals.end(), [](const auto& r) { return r.killed; }));
}

TEST_CASE("exec_argv_race: nor does a path", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(only_safe);
  const std::string other = box.project("other");
  std::filesystem::copy_file(kTool, other);
  const Probe probe = box.run({"path_race", "4000", kTool, other, "out"});
  CHECK(count(box.written(), "safe") == probe.outcome.exec.started);
  CHECK(probe.outcome.exec.started > 100);
  CHECK(probe.outcome.exec.refused > 100);
}

TEST_CASE("exec_thread_spawn: what is allowed runs from eight threads at once", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(only_safe);
  const Probe probe = box.run({"threads", "8", "200", kTool, "out"});
  CHECK(probe.output == "1600\n");
  CHECK(count(box.written(), "safe") == 1600);
}

TEST_CASE("exec_thread_spawn: threads of one process that execute at once end as one program",
          "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(only_safe);
  const Probe probe = box.run({"thread_exec", "200", kTool, "out"});
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

TEST_CASE("without user namespaces programs are judged all the same", "[exec][reduced]") {
  ExecBox box(only_safe);
  box.hide_user_namespaces = true;
  box.workspace.upper.clear();
  box.workspace.work.clear();
  box.workspace.live_writable = {box.project("lib")};
  box.workspace.binds.push_back({kTool, kTool});
  box.run({"exec", kTool, "tool", "safe", "lib/out"});
  CHECK(Box::read(box.project("lib/out")) == "safe\n");
  box.run({"exec", kTool, "tool", "evil", "lib/out"});
  box.run({"memory", kTool, "tool", "evil", "lib/out"});
  box.run({"undumpable", kTool, "tool", "evil", "lib/out"});
  CHECK(Box::read(box.project("lib/out")) == "safe\n");
}

TEST_CASE("exec_shell_nest: what a shell starts is judged, however deep", "[exec]") {
  if (!full_sandbox_available()) return;
  ExecBox box(no_evil);
  const std::string inner = kTool + " tool evil out";
  for (const std::vector<std::string>& attack : std::vector<std::vector<std::string>>{
           {"exec", "/bin/sh", "-c", inner},
           {"exec", "/bin/sh", "-c", "sh -c 'sh -c \"" + inner + "\"'"},
           {"exec", "/usr/bin/env", kTool, "tool", "evil", "out"},
           {"exec", "/usr/bin/find", "lib", "-maxdepth", "0", "-exec", kTool, "tool", "evil", "out",
            ";"},
           {"exec", "/bin/sh", "-c", "echo " + inner + " | xargs -I X sh -c X"}}) {
    INFO(attack[1] << ' ' << attack.back());
    REQUIRE(box.written_without_rules(attack) == "evil\n");
    CHECK(box.run(attack).outcome.exec.refused >= 1);
    CHECK(box.written().empty());
  }
}
