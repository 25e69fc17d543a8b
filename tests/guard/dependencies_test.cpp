// SPDX-License-Identifier: Apache-2.0
#include "guard/dependencies.hpp"

#include <catch2/catch.hpp>

#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

using testing::Project;

std::string mix_exs(const std::string& project) {
  return "defmodule M do\n  use Mix.Project\n  def project, do: [app: :m, " + project + "]\nend\n";
}

TEST_CASE("a dependency is where mix.exs says, of an umbrella's apps too") {
  Project project;
  project.write("mix.exs", mix_exs(R"(apps_path: "apps", deps: [{:tool, path: "./vendor/tool/"},
                                      {:far, path: "../far"}, {:self, path: "."}])"));
  project.write("apps/shop/mix.exs",
                mix_exs(R"(deps: [{:core, in_umbrella: true}, {:near, path: "../../near"}])"));
  const auto choose = [&](const std::string& name) {
    return choose_dependencies(project.root(), {name});
  };
  CHECK(choose("tool")->front().directory == "vendor/tool");
  CHECK(choose("core")->front().directory == "apps/core");
  CHECK(choose("near")->front().directory == "near");
  CHECK(choose("jason")->front().directory.empty());
  CHECK(choose("jason")->front().name == "jason");
  for (const std::string name : {"far", "self"}) {
    const auto outside = choose(name);
    REQUIRE_FALSE(outside);
    CHECK(outside.error().message.find("not in the project") != std::string::npos);
  }
}

TEST_CASE("what is no name of a dependency cannot be taken for a path") {
  CHECK(is_dependency_name("phoenix_html"));
  CHECK(is_dependency_name("Ecto2"));
  for (const std::string name : {"", "../a", "a/b", "-a", "2a", "a*", "a.b"}) {
    CAPTURE(name);
    CHECK_FALSE(is_dependency_name(name));
  }
}

}  // namespace
}  // namespace mixguard::guard
