// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is true about the world at the moment of the question, looked up by `guard` and handed in as
// a value, so that `policy` can judge without touching the world. A fact can raise a decision,
// never lower it.

#include <string>
#include <vector>

#include "policy/mix_exs.hpp"

namespace mixguard::policy {

struct Facts {
  std::string project_root;  // absolute real path; empty outside a Mix project
  std::string cwd;           // absolute real path of the caller's working directory
  std::vector<std::string>
      environment;  // the caller's, "NAME=value", in envp order, duplicates kept
  // Whether that is all of it. An expectation ([[expect]]) names only what matters to it, and does
  // not fail for a required variable that it leaves out.
  bool environment_is_complete = true;

  // True when argv[0] holds a slash and its real path is the pinned toolchain's own program of that
  // name. A bare name ("mix") needs no such fact: mixguard looks it up itself and never through the
  // caller's PATH.
  bool program_is_pinned = false;
  // Real path of the program that argv[0] names for a plain command ("/usr/bin/git"), empty when
  // there is none.
  std::string program_path;
  // True when that is the script of a release: `releases/start_erl.data` lies beside its `bin`.
  bool program_is_release = false;
  // Paths written in [[exec]] rules that are the same file (device and inode) as program_path.
  std::vector<std::string> same_file_as_program;

  // What mix.exs says: first of the file that Mix would load, then, for an umbrella, of its apps'
  // files. Empty without a mix.exs: then there are no aliases.
  std::vector<MixExs> mix_exs;
};

}  // namespace mixguard::policy
