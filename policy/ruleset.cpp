// SPDX-License-Identifier: Apache-2.0
#include "policy/ruleset.hpp"

namespace mixguard::policy {

std::string_view to_string(Layer layer) {
  switch (layer) {
    case Layer::kBuiltin:
      return "builtin";
    case Layer::kSystem:
      return "system";
    case Layer::kUser:
      return "user";
    case Layer::kProject:
      return "project";
  }
  return "project";
}

std::string PolicyError::to_string() const {
  return file + ":" + std::to_string(line) + ":" + std::to_string(column) + ": " + what;
}

}  // namespace mixguard::policy
