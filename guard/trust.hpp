// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which project policies the user has read and accepted. A project policy comes with a checkout,
// from whoever wrote it, so it counts for nothing until its content is remembered here, outside the
// project. Any change of the content takes the trust away.

#include <string>
#include <string_view>

#include "policy/result.hpp"

namespace mixguard::guard {

enum class Trust { kTrusted, kUnknown, kChanged };

// Whether `content` is what was trusted for the policy file at `path` (absolute real path).
Result<Trust> trust_of(const std::string& path, std::string_view content);

// Remembers `content` as the trusted one for `path`.
Result<void> remember_trust(const std::string& path, std::string_view content);

// Forgets `path`. True when there was something to forget.
Result<bool> forget_trust(const std::string& path);

}  // namespace mixguard::guard
