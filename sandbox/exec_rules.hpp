// SPDX-License-Identifier: Apache-2.0
#pragma once

// What may be started inside a run, as the sandbox is told: files that somebody has rules for, and
// a judge. Which rules those are is no matter of the sandbox.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace mixguard::sandbox {

// One program that is about to run inside.
struct ExecAttempt {
  std::string path;                 // as it was named, absolute as seen inside
  std::vector<std::string> same;    // of ExecRules::paths: those that are this very file
  std::vector<std::string> copies;  // of ExecRules::paths: those that hold the same bytes
  std::vector<std::string> argv;
  std::vector<std::string> environment;  // "NAME=value"
  std::string cwd;
  bool is_known = false;     // one of the programs that the virtual machine starts by itself
  bool is_loader = false;    // the dynamic loader: what it loads is anything
  bool is_nameless = false;  // a file in no directory: memfd, O_TMPFILE, deleted
};

struct ExecVerdict {
  bool allowed = false;
  std::string why;                    // when not: one sentence
  std::string would_allow;            // when not: what would allow it, for people; may be empty
  std::vector<std::string> env_drop;  // patterns of names that the program does not get to see
};

struct ExecRules {
  std::vector<std::string> paths;     // absolute, as seen inside
  std::vector<std::string> helpers;   // known wherever they are started
  std::vector<std::string> starters;  // known until the command itself executes `engine`
  std::string engine;                 // the virtual machine; empty: there is none to be started
  std::function<ExecVerdict(const ExecAttempt&)> judge;
};

// What was not started, or killed before its first instruction.
struct ExecRefusal {
  std::string path;
  std::vector<std::string> argv;
  std::string why;
  std::string would_allow;
  bool killed = false;  // it had passed the first look
  std::uint64_t count = 1;
};

struct ExecReport {
  std::uint64_t started = 0;
  std::uint64_t refused = 0;
  std::vector<ExecRefusal> refusals;  // the first kMaxRefusals different ones
};
inline constexpr std::size_t kMaxRefusals = 64;

}  // namespace mixguard::sandbox
