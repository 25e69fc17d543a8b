// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is known of environment variables by their names alone.

#include <string_view>

namespace mixguard::policy {

// Whether the variable can make the VM, Mix, a shell, git, make or the dynamic linker run code, or
// send them elsewhere for it. Such a variable reaches a command only by a rule that says which
// values it may have.
[[nodiscard]] bool injects_code(std::string_view name);

// HOME, USER, LANG, LC_*, TERM, TZ, CI, NO_COLOR and kin: passed without a rule.
[[nodiscard]] bool is_harmless(std::string_view name);
// Whether a harmless variable's value is one of the plain values that such a variable has.
[[nodiscard]] bool is_harmless_value(std::string_view name, std::string_view value);

// PATH and TMPDIR are made anew for every command, whatever the caller or a policy says; the
// shell's own bookkeeping (PWD, SHLVL, _) means nothing to it.
[[nodiscard]] bool is_rebuilt(std::string_view name);

// Whether the name speaks of something that must not be shown.
[[nodiscard]] bool sounds_secret(std::string_view name);

}  // namespace mixguard::policy
