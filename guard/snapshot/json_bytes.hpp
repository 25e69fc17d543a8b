// SPDX-License-Identifier: Apache-2.0
#pragma once

// Strings of any bytes in JSON: as they are when they are UTF-8, else {"hex": "…"}.

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

namespace mixguard::guard {

[[nodiscard]] nlohmann::json bytes_to_json(const std::string& bytes);
[[nodiscard]] nlohmann::json hex_to_json(const std::string& bytes);  // never as they are
[[nodiscard]] std::optional<std::string> bytes_from_json(const nlohmann::json& value);

// A document with its own SHA-256 on a second line.
[[nodiscard]] std::string sealed(const nlohmann::json& document);
// The document when the digest is right; nothing when it is not.
[[nodiscard]] std::optional<nlohmann::json> unsealed(const std::string& text);

}  // namespace mixguard::guard
