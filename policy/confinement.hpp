// SPDX-License-Identifier: Apache-2.0
#pragma once

// What one allowed command may reach: the value that `policy` hands to `sandbox`. Every list is
// complete: what is not in it does not exist for the command. Paths are absolute; patterns use `**`
// for any number of path components and `*` within one (policy/pattern.hpp).

#include <cstdint>
#include <string>
#include <vector>

namespace mixguard::policy {

enum class RunMode {
  kTransaction,  // an overlay of the project; what the task may write is committed when the command
                 // succeeds
  kLive,         // writes go through to the allowed paths at once: servers and consoles
};

// Zero means "no limit of ours". Sizes in bytes, times in milliseconds.
struct Limits {
  std::uint64_t wall_ms = 0;
  std::uint64_t cpu_ms = 0;
  std::uint64_t memory = 0;
  std::uint64_t processes = 0;
  std::uint64_t open_files = 0;
  std::uint64_t file_size = 0;
  std::uint64_t output = 0;
};

// How much the policy insists on a layer or a check ([safeguards]).
enum class Requirement { kRequire, kIfAvailable, kOff };

struct Safeguard {
  std::string name;  // "landlock", "user_namespaces", "cgroup", "change_ticket", …
  Requirement requirement = Requirement::kRequire;
};

struct Confinement {
  RunMode mode = RunMode::kTransaction;
  std::vector<std::string>
      read;  // absolute patterns readable besides the project and the toolchain
  std::vector<std::string> deny;  // patterns below the project that do not exist for the command
  std::vector<std::string>
      write;                     // project-relative patterns that may be committed (live: written)
  std::vector<std::string> net;  // "host:port", "[v6]:port", "unix:/path"
  std::vector<std::string> publish;  // "127.0.0.1:4000"
  std::vector<std::string> exec;     // ids of the [[exec]] rules in force, strictest first
  Limits limits;
  std::vector<Safeguard>
      safeguards;  // those the policy names; a layer not named has its own default
};

}  // namespace mixguard::policy
