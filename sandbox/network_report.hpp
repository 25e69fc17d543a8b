// SPDX-License-Identifier: Apache-2.0
#pragma once

// What became of a run's connections to the outside. Bounded, whatever the command does: of
// distinct refused destinations only the first few are named.

#include <cstdint>
#include <string>
#include <vector>

namespace mixguard::sandbox {

struct NetworkReport {
  struct Relayed {
    std::string endpoint;           // as the policy spells it
    std::uint64_t connections = 0;  // that reached it
    std::uint64_t failed = 0;       // that did not
    std::string why;                // of the last that failed: one clause
  };
  struct Refused {
    std::string destination;  // as [net] allow would spell it; a name that was only looked up has
                              // no port
    std::string why;          // one clause
    std::uint64_t count = 0;
  };
  std::vector<Relayed> relayed;  // with at least one connection, working or not
  std::vector<Refused> refused;
  std::uint64_t more_refused = 0;        // to destinations that are not named
  std::uint64_t malformed_requests = 0;  // to the proxy
  std::uint64_t over_limit = 0;          // beyond the number that is relayed at once

  static constexpr std::size_t kNamed = 64;

  // Any observer of refused attempts may add to it. `destination` must be free of anything but
  // printable ASCII.
  void add_refused(const std::string& destination, const std::string& why);

  [[nodiscard]] bool empty() const {
    return relayed.empty() && refused.empty() && malformed_requests == 0 && over_limit == 0;
  }
};

}  // namespace mixguard::sandbox
