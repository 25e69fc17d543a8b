// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which project a command is about, and what of the host its sandbox may show.

#include <string>
#include <vector>

#include "guard/toolchain.hpp"
#include "policy/confinement.hpp"
#include "policy/result.hpp"
#include "sandbox/sandbox.hpp"

namespace mixguard::guard {

struct Project {
  std::string root;  // absolute real path of the directory with mix.exs; of the umbrella's for an
                     // app inside one
  std::string
      cwd;  // absolute real path the command runs in: the caller's when that is inside the root
  // Of a project that the command is to make, in a directory that is none: its folder in `root`
  // ("." for the directory itself), and what lies beside it and beside the folders that lead there,
  // which is not the command's to see.
  std::string new_folder;
  std::vector<std::string> hidden;
  [[nodiscard]] bool found() const { return !root.empty(); }
  // What the command is about: the root, or the folder of the project that it is to make.
  [[nodiscard]] std::string folder() const;
};

// `directory` is --project, or empty for the nearest mix.exs upwards from the working directory. No
// mix.exs is not an error here: root is empty then.
Result<Project> find_project(const std::string& directory);

// The working directory as the place where a project is to be made at `path` (absolute, below it):
// with what lies beside it, but for ~/.mix and ~/.hex. Fails where that would be the home directory
// itself, or one above it, and in /, which no view can have for a project.
Result<Project> place_of_new_project(const std::string& cwd, const std::string& path);

// Paths below `root` that match a [fs] deny pattern, project-relative, and the stores of projects
// further down; everything is searched but the store at `root`. Without a pattern nothing is. Fails
// when a directory cannot be searched that the command could.
Result<std::vector<std::string>> find_denied(const std::string& root,
                                             const std::vector<std::string>& patterns);

// The write patterns that name a directory ("_build/**") or one file ("mix.lock") and so can be
// opened for writing before the run, as project-relative paths; a pattern with a wildcard further
// in is left out.
[[nodiscard]] std::vector<std::string> writable_roots(const std::vector<std::string>& patterns);

// The host's part of the sandbox's view: the system's programs and libraries, the toolchain, a few
// files of /etc, an empty directory in place of `home` with the caller's ~/.mix and ~/.hex in it,
// and what [fs] read names. A home inside the project or a system directory is left as it is.
// Fails for a read pattern that is not a path or PATH/**.
Result<sandbox::Workspace> make_workspace(const Toolchain& toolchain,
                                          const policy::Confinement& confinement,
                                          const std::string& home, const std::string& project_root);

}  // namespace mixguard::guard
