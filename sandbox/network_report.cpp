// SPDX-License-Identifier: Apache-2.0
#include "sandbox/network_report.hpp"

namespace mixguard::sandbox {

void NetworkReport::add_refused(const std::string& destination, const std::string& why) {
  for (Refused& known : refused) {
    if (known.destination != destination) continue;
    ++known.count;
    return;
  }
  if (refused.size() < kNamed) {
    refused.push_back({destination, why, 1});
  } else {
    ++more_refused;
  }
}

}  // namespace mixguard::sandbox
