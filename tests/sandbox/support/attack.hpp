// SPDX-License-Identifier: Apache-2.0
#pragma once

// An attack in two arms: first without the sandbox, where it has to succeed, then confined. Whether
// it succeeded is seen outside both times.

#include <functional>
#include <optional>
#include <string>

#include "box.hpp"

namespace mixguard::test {

// Seen outside after the probe ended; takes the effect back, so that the other arm starts afresh.
using Effect = std::function<bool(const Probe&)>;

struct Attack {
  std::string name;
  Arguments arguments;
  Effect effect;
  Look look = {};                         // instead of `effect`: seen while the probe is held
  std::optional<Arguments> control = {};  // where the arms differ
  bool without_control = false;           // the caller says why
};

void attack(Box& box, const Attack& attack);

[[nodiscard]] Effect prints(const std::string& text);
// The file is not what it was; it is put back in place, for links and descriptors to stay what they
// are.
[[nodiscard]] Effect changes(const std::string& path);
// There is a file of that name; it is removed.
[[nodiscard]] Effect makes(const std::string& path);
[[nodiscard]] Effect either(const Effect& a, const Effect& b);
// For calls that leave nothing to see outside: their own answer.
[[nodiscard]] Effect answers();

}  // namespace mixguard::test
