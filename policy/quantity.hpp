// SPDX-License-Identifier: Apache-2.0
#pragma once

// The quantities of [limits]: "10m", "4GiB". A number that does not fit 64 bits is no quantity.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mixguard::policy {

// "250ms", "30s", "10m", "2h", "1d" in milliseconds.
[[nodiscard]] std::optional<std::uint64_t> parse_duration(std::string_view text);
// "512B", "64KiB", "512MiB", "4GiB", "1TiB" in bytes.
[[nodiscard]] std::optional<std::uint64_t> parse_size(std::string_view text);

// The same back, in the largest unit that leaves a whole number.
[[nodiscard]] std::string duration_text(std::uint64_t milliseconds);
[[nodiscard]] std::string size_text(std::uint64_t bytes);

}  // namespace mixguard::policy
