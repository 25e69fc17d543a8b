// SPDX-License-Identifier: Apache-2.0

// From every call on that takes space there is none left, or the quota is used up, or the disk is
// broken: the commit, the rollback or the recovery says so, nothing is lost, and with space again
// the project is the one from before or the one from after.

#include <catch2/catch.hpp>
#include <cerrno>

#include "guard/snapshot/rollback.hpp"
#include "tests/crash/support/scenario.hpp"
#include "tests/crash/support/victim.hpp"

namespace mixguard::guard {
namespace {

using testing::changes_of;
using testing::check_sound;
using testing::End;
using testing::failing_from;
using testing::finished_state;
using testing::killed_at;
using testing::Scenario;
using testing::TreeState;
using testing::World;

constexpr int kErrors[] = {ENOSPC, EDQUOT, EIO};

// Recovery without space first: it may not finish, and must not make it worse.
void check_recovers(const World& project, int error, const TreeState& before,
                    const TreeState& after, testing::Times times) {
  failing_from(1, error, [&] { return testing::recover_all(project); });
  check_sound(project, before, after, times);
}

void sweep(const Scenario& scenario) {
  testing::use_memory();
  const TreeState after = finished_state(scenario);
  int failed = 0;
  End end = End::kFailed;
  for (int step = 1; end != End::kUntouched; ++step) {
    const int error = kErrors[step % 3];
    INFO("step " << step << ", error " << error);
    World project;
    scenario.prepare(project);
    const TreeState before = project.state(scenario.times);
    end = failing_from(step, error, [&] { return scenario.act(project); });
    // What is said to be done is done, before any recovery.
    failed += end == End::kFailed ? 1 : 0;
    if (end == End::kSucceeded) REQUIRE(project.state(scenario.times) == after);
    check_recovers(project, error, before, after, scenario.times);
  }
  CHECK(failed > 10);
}

TEST_CASE("a commit without space leaves the tree from before or from after") {
  sweep(testing::commits());
}

TEST_CASE("a rollback without space leaves the tree from before or from after") {
  sweep(GENERATE(testing::rollback_of_one(), testing::rollback_of_paths()));
}

TEST_CASE("a rollback of several runs without space leaves one of two trees") {
  sweep(GENERATE(testing::rollback_of_several(), testing::undoing_of_several()));
}

TEST_CASE("a recovery that has no space at some step leaves one of two trees") {
  testing::use_memory();
  const Scenario scenario = testing::commits();
  const TreeState after = finished_state(scenario);
  // Killed in the midst of its renames.
  int changes = 0;
  {
    World project;
    scenario.prepare(project);
    changes = changes_of([&] { return scenario.act(project); });
  }
  int failed = 0;
  End end = End::kFailed;
  for (int step = 1; end != End::kUntouched; ++step) {
    INFO("step " << step);
    World project;
    scenario.prepare(project);
    const TreeState before = project.state();
    REQUIRE(killed_at(changes / 2, [&] { return scenario.act(project); }));
    end = failing_from(step, kErrors[step % 3], [&] { return testing::recover_all(project); });
    failed += end == End::kFailed ? 1 : 0;
    check_sound(project, before, after, scenario.times);
  }
  CHECK(failed > 5);
}

}  // namespace
}  // namespace mixguard::guard
