// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/write_policy.hpp"

#include <algorithm>
#include <array>

#include "policy/pattern.hpp"

namespace mixguard::guard {
namespace {

struct NeverCommitted {
  std::string_view pattern;
  std::string_view why;
};

constexpr std::array kNeverCommitted = {
    NeverCommitted{".git/modules/**/hooks/**", "git runs it inside a submodule"},
    NeverCommitted{".git/modules/**/config", "it names programs that git runs"},
    NeverCommitted{".git/modules/**/config.worktree", "it names programs that git runs"},
    NeverCommitted{".git/modules/**/commondir", "git reads hooks and configuration from there"},
    NeverCommitted{"**/.git",
                   "a file or symlink of that name makes git read another configuration"},
    NeverCommitted{"**/.git/hooks/**", "git runs it at the next commit or checkout"},
    NeverCommitted{"**/.git/config", "it names programs that git runs"},
    NeverCommitted{"**/.git/config.worktree", "it names programs that git runs"},
    NeverCommitted{"**/.git/commondir", "git reads hooks and configuration from there"},
    NeverCommitted{"**/.git/worktrees/*/config.worktree", "it names programs that git runs"},
    NeverCommitted{"**/.git/worktrees/*/commondir", "git reads hooks and configuration from there"},
    NeverCommitted{"**/.gitmodules", "it says where git fetches code from"},
    NeverCommitted{"**/.mixguard.toml", "it is the policy that judges the next command"},
    NeverCommitted{"**/.mixguard/**", "it is where undo data and the record are kept"},
    NeverCommitted{"**/.envrc", "direnv runs it in every shell that enters the project"},
    NeverCommitted{"**/.vscode/**", "the editor runs tasks and settings from it"},
    NeverCommitted{"**/.idea/**", "the editor runs tasks and settings from it"},
    NeverCommitted{"**/.claude/**", "it gives a coding agent commands and permissions"},
    NeverCommitted{"**/.codex/**", "it gives a coding agent commands and permissions"},
    NeverCommitted{"**/.mcp.json", "it names programs that a coding agent starts"},
    NeverCommitted{"**/.bashrc", "a shell runs it when it starts"},
    NeverCommitted{"**/.bash_profile", "a shell runs it when it starts"},
    NeverCommitted{"**/.profile", "a shell runs it when it starts"},
    NeverCommitted{"**/.zshrc", "a shell runs it when it starts"},
    NeverCommitted{"**/.zprofile", "a shell runs it when it starts"},
    NeverCommitted{"**/.zshenv", "a shell runs it when it starts"},
};

bool names_literally(const WritePolicy& policy, std::string_view path) {
  return std::find(policy.patterns.begin(), policy.patterns.end(), path) != policy.patterns.end() &&
         path.find_first_of("*?") == std::string_view::npos;
}

// A fetched dependency brings its whole checkout, which Mix compiles and runs anyway; a git
// dependency without its .git/config is broken for Mix.
bool is_checkout(const WritePolicy& policy, std::string_view path) {
  return !policy.checkouts.empty() && policy::glob_matches(policy.checkouts, path);
}

bool allows(const WritePolicy& policy, std::string_view path) {
  return std::any_of(
      policy.patterns.begin(), policy.patterns.end(),
      [&](const std::string& pattern) { return policy::glob_matches(pattern, path); });
}

// True when the walk along `target` climbs above the project, starting `depth` directories below
// it. Climbing after a name counts as well: the name may be a symlink to somewhere less deep.
bool climbs_out(std::ptrdiff_t depth, std::string_view target) {
  bool named = false;
  while (!target.empty()) {
    const std::string_view part = target.substr(0, target.find('/'));
    target.remove_prefix(std::min(part.size() + 1, target.size()));
    if (part.empty() || part == ".") continue;
    if (part == ".." && (named || --depth < 0)) return true;
    named = named || part != "..";
  }
  return false;
}

}  // namespace

std::optional<std::string> never_committed(const WritePolicy& policy, std::string_view path) {
  if (names_literally(policy, path) || is_checkout(policy, path)) return std::nullopt;
  for (const NeverCommitted& never : kNeverCommitted) {
    if (policy::glob_matches(never.pattern, path))
      return "never committed: " + std::string(never.why);
  }
  return std::nullopt;
}

std::optional<std::string> path_refusal(const WritePolicy& policy, std::string_view path) {
  if (names_literally(policy, path)) return std::nullopt;
  if (auto why = never_committed(policy, path)) return why;
  if (allows(policy, path)) return std::nullopt;
  return "not among what `" + policy.task + "` may write";
}

std::optional<std::string> object_refusal(const std::string& project_root, std::string_view path,
                                          mode_t mode, const std::string& target,
                                          const std::vector<std::string>& linkable) {
  if (S_ISLNK(mode)) {
    if (leads_outside(project_root, path, target) &&
        !leads_into(linkable, project_root, path, target))
      return "a symlink that leads out of the project";
    return std::nullopt;
  }
  if (S_ISDIR(mode)) return std::nullopt;
  if (!S_ISREG(mode)) return "cannot be kept: not a file, directory or symlink";
  // On a directory set-group-id only passes the group on; on a file either is a privilege.
  if ((mode & (S_ISUID | S_ISGID)) != 0) return "set-user-id or set-group-id is never committed";
  return std::nullopt;
}

bool leads_outside(const std::string& project_root, std::string_view path,
                   std::string_view target) {
  if (!target.starts_with('/'))
    return climbs_out(std::count(path.begin(), path.end(), '/'), target);
  if (!target.starts_with(project_root)) return true;
  const std::string_view rest = target.substr(project_root.size());
  return (!rest.empty() && !rest.starts_with('/')) || climbs_out(0, rest);
}

bool leads_into(const std::vector<std::string>& directories, const std::string& project_root,
                std::string_view path, std::string_view target) {
  std::string from = project_root;
  if (const std::size_t slash = path.rfind('/'); slash != std::string_view::npos)
    from.append("/").append(path.substr(0, slash));
  if (target.starts_with('/')) from.clear();
  std::string_view rest = target;
  while (rest.starts_with("../")) {
    from.erase(std::min(from.rfind('/'), from.size()));
    rest.remove_prefix(3);
  }
  // Climbing after a name could lead elsewhere, as in climbs_out().
  if (climbs_out(0, rest)) return false;
  const std::string end = from + (rest.starts_with('/') ? "" : "/") + std::string(rest);
  return std::any_of(directories.begin(), directories.end(), [&](const std::string& directory) {
    return end == directory || end.starts_with(directory + "/");
  });
}

}  // namespace mixguard::guard
