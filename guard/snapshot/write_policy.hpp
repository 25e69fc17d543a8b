// SPDX-License-Identifier: Apache-2.0
#pragma once

// May this object come to lie at this path of the project? Judged by the write policy of the task
// and by what is never committed: files that make a tool run something the next time a person
// works in the project, and objects that a project cannot hold. Pure: no file is looked at.

#include <sys/stat.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mixguard::guard {

// What may be committed.
struct WritePolicy {
  std::string task;                   // for messages
  std::vector<std::string> patterns;  // project-relative globs (policy::glob_matches)
  // Absolute real paths of directories outside that the command sees, so that a symlink may lead
  // there: a path dependency's priv, to which Mix makes one in _build.
  std::vector<std::string> linkable = {};
  // Glob of the directories that hold fetched dependencies, where what a checkout brings may stay.
  std::string checkouts = "deps/**";
};

// The reason why `path` is never committed whatever the patterns say; nothing when that is up to
// them. A pattern opens such a path only by naming it literally, without wildcards.
[[nodiscard]] std::optional<std::string> never_committed(const WritePolicy& policy,
                                                         std::string_view path);

// The reason why the policy does not let `path` be created, changed or deleted; nothing when it
// does.
[[nodiscard]] std::optional<std::string> path_refusal(const WritePolicy& policy,
                                                      std::string_view path);

// The reason why an object cannot be kept whatever its path: not a file, directory or symlink, set
// user or group id on a file, a symlink that leads out of the project. `target` is a symlink's.
[[nodiscard]] std::optional<std::string> object_refusal(const std::string& project_root,
                                                        std::string_view path, mode_t mode,
                                                        const std::string& target,
                                                        const std::vector<std::string>& linkable);

// True when the symlink at `path` may lead out of the project. Read as text: a target that climbs
// (`..`) only before it names anything stays inside as long as every symlink on its way does.
[[nodiscard]] bool leads_outside(const std::string& project_root, std::string_view path,
                                 std::string_view target);

// True when the symlink leads, read in the same way, into one of `directories` (absolute real
// paths).
[[nodiscard]] bool leads_into(const std::vector<std::string>& directories,
                              const std::string& project_root, std::string_view path,
                              std::string_view target);

}  // namespace mixguard::guard
