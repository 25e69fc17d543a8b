// SPDX-License-Identifier: Apache-2.0
#include "guard/toolchain.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using mixguard::guard::find_toolchain;
using mixguard::guard::launch;
using mixguard::guard::Toolchain;

namespace {

// What the scripts themselves would run: bin/elixir prints its command line when it is asked to.
std::string dry_run(const std::string& command) {
  FILE* pipe = ::popen(("ELIXIR_CLI_DRY_RUN=1 " + command + " </dev/null 2>&1").c_str(), "re");
  REQUIRE(pipe != nullptr);
  std::string output;
  std::array<char, 4096> buffer{};
  while (std::fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
  ::pclose(pipe);
  return output;
}

// Ours, with the first word as the scripts write it.
std::string line_of(const std::vector<std::string>& argv) {
  std::string line = "erl";
  for (std::size_t i = 1; i < argv.size(); ++i) line += " " + argv[i];
  return line + "\n";
}

}  // namespace

TEST_CASE("the virtual machine is started with the very arguments that the scripts compute") {
  const Toolchain toolchain = find_toolchain("");
  if (!toolchain.recognised) {
    WARN("skipped, no recognised toolchain: " << toolchain.why_not);
    return;
  }
  CHECK(line_of(launch(toolchain, {"mix", "test", "--seed", "0"}, false, false).argv) ==
        dry_run("mix test --seed 0"));
  CHECK(line_of(launch(toolchain, {"iex", "-S", "mix"}, false, false).argv) ==
        dry_run("iex -S mix"));
  CHECK(line_of(launch(toolchain, {"iex", "-S", "mix", "run", "--no-start"}, false, false).argv) ==
        dry_run("iex -S mix run --no-start"));
}

TEST_CASE("an iex with other options goes through its script") {
  const Toolchain toolchain = find_toolchain("");
  if (toolchain.iex.path.empty()) return;
  CHECK(launch(toolchain, {"iex", "--sname", "a", "-S", "mix"}, false, false).program ==
        toolchain.iex.path);
}

TEST_CASE("a mix that others can write is not the toolchain's") {
  std::string directory = "/tmp/mixguard-toolchain-XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  std::ofstream(directory + "/mix") << "#!/bin/sh\n";
  ::chmod((directory + "/mix").c_str(), 0777);
  const std::string saved = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
  ::setenv("PATH", directory.c_str(), 1);
  CHECK(find_toolchain("").mix.path != directory + "/mix");
  ::setenv("PATH", saved.c_str(), 1);
  std::filesystem::remove_all(directory);
}

TEST_CASE("PATH does not choose among toolchains when the standard directories have one") {
  const Toolchain usual = find_toolchain("");
  if (usual.mix.path.empty()) return;
  std::string directory = "/tmp/mixguard-toolchain-XXXXXX";
  REQUIRE(::mkdtemp(directory.data()) != nullptr);
  std::ofstream(directory + "/mix") << "#!/bin/sh\n";
  ::chmod((directory + "/mix").c_str(), 0755);
  const std::string saved = std::getenv("PATH") == nullptr ? "" : std::getenv("PATH");
  ::setenv("PATH", (directory + ":" + saved).c_str(), 1);
  CHECK(find_toolchain("").mix.path == usual.mix.path);
  ::setenv("PATH", saved.c_str(), 1);
  std::filesystem::remove_all(directory);
}
