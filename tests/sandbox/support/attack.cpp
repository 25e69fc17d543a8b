// SPDX-License-Identifier: Apache-2.0
#include "attack.hpp"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

#include "verdict.hpp"

namespace mixguard::test {

void attack(Box& box, const Attack& attack) {
  INFO("attack " << attack.name);
  const auto happened = [&](const Probe& probe) {
    return attack.look ? probe.seen : attack.effect(probe);
  };
  if (!attack.without_control) {
    const Probe control = box.bare(attack.control.value_or(attack.arguments), attack.look);
    INFO("the control arm printed: " << control.output);
    REQUIRE(happened(control));
  }
  const Probe probe = box.run(attack.arguments, attack.look);
  INFO("the confined arm printed: " << probe.output);
  CHECK(probe.error == "");
  verdict(attack.name, happened(probe));
}

Effect prints(const std::string& text) {
  return [=](const Probe& probe) { return probe.output.find(text) != std::string::npos; };
}

Effect changes(const std::string& path) {
  const std::string before = Box::read(path);
  return [=](const Probe&) {
    if (Box::read(path) == before) return false;
    std::ofstream(path, std::ios::binary) << before;
    return true;
  };
}

Effect makes(const std::string& path) {
  return [=](const Probe&) { return std::filesystem::remove(path); };
}

Effect either(const Effect& a, const Effect& b) {
  return [=](const Probe& probe) {
    const bool first = a(probe);
    return b(probe) || first;
  };
}

Effect answers() {
  return [](const Probe& probe) { return probe.worked(); };
}

}  // namespace mixguard::test
