// SPDX-License-Identifier: Apache-2.0
#pragma once

// The compiler's warnings, told apart by what they say and where, but not by the line: that moves
// with every edit above it.

#include <set>
#include <string>
#include <string_view>

namespace mixguard::guard {

// "lib/a.ex: variable \"x\" is unused", of what `mix compile` printed, in the form of any Elixir
// since 1.14.
[[nodiscard]] std::set<std::string> warnings_in(std::string_view output);

}  // namespace mixguard::guard
