// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a Mix command sees and may write outside of its project: path dependencies, a build or
// dependency path that MIX_BUILD_PATH, MIX_BUILD_ROOT and MIX_DEPS_PATH name, and ~/.mix and ~/.hex
// where a rule names them. Each of these is chosen by a file or a variable that somebody may have
// set in order to be shown something else, so each is looked at before: never /, the home
// directory or what holds it or the project, nothing of the system or of another user, no hidden
// directory of the home, and only what looks like what it is said to be.

#include <string>
#include <utility>
#include <vector>

#include "guard/request.hpp"
#include "guard/snapshot/transaction.hpp"
#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {

// Directories that were made for a run. Those to which nothing has come are removed with it.
class MadeDirectories {
 public:
  MadeDirectories() = default;
  MadeDirectories(MadeDirectories&& other) noexcept : paths_(std::move(other.paths_)) {
    other.paths_.clear();
  }
  MadeDirectories& operator=(MadeDirectories&& other) noexcept {
    std::swap(paths_, other.paths_);
    return *this;
  }
  ~MadeDirectories();
  // Makes `path` and what leads there, as far as it is absent.
  Result<void> make(const std::string& path);

 private:
  std::vector<std::string> paths_;  // what leads to a directory before it
};

struct OutsideDirectory {
  std::string path;    // absolute real path
  std::string target;  // where the command finds it
  sandbox::UniqueFd fd;
  std::vector<std::string> hidden;    // by [fs] deny, and the store of another project
  bool writable = false;              // else it is read-only, and nothing of it is committed
  bool is_shared = false;             // by all of the caller's projects: no symlink may lead out
  std::vector<std::string> patterns;  // what may be committed, relative to it
  std::string checkouts;              // WritePolicy::checkouts
  MadeDirectories made;
};

struct Outside {
  // Where the command builds and keeps its dependencies: project-relative, or absolute.
  std::string build = "_build";
  std::string deps = "deps";
  // The rule's write patterns for the project: those for _build and deps mean these directories.
  std::vector<std::string> patterns;
  std::vector<OutsideDirectory> directories;
  std::vector<std::string>
      stores;  // of projects in this one, project-relative: none of its business
  std::vector<std::string> notes;  // what is not shown, and why
};

// Fails where a directory that the command would write cannot be relied on; a path dependency of
// that kind is only left out, with a note. Makes directories that the command would make.
Result<Outside> find_outside(const Judgement& judgement, const std::string& home);

// The real path of what may not exist yet, as far as it does.
[[nodiscard]] std::string real_as_far_as_there(const std::string& path);

// The directories outside of the project that belong to its state as the caller has it: its path
// dependencies, and those that the caller's MIX_BUILD_PATH, MIX_BUILD_ROOT and MIX_DEPS_PATH name.
// Absolute real paths, none in another. What is left out, and why, is added to `notes`.
[[nodiscard]] std::vector<std::string> directories_beside(const Project& project,
                                                          const std::string& home,
                                                          std::vector<std::string>& notes);

}  // namespace mixguard::guard
