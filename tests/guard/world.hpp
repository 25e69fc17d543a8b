// SPDX-License-Identifier: Apache-2.0
#pragma once

// A place of its own for a test of what mixguard remembers outside of projects.

#include <unistd.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

namespace mixguard::guard::test {

// A state directory, a configuration directory and a project, and nothing of the real ones.
class World {
 public:
  World() {
    std::string name = "/tmp/mixguard-world-XXXXXX";
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    root = name;
    std::filesystem::create_directories(root + "/project");
    ::setenv("XDG_STATE_HOME", (root + "/state").c_str(), 1);
    ::setenv("XDG_CONFIG_HOME", (root + "/config").c_str(), 1);
  }
  ~World() {
    ::unsetenv("XDG_STATE_HOME");
    ::unsetenv("XDG_CONFIG_HOME");
    std::filesystem::remove_all(root);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  void write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories(std::filesystem::path(root + "/" + name).parent_path());
    std::ofstream(root + "/" + name) << text;
  }
  std::string root;
};

}  // namespace mixguard::guard::test
