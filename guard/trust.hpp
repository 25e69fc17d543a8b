// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which project policies the user has read and accepted. A project policy comes with a checkout,
// from whoever wrote it, so it counts for nothing until its content is remembered here, outside the
// project: whole, so that a change can be shown. Any change of the content takes the trust away.

#include <string>
#include <string_view>

#include "policy/result.hpp"

namespace mixguard::guard {

enum class Trust { kTrusted, kUnknown, kChanged };

// Whether `content` is what was trusted for the policy file at `path` (absolute real path).
Result<Trust> trust_of(const std::string& path, std::string_view content);

// Remembers `content` as the trusted one for `path`.
Result<void> remember_trust(const std::string& path, std::string_view content);

// What changed in the policy file at `path` since it was trusted, as a unified diff with its own
// bytes; empty when nothing did or nothing was trusted. Compared by diff(1).
Result<std::string> changes_since_trust(const std::string& path);

// Forgets `path`. True when there was something to forget.
Result<bool> forget_trust(const std::string& path);

}  // namespace mixguard::guard
