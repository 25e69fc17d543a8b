// SPDX-License-Identifier: Apache-2.0
#pragma once

// Finds, reads and joins the policy files: the system's policy.d, the user's, the project's (when
// it is trusted) or the one named by --policy in its place. Each is read once, by descriptor; what
// was read is what the revision names.

#include <optional>
#include <string>
#include <vector>

#include "guard/trust.hpp"
#include "policy/engine.hpp"

namespace mixguard::guard {

// A project policy that was found and left out.
struct UntrustedPolicy {
  std::string path;
  Trust trust = Trust::kUnknown;
  std::optional<policy::Policy>
      as_if_trusted;  // what would hold with it; absent when it is invalid
};

struct LoadedPolicy {
  policy::Policy policy;
  policy::PolicyIdentity identity;
  std::optional<UntrustedPolicy> untrusted;
};

// What is wrong with the configuration, one line a mistake ("FILE:LINE:COLUMN: …"), never empty.
struct ConfigTrouble {
  std::vector<std::string> lines;
};

inline constexpr const char* kProjectPolicyName = ".mixguard.toml";

// `project_root` and `named_file` (--policy) may be empty.
tl::expected<LoadedPolicy, ConfigTrouble> load_policy(const std::string& project_root,
                                                      const std::string& named_file);

}  // namespace mixguard::guard
