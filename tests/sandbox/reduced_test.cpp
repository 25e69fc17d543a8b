// SPDX-License-Identifier: Apache-2.0
// Without user namespaces: Landlock and seccomp alone. Weaker, and what is weaker is said.
#include <unistd.h>

#include <catch2/catch.hpp>
#include <chrono>
#include <thread>

#include "support/box.hpp"
#include "support/mode.hpp"

using mixguard::sandbox::LayerReport;
using mixguard::sandbox::Outcome;
using mixguard::test::Box;
using mixguard::test::mode;
using mixguard::test::Probe;

namespace {

// Without Landlock there is no reduced mode, and nothing may run.
bool can_reduce(Box& box) {
  box.hide_user_namespaces();
  if (mode().landlock_abi > 0) return true;
  const Probe probe = box.run({"write", box.project("lib/ran")});
  CHECK_THAT(probe.error, Catch::Contains("landlock is required and not available"));
  CHECK_FALSE(Box::exists(box.project("lib/ran")));
  return false;
}

}  // namespace

TEST_CASE("reduced mode keeps files outside away and writes to what is allowed", "[reduced]") {
  Box box;
  if (!can_reduce(box)) return;
  CHECK(box.run({"read", box.path("outside/secret")}).refused());
  CHECK(box.run({"write", box.path("outside/secret")}).refused());
  CHECK(Box::read(box.path("outside/secret")) == "secret\n");
  CHECK(box.run({"write", box.project("mix.exs")}).refused());
  CHECK_FALSE(Box::exists(box.project("mix.exs")));
  CHECK(box.run({"write", box.project("lib/new.ex")}).worked());
  CHECK(Box::exists(box.project("lib/new.ex")));
  CHECK(box.run({"write", box.workspace.scratch + "/x"}).worked());
}

TEST_CASE("reduced mode still refuses namespaces, tracing and setuid bits", "[reduced]") {
  Box box;
  if (!can_reduce(box)) return;
  CHECK(box.run({"user_namespace"}).refused());
  CHECK(box.run({"trace_me"}).refused());
  CHECK(box.run({"setuid_bit", box.project("lib/suid")}).refused());
  CHECK(box.run({"exit_with", "37"}).outcome.code == 37);
}

TEST_CASE("reduced mode ends what the command left behind", "[reduced]") {
  Box box;
  if (!can_reduce(box)) return;
  REQUIRE(box.run({"survivor", box.project("lib/late")}).outcome.code == 0);
  std::this_thread::sleep_for(std::chrono::milliseconds(700));
  CHECK_FALSE(Box::exists(box.project("lib/late")));
}

TEST_CASE("a layer that the policy requires and the kernel lacks stops the run", "[reduced]") {
  using mixguard::policy::Requirement;
  mixguard::policy::Confinement confinement;
  confinement.safeguards = {{"user_namespaces", Requirement::kRequire}};
  mixguard::sandbox::KernelSupport kernel = mixguard::sandbox::probe_kernel();
  kernel.user_namespaces = false;
  kernel.user_namespaces_why = "hidden";
  kernel.user_namespaces_remedy = "show it";
  const auto layers = plan_layers(confinement, kernel);
  REQUIRE_FALSE(layers);
  CHECK(layers.error().message ==
        "the sandbox layer user_namespaces is required and not available: hidden; weaker: "
        "processes and the network are "
        "shared, files are confined by Landlock alone, changes are remembered by copying; to mend "
        "it: show it");
}

TEST_CASE("with neither namespaces nor Landlock nothing runs", "[reduced]") {
  mixguard::sandbox::KernelSupport kernel = mixguard::sandbox::probe_kernel();
  kernel.user_namespaces = false;
  kernel.landlock_abi = 0;
  kernel.landlock_why = "hidden";
  CHECK_FALSE(plan_layers({}, kernel));
}

TEST_CASE("what is weaker is in the report", "[reduced]") {
  mixguard::sandbox::KernelSupport kernel = mixguard::sandbox::probe_kernel();
  kernel.user_namespaces = false;
  kernel.user_namespaces_why = "hidden";
  if (kernel.landlock_abi == 0) return;
  const auto layers = plan_layers({}, kernel);
  REQUIRE(layers);
  CHECK(layers->front().state == LayerReport::State::kUnavailable);
  CHECK(layers->front().detail.find("weaker") != std::string::npos);
  CHECK_FALSE(has_private_view(*layers));
}

TEST_CASE("whoever insists on a namespace does not get the reduced mode", "[reduced]") {
  namespace sandbox = mixguard::sandbox;
  namespace policy = mixguard::policy;
  sandbox::KernelSupport kernel = sandbox::probe_kernel();
  kernel.user_namespaces = false;
  kernel.user_namespaces_why = "hidden by the test";
  for (const char* name :
       {"user_namespaces", "mount_namespace", "pid_namespace", "network_namespace", "overlay"}) {
    INFO(name);
    policy::Confinement confinement;
    confinement.safeguards = {{name, policy::Requirement::kRequire}};
    const auto layers = sandbox::plan_layers(confinement, kernel);
    REQUIRE_FALSE(layers);
    CHECK(layers.error().message.find("hidden by the test") != std::string::npos);
  }
}
