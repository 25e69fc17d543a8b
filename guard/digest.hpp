// SPDX-License-Identifier: Apache-2.0
#pragma once

// SHA-256, for what must show a change made to it: the record's chain and the journals.

#include <string>
#include <string_view>

namespace mixguard::guard {

[[nodiscard]] std::string sha256_hex(std::string_view bytes);  // 64 lower-case digits

}  // namespace mixguard::guard
