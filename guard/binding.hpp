// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an approval is given for, as one document: the words, the environment, the policy, the place
// and the files that decide what the command does. Two commands are the same to an approval exactly
// when their documents are.

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "guard/request.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// {"argv","canonical","program","toolchain","home","cwd","project","environment","policy","mode",
// "dry_run","files"}: the environment
// is what the command would get, secrets by their SHA-256. Files are bound by content: mix.exs,
// mix.lock and what lies in `config` and in directories of migrations, wherever in the project but
// for _build, deps, node_modules, .git and mixguard's own store; the paths named on the command
// line with all that lies below them; the program of a plain command. Links count as what they lead
// to. Not bound is what can only end the command sooner (--timeout, --strict).
//
// Fails when there is too much of it (4,096 files, 16 MiB each, 64 MiB in all), when a named path
// or a linked directory lies outside of the project, or when something cannot be read: then nobody
// can approve.
Result<nlohmann::json> bind(const Judgement& judgement, const RequestOptions& options,
                            bool dry_run);

// SHA-256 of the document, 64 hexadecimal digits.
[[nodiscard]] std::string digest_of(const nlohmann::json& binding);
// Its first 12 digits, for people to type.
[[nodiscard]] std::string id_of(const nlohmann::json& binding);

}  // namespace mixguard::guard
