// SPDX-License-Identifier: Apache-2.0
#include "guard/housekeeping.hpp"

#include <sys/stat.h>

#include <array>
#include <catch2/catch.hpp>

#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/rollback.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

using testing::Project;

constexpr std::int64_t kDay = 86'400LL * 1'000'000;  // microseconds

policy::Policy rules(const std::string& system, const std::string& project) {
  std::vector<policy::Ruleset> layers;
  for (const auto& [text, layer] :
       {std::pair(system, policy::Layer::kSystem), std::pair(project, policy::Layer::kProject)}) {
    auto ruleset = policy::parse_ruleset("version = 1\n" + text, "p.toml", layer);
    REQUIRE(ruleset);
    layers.push_back(std::move(*ruleset));
  }
  auto policy = policy::Policy::build(std::move(layers));
  REQUIRE(policy);
  return std::move(*policy);
}

// A run that is over, of so many days ago.
std::string old_run(const Project& project, const Store& store, std::int64_t days) {
  const std::string id =
      first_run_id_at(microseconds_now() - days * kDay) + new_run_id().substr(13);
  auto preimage = Preimage::capture(store, id, {"lib"});
  REQUIRE(preimage);
  project.write("lib/a.ex", id);
  REQUIRE(preimage->keep(store));
  return id;
}

// As if the last time had been so long ago.
void let_pass(const Project& project, std::int64_t days) {
  const std::array<timespec, 2> times{timespec{0, UTIME_OMIT},
                                      timespec{(microseconds_now() - days * kDay) / 1'000'000, 0}};
  REQUIRE(::utimensat(AT_FDCWD, project.at(".mixguard/pruned").c_str(), times.data(), 0) == 0);
}

std::vector<std::string> runs(const Store& store) { return store.runs().value(); }

TEST_CASE("of several layers the strictest retention counts, and without one 90 days") {
  const auto none = retention_of(rules("", ""));
  CHECK(none.age_ms == 90ULL * 86'400'000);
  CHECK_FALSE(none.count);
  const auto both = retention_of(
      rules("[retention]\ncount = 5\nage = '2d'", "[retention]\ncount = 7\nage = '1d'\nsize = 9"));
  CHECK(both.count == 5U);
  CHECK(both.age_ms == 86'400'000U);
  CHECK(both.bytes == 9U);
}

TEST_CASE("once a day what is too old is forgotten, and never the newest 20") {
  Project project;
  project.write("lib/a.ex", "first");
  const Store store = project.store();
  std::vector<std::string> ids;
  for (std::int64_t i = 0; i < 25; ++i) ids.push_back(old_run(project, store, 200 - i));
  const policy::Policy policy = rules("", "");
  // The first command of all makes the mark.
  REQUIRE(keep_house(store, policy));
  CHECK(runs(store) == ids);
  REQUIRE(keep_house(store, policy));
  CHECK(runs(store) == ids);
  let_pass(project, 2);
  const auto pruned = keep_house(store, policy);
  REQUIRE(pruned);
  CHECK(pruned->removed == std::vector<std::string>(ids.begin(), ids.begin() + 5));
  CHECK(runs(store) == std::vector<std::string>(ids.begin() + 5, ids.end()));
  // Not again on that day; a mark from the future is of a clock that was wrong.
  old_run(project, store, 1);
  CHECK(keep_house(store, policy)->removed.empty());
  let_pass(project, -2);
  CHECK(keep_house(store, policy)->removed == std::vector<std::string>{ids[5]});
}

TEST_CASE("after a clock was set back the last run is still the last") {
  Project project;
  project.write("lib/a.ex", "first");
  const Store store = project.store();
  const std::string ahead = old_run(project, store, -1);
  const auto next = store.next_id();
  REQUIRE(next);
  CHECK(*next > ahead);
  CHECK(*next != store.next_id().value());
  auto preimage = Preimage::capture(store, *next, {"lib"});
  REQUIRE(preimage);
  project.write("lib/a.ex", "last");
  REQUIRE(preimage->keep(store));
  const auto undone = rollback(store, "last", {});
  REQUIRE(undone);
  CHECK(project.read("lib/a.ex") == ahead);
  CHECK(undone->undo_id > *next);
}

}  // namespace
}  // namespace mixguard::guard
