// SPDX-License-Identifier: Apache-2.0
#pragma once

// The record: append-only JSON lines, each carrying the SHA-256 of the line before, so that a
// change or a removal anywhere but at the very end shows. Written before a command starts and after
// it ends, each time synced. Ordered by sequence, never by clock.

#include <chrono>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "guard/snapshot/store.hpp"
#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {

struct LogRecord {
  std::uint64_t sequence = 0;
  std::string json;  // the whole line, without the newline
};

struct LogDamage {
  std::uint64_t line = 0;  // 1-based
  std::string what;
};

struct LogCheck {
  std::uint64_t records = 0;
  std::string head;  // hash of the last record, hex; empty for an empty log
  std::vector<LogDamage> damage;
  bool torn_tail = false;  // the last line is incomplete: a crash while writing, not tampering
};

// The time of a record, "2026-11-22T22:05:39.123Z"; such texts compare as the times do.
[[nodiscard]] std::string record_time(std::chrono::system_clock::time_point time);

class AuditLog {
 public:
  static Result<AuditLog> open(const Store& store);

  // Appends one record: {"seq":…,"time":"…Z","event":event,…members of `body`…,"prev":"<hex>"} and
  // fdatasyncs. `body` is an object without those four members; bytes that are not UTF-8 are
  // replaced. A torn last line left by a crash is cut off first; anything else that is no record is
  // an error, for cutting it would destroy what happened to the log. Concurrent writers are
  // serialised by a lock on the file.
  Result<std::uint64_t> append(std::string_view event, const nlohmann::ordered_json& body);

  // The last `count` records, oldest first.
  Result<std::vector<LogRecord>> tail(std::size_t count) const;
  // Reads all of it and recomputes the chain. Damage is reported, not an error.
  Result<LogCheck> verify() const;

 private:
  [[nodiscard]] tl::unexpected<Error> damaged(const std::string& how) const;

  sandbox::UniqueFd file_;
  std::string path_;
};

// Opens the store's record and appends to it.
Result<void> write_down(const Store& store, std::string_view event,
                        const nlohmann::ordered_json& body);

}  // namespace mixguard::guard
