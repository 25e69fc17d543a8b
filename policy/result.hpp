// SPDX-License-Identifier: Apache-2.0
#pragma once

// Result<T>: a value or an Error, for everything that can fail below `guard`. Nothing here throws,
// and no exception crosses a layer. A denied or killed command is not an Error; it is an outcome
// (policy::Decision, sandbox::Outcome).

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace mixguard {

// What went wrong, said once and completely: the message names the object and the action ("open
// /p/.mixguard.toml: Permission denied"). `code` is the errno it came from, or 0.
struct Error {
  std::string message;
  int code = 0;
};

// tl::expected is not nodiscard; a dropped Result is a dropped error, so ours is.
template <typename T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
 public:
  using tl::expected<T, Error>::expected;
};

// Builds the failure half of any Result: `return fail("…");`.
[[nodiscard]] inline tl::unexpected<Error> fail(std::string message, int code = 0) {
  return tl::unexpected<Error>(Error{std::move(message), code});
}

// Passes an error on: `if (!file) return propagate(file);`.
template <typename T>
[[nodiscard]] tl::unexpected<Error> propagate(const Result<T>& failed) {
  return tl::unexpected<Error>(failed.error());
}

}  // namespace mixguard
