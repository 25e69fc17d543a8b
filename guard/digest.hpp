// SPDX-License-Identifier: Apache-2.0
#pragma once

// SHA-256, for what must show a change made to it (the record's chain, the journals) and for what
// is found by its content (the store of objects).

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace mixguard::guard {

using Sha256 = std::array<std::uint8_t, 32>;

[[nodiscard]] Sha256 sha256(std::string_view bytes);
[[nodiscard]] std::string sha256_hex(std::string_view bytes);  // 64 lower-case digits

// Two lower-case digits a byte.
[[nodiscard]] std::string hex(std::span<const std::uint8_t> bytes);

}  // namespace mixguard::guard
