// SPDX-License-Identifier: Apache-2.0
// [limits]: what a run as a whole, and each of its processes, may take. Every bomb is bounded.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "sandbox/cgroup.hpp"
#include "support/box.hpp"
#include "support/mode.hpp"

using mixguard::sandbox::CgroupPlace;
using mixguard::sandbox::find_cgroup_place;
using mixguard::sandbox::Outcome;
using mixguard::sandbox::RunCgroup;
using mixguard::test::Box;
using mixguard::test::can_confine;
using mixguard::test::has_view;

namespace {

constexpr std::uint64_t kMib = 1 << 20;

// Both ways of confining, where the machine has them.
std::vector<bool> reduced_or_not() {
  using mixguard::test::Strength;
  const auto& mode = mixguard::test::mode();
  if (mode.strength == Strength::kRefuses) return {};
  if (mode.landlock_abi == 0) return {false};
  if (mode.strength == Strength::kFull) return {false, true};
  return {true};
}

bool ended_by(const mixguard::test::Probe& probe, const std::string& limit) {
  INFO(probe.error << probe.outcome.limit << probe.outcome.detail << probe.output);
  CHECK(probe.error.empty());
  CHECK(probe.outcome.kind == Outcome::Kind::kLimit);
  CHECK(probe.outcome.limit == limit);
  return probe.outcome.kind == Outcome::Kind::kLimit && probe.outcome.limit == limit;
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

}  // namespace

TEST_CASE("a run that touches 6 GiB is ended at its limit of memory", "[limits]") {
  for (const bool reduced : reduced_or_not()) {
    Box box;
    if (reduced) box.hide_user_namespaces();
    box.confinement.limits.memory = 128 * kMib;
    CHECK(ended_by(box.run({"touch_memory", "6144"}), "memory"));
    CHECK(box.run({"touch_memory", "64"}).worked());
  }
}

TEST_CASE("shared memory counts, and memory spread over processes", "[limits]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.limits.memory = 128 * kMib;
  CHECK(ended_by(box.run({"touch_shared_memory", "1024"}), "memory"));
  CHECK(ended_by(box.run({"touch_in_processes", "8", "32"}), "memory"));
}

TEST_CASE("pages that processes share count once", "[limits]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.limits.memory = 128 * kMib;
  CHECK(box.run({"share_with_children", "6", "64"}).worked());
}

TEST_CASE("a private /tmp holds no more than the limit of memory", "[limits]") {
  Box box;
  if (!has_view(box)) return;
  CHECK(box.run({"fill_file", "/tmp/large", "24"}).worked());
  box.confinement.limits.memory = 16 * kMib;
  CHECK(box.run({"fill_file", "/tmp/large", "24"}).refused());
}

TEST_CASE("a fork bomb is ended or contained, and nothing of it is left", "[limits]") {
  for (const bool reduced : reduced_or_not()) {
    Box box;
    if (reduced) box.hide_user_namespaces();
    box.confinement.limits.processes = 50;
    const auto start = std::chrono::steady_clock::now();
    const auto bomb = box.run({"fork_bomb", "2000"});
    INFO(bomb.error << bomb.outcome.detail);
    CHECK(bomb.error.empty());
    // As an ordinary user with namespaces, or in a cgroup, fork(2) fails at the limit; else the
    // supervisor counts.
    if (bomb.outcome.kind == Outcome::Kind::kLimit) {
      CHECK(bomb.outcome.limit == "processes");
    } else {
      CHECK(bomb.outcome.kind == Outcome::Kind::kExited);
    }
    CHECK(seconds_since(start) < 10);
    CHECK(std::stoi(box.run({"many_processes", "20"}).output) == 20);
  }
}

TEST_CASE("CPU time is that of the run as a whole", "[limits]") {
  for (const bool reduced : reduced_or_not()) {
    Box box;
    if (reduced) box.hide_user_namespaces();
    box.confinement.limits.cpu_ms = 500;
    CHECK(ended_by(box.run({"burn_in_processes", "4"}), "cpu"));
  }
}

TEST_CASE("a file beyond the limit of file size ends its writer", "[limits]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.limits.file_size = 4 * kMib;
  const auto probe = box.run({"fill_file", box.project("large"), "10240"});
  CHECK(probe.outcome.kind == Outcome::Kind::kSignaled);
  CHECK(probe.outcome.signal == SIGXFSZ);
  CHECK(std::filesystem::file_size(box.upper("large")) == 4 * kMib);
  CHECK(box.run({"fill_file", box.project("small"), "4"}).worked());
}

TEST_CASE("10^5 descriptors are not to be had", "[limits]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.limits.open_files = 64;
  CHECK(std::stoi(box.run({"many_descriptors", "100000"}).output) < 64);
}

TEST_CASE("output up to its limit passes unchanged, and one byte more ends the run", "[limits]") {
  for (const bool reduced : reduced_or_not()) {
    Box box;
    if (reduced) box.hide_user_namespaces();
    const std::string whole = box.run({"talk", "10240"}).output;
    CHECK(whole.size() >= 10 * kMib);
    box.confinement.limits.output = whole.size();
    const auto exact = box.run({"talk", "10240"});
    CHECK(exact.outcome.kind == Outcome::Kind::kExited);
    CHECK(exact.output == whole);
    box.confinement.limits.output = whole.size() - 1;
    const auto longer = box.run({"talk", "10240"});
    CHECK(ended_by(longer, "output"));
    CHECK(longer.output == whole.substr(0, whole.size() - 1));
  }
}

TEST_CASE("a reader that is gone ends a command with limited output as one without", "[limits]") {
  Box box;
  if (!has_view(box)) return;
  box.confinement.limits.output = 64 * kMib;
  int ends[2] = {};
  REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
  ::close(ends[0]);
  const int saved = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  ::dup2(ends[1], STDERR_FILENO);
  const auto probe = box.run({"talk", "10240", "stderr"});
  ::dup2(saved, STDERR_FILENO);
  ::close(saved);
  ::close(ends[1]);
  CHECK(probe.outcome.kind == Outcome::Kind::kSignaled);
  CHECK(probe.outcome.signal == SIGPIPE);
}

// ---- cgroups
// --------------------------------------------------------------------------------------------------

namespace {

// A hierarchy as find_cgroup_place() looks at it.
class Hierarchy {
 public:
  explicit Hierarchy(const Box& box) : root_(box.path("cgroup")) { add("", "memory pids", "", ""); }

  void add(const std::string& path, const std::string& controllers, const std::string& passed_on,
           const std::string& processes) {
    std::filesystem::create_directories(root_ + path);
    write(path + "/cgroup.controllers", controllers);
    write(path + "/cgroup.subtree_control", passed_on);
    write(path + "/cgroup.procs", processes);
    if (!path.empty()) write(path + "/cgroup.type", "domain\n");
  }
  [[nodiscard]] CgroupPlace place(const std::string& own) const {
    return find_cgroup_place(root_, own);
  }
  [[nodiscard]] const std::string& root() const { return root_; }

 private:
  void write(const std::string& path, const std::string& text) const {
    std::ofstream(root_ + path) << text;
  }
  std::string root_;
};

// Skips with the reason when no cgroup with controllers is delegated.
bool cgroup_available() {
  const CgroupPlace place = find_cgroup_place();
  if (!place.parent.empty()) return true;
  const char* must = std::getenv("MIXGUARD_MUST_CGROUP");
  if (must != nullptr && std::string(must) == "1") FAIL("MIXGUARD_MUST_CGROUP=1 and " << place.why);
  WARN("skipped, cgroup: " << place.why);
  return false;
}

}  // namespace

TEST_CASE("a cgroup is only made where one is delegated and can pass controllers on",
          "[limits][cgroup]") {
  if (::access("/run/systemd/system", F_OK) == 0) {
    WARN("skipped, systemd marks what it delegates, and a test's directory has no such mark");
    return;
  }
  const Box box;
  Hierarchy hierarchy(box);
  const std::string self = std::to_string(::getpid()) + "\n";
  CHECK(hierarchy.place("/").parent == hierarchy.root());

  hierarchy.add("/alone", "memory pids", "", self);
  CHECK(hierarchy.place("/alone").parent == hierarchy.root() + "/alone");
  CHECK(hierarchy.place("/alone").leave_first);

  hierarchy.add("/shared", "cpu memory pids", "", self + "1\n");
  CHECK(hierarchy.place("/shared").parent.empty());
  CHECK(hierarchy.place("/shared").why.find("share") != std::string::npos);

  hierarchy.add("/inner", "memory pids", "memory pids", "");
  hierarchy.add("/inner/leaf", "memory pids", "", self + "1\n");
  CHECK(hierarchy.place("/inner/leaf").parent == hierarchy.root() + "/inner");
  CHECK_FALSE(hierarchy.place("/inner/leaf").leave_first);

  hierarchy.add("/few", "cpu io", "", self);
  CHECK(hierarchy.place("/few").why.find("memory and pids") != std::string::npos);

  hierarchy.add("/foreign", "memory pids", "", self);
  std::filesystem::permissions(hierarchy.root() + "/foreign/cgroup.procs",
                               std::filesystem::perms::none);
  if (::geteuid() != 0)
    CHECK(hierarchy.place("/foreign").why.find("delegated") != std::string::npos);
}

TEST_CASE("a policy that requires a cgroup stops where none is to be had", "[limits][cgroup]") {
  if (!find_cgroup_place().parent.empty()) return;
  Box box;
  if (!can_confine(box)) return;
  box.confinement.safeguards = {{"cgroup", mixguard::policy::Requirement::kRequire}};
  CHECK(box.run({"exit_with", "0"}).error.find("cgroup is required") != std::string::npos);
}

TEST_CASE("a run with limits is in a cgroup of its own, which is gone afterwards",
          "[limits][cgroup]") {
  if (!cgroup_available()) return;
  Box box;
  box.confinement.limits.memory = 64 * kMib;
  const std::string name = "mixguard-" + std::to_string(::getpid());
  CHECK(box.run({"own_cgroup"}).output.find(name + "\n") != std::string::npos);
  CHECK_FALSE(Box::exists(find_cgroup_place().parent + "/" + name));
}

TEST_CASE("in a cgroup the kernel ends a run that is out of memory", "[limits][cgroup]") {
  if (!cgroup_available()) return;
  Box box;
  box.confinement.limits.memory = 64 * kMib;
  const auto probe = box.run({"touch_memory", "6144"});
  CHECK(ended_by(probe, "memory"));
  CHECK(probe.outcome.detail == "all of 64MiB");
}

TEST_CASE("in a cgroup a process beyond the limit cannot be made, by root either",
          "[limits][cgroup]") {
  if (!cgroup_available()) return;
  Box box;
  box.confinement.limits.processes = 20;
  CHECK(box.run({"many_processes", "100"}).output == "19\n");
}
