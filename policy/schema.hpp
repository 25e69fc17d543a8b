// SPDX-License-Identifier: Apache-2.0
#pragma once

// The policy language as a JSON schema (draft-07), for editors: policy/schema.json, embedded at
// build time. The parser does not use it. It refuses nothing that the parser takes, but for a
// ${variable} where only certain words make sense (`type`, `as`, `extends`); the parser refuses
// more (bad regular expressions, ids that are there twice, failing expectations, …).

#include <string_view>

namespace mixguard::policy {

[[nodiscard]] std::string_view schema();

}  // namespace mixguard::policy
