// SPDX-License-Identifier: Apache-2.0
// Built without the precompiled header: a listener needs more of Catch than the tests do.
#define CATCH_CONFIG_EXTERNAL_INTERFACES
#include "verdict.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <iostream>
#include <span>
#include <string_view>
#include <vector>

#include "mode.hpp"
#include "policy/pattern.hpp"

namespace mixguard::test {
namespace {

struct Registry {
  int tried = 0;
  std::vector<std::string> open;
  std::vector<std::string> not_tried;
};
Registry& registry() {
  static Registry all;
  return all;
}

struct Declared {
  std::string_view attack;
  std::string_view why;
  int closed_from_abi = 1000;  // of Landlock
};

// What namespaces and seccomp alone do not hold.
constexpr Declared kOpenWithoutLandlock[] = {
    {"fs_fd_inheritance/reopened", "/proc/self/fd leads to the host's mount of what was given"},
};

// What Landlock and seccomp alone do not hold.
constexpr Declared kOpenWhenReduced[] = {
    {"fs_home_write_persist/mode", "Landlock does not restrict chmod(2)"},
    {"fs_hardlink_preexisting/*", "files are written in place, whatever other names they have"},
    {"net_tcp_loopback/at_*", "Landlock restricts no TCP", 4},
    {"net_serve/any_address", "there is one network"},
    {"proc_outside/kill_*", "Landlock scopes no signals", 6},
    {"proc_outside/queue_signal", "Landlock scopes no signals", 6},
    {"proc_survivor/init_killed", "Landlock scopes no signals", 6},
    {"proc_outside/comm", "there is one /proc"},
    {"proc_outside/status", "there is one /proc"},
};

bool covers(const Declared& declared, std::string_view attack) {
  if (mode().landlock_abi >= declared.closed_from_abi) return false;
  return policy::glob_matches(declared.attack, attack);
}

bool declared_open(const std::string& attack) {
  const auto in = [&](std::span<const Declared> list) {
    return std::any_of(list.begin(), list.end(),
                       [&](const Declared& declared) { return covers(declared, attack); });
  };
  return (mode().landlock_abi == 0 && in(kOpenWithoutLandlock)) ||
         (mode().strength == Strength::kReduced && in(kOpenWhenReduced));
}

std::string running_test() {
  const std::string name = Catch::getResultCapture().getCurrentTestName();
  return name.substr(0, name.find(':'));
}

void list(const char* title, const std::vector<std::string>& names) {
  if (names.empty()) return;
  std::cout << title;
  for (std::size_t i = 0; i < names.size(); ++i) std::cout << (i == 0 ? " (" : ", ") << names[i];
  std::cout << ")";
}

class Count : public Catch::TestEventListenerBase {
 public:
  using TestEventListenerBase::TestEventListenerBase;
  void testRunEnded(const Catch::TestRunStats&) override {
    const Registry& all = registry();
    if (all.tried == 0 && all.not_tried.empty()) return;
    std::cout << "open probes: " << all.open.size();
    list("", all.open);
    std::cout << "; " << all.tried << " attacks tried";
    list("; not tried here:", all.not_tried);
    std::cout << "; open because the BEAM needs them: socketpair, loopback bind" << std::endl;
  }
};

}  // namespace

void verdict(const std::string& attack, bool open) {
  const std::string name = running_test() + "/" + attack;
  ++registry().tried;
  if (open) registry().open.push_back(name);
  INFO("attack " << name);
  CHECK(open == declared_open(name));
}

void not_tried_here() {
  const std::string name = running_test();
  std::vector<std::string>& names = registry().not_tried;
  if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
}

CATCH_REGISTER_LISTENER(Count)

}  // namespace mixguard::test
