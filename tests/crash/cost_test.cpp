// SPDX-License-Identifier: Apache-2.0

// What a commit costs follows from how many things it does, not from how much lies in them.

#include <catch2/catch.hpp>
#include <string>

#include "guard/snapshot/transaction.hpp"
#include "tests/crash/support/disk.hpp"
#include "tests/crash/support/scenario.hpp"
#include "tests/crash/support/victim.hpp"

namespace mixguard::guard {
namespace {

using testing::changes_of;
using testing::Project;

bool delete_deps(const Project& project) {
  const auto fill = [](const Transaction& run) { testing::whiteout(run.upper() + "/deps"); };
  return testing::commit_filled(project, {"test", {"**"}}, fill, testing::start_counting);
}

struct Cost {
  int commit = 0;
  int rollback = 0;
};

Cost cost_of_deleting(int files) {
  Project project;
  for (int i = 0; i < files; ++i)
    project.write("deps/d" + std::to_string(i % 10) + "/" + std::to_string(i), "x");
  Cost cost;
  cost.commit = changes_of([&] { return delete_deps(project); });
  REQUIRE_FALSE(project.has("deps"));
  cost.rollback = changes_of([&] { return testing::roll_back(project); });
  REQUIRE(project.has("deps/d7/7"));
  return cost;
}

TEST_CASE("a directory that is deleted goes and comes back by one rename, whatever is in it") {
  if (!testing::can_cut_power()) return;  // it takes mounts of one's own to say what is dirty
  testing::use_memory();
  const testing::SeenAsDirty little(false);
  const Cost few = cost_of_deleting(10);
  const Cost many = cost_of_deleting(1000);
  REQUIRE(few.commit > 5);
  REQUIRE(few.rollback > 5);
  // Waiting for the file system's clock may take some calls more.
  CHECK(many.commit <= few.commit + 5);
  CHECK(many.rollback <= few.rollback + 5);
}

}  // namespace
}  // namespace mixguard::guard
