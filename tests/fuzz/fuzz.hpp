// SPDX-License-Identifier: Apache-2.0
#pragma once

// What the fuzz targets share. A target is LLVMFuzzerTestOneInput: any bytes at all, claims that
// hold for every one of them, and abort() where one does not. It knows nothing of what feeds it:
// libFuzzer (preset `fuzz`) or the files of tests/fuzz/corpus (replay.cpp, every other preset).

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/engine.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace mixguard::fuzz {

// Says what was claimed and stops the process when it does not hold.
void claim(bool holds, std::string_view what);

[[nodiscard]] std::string text_of(const std::uint8_t* data, std::size_t size);
// Between newlines; of an empty text there are none.
[[nodiscard]] std::vector<std::string> lines_of(std::string_view text);

// A ruleset that is known to be right.
[[nodiscard]] policy::Ruleset ruleset(std::string_view toml, policy::Layer layer);
[[nodiscard]] policy::Policy policy_of(std::vector<policy::Ruleset> layers);
// Of an imaginary project.
[[nodiscard]] policy::Facts facts();

// Judges `argv` and claims what holds of every decision: it is the strictest of its parts, says why
// it is no allow, can be explained, and comes out the same for its canonical words when it is not a
// denial.
policy::Decision judge(const policy::Policy& policy, const std::vector<std::string>& argv,
                       const policy::Facts& facts);

}  // namespace mixguard::fuzz
