// SPDX-License-Identifier: Apache-2.0

// Somebody puts a symlink to elsewhere in the place of a directory of the project, at every step
// of a commit, a rollback and a recovery: elsewhere nothing changes. The control arm does the same
// to a commit by paths, which writes there.

#include <cstdio>

#include <catch2/catch.hpp>
#include <filesystem>

#include "guard/snapshot/rollback.hpp"
#include "tests/crash/support/scenario.hpp"
#include "tests/crash/support/victim.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::End;
using testing::killed_at;
using testing::paused_at;
using testing::Project;
using testing::Scenario;
using testing::TreeState;
using testing::World;
using testing::write_file;

// A directory elsewhere that looks like the project's own.
class Elsewhere {
 public:
  Elsewhere() {
    for (const char* name : {"a.ex", "gone.ex", "b.ex"}) there_.write(name, "not yours");
    testing::settle_times(there_.root());
    before_ = there_.state();
  }
  // False when the directory is not there.
  bool swap_in(const Project& project) const {
    if (!project.has("lib")) return false;
    fs::rename(project.at("lib"), project.at("lib.aside"));
    fs::create_directory_symlink(there_.root(), project.at("lib"));
    return true;
  }
  static void swap_out(const Project& project) {
    if (!fs::is_symlink(project.at("lib"))) return;
    fs::remove(project.at("lib"));
    fs::rename(project.at("lib.aside"), project.at("lib"));
  }
  [[nodiscard]] bool untouched() const { return there_.state() == before_; }

 private:
  Project there_;
  TreeState before_;
};

TEST_CASE("a symlink swapped in for a directory leads no commit and no rollback elsewhere") {
  testing::use_memory();
  const Scenario scenario =
      GENERATE(testing::commits(), testing::rollback_of_one(), testing::rollback_of_several());
  int swapped = 0;
  End end = End::kFailed;
  for (int step = 1; end != End::kUntouched; ++step) {
    INFO("swapped at step " << step);
    World project;
    const Elsewhere elsewhere;
    scenario.prepare(project);
    const auto swap = [&] { swapped += elsewhere.swap_in(project) ? 1 : 0; };
    end = paused_at(step, [&] { return scenario.act(project); }, swap);
    REQUIRE(elsewhere.untouched());
    REQUIRE(recover(project.store()));
    REQUIRE(elsewhere.untouched());
    // And what could not be done for it was done, or is done, once the directory is back.
    Elsewhere::swap_out(project);
    REQUIRE(recover(project.store())->empty());
    REQUIRE(elsewhere.untouched());
  }
  CHECK(swapped > 10);
}

TEST_CASE("a symlink swapped in after a kill does not lead the recovery elsewhere") {
  testing::use_memory();
  const Scenario scenario = GENERATE(testing::commits(), testing::rollback_of_several());
  int swapped = 0;
  bool killed = true;
  for (int step = 1; killed; ++step) {
    INFO("killed at step " << step);
    World project;
    const Elsewhere elsewhere;
    scenario.prepare(project);
    killed = killed_at(step, [&] { return scenario.act(project); });
    swapped += killed && elsewhere.swap_in(project) ? 1 : 0;
    REQUIRE(recover(project.store()));
    REQUIRE(elsewhere.untouched());
  }
  CHECK(swapped > 10);
}

TEST_CASE("control: a commit by paths follows the symlink") {
  testing::use_memory();
  World project;
  const Elsewhere elsewhere;
  project.write("lib/a.ex", "old");
  project.write("new.a.ex", "new");
  const auto by_path = [&] {
    testing::start_counting();
    return std::rename(project.at("new.a.ex").c_str(), project.at("lib/a.ex").c_str()) == 0;
  };
  REQUIRE(paused_at(1, by_path, [&] { elsewhere.swap_in(project); }) == End::kSucceeded);
  CHECK_FALSE(elsewhere.untouched());
}

}  // namespace
}  // namespace mixguard::guard
