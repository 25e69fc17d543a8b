// SPDX-License-Identifier: Apache-2.0
#include "guard/outside.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <filesystem>
#include <iterator>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "guard/files.hpp"
#include "guard/mix_files.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/tree.hpp"
#include "policy/pattern.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;

constexpr std::size_t kMostDependencies = 64;
constexpr std::chrono::seconds kLongest{4};  // for all of their mix.exs together

bool is_directory(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}
bool is_there(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0;
}

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, DirectoryCloser> directory(::opendir(path.c_str()));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  return names;
}

// ---- What may be shown --------------------------------------------------------------------------

// Below the home directory, names that begin with a dot hold keys, settings and histories. Caches
// are the exception that people choose for builds.
bool is_hidden_in(const std::string& home, const std::string& path) {
  if (home.empty() || !is_within(path, home) || path == home) return false;
  const std::string below = path.substr(home == "/" ? 0 : home.size());
  if (below.starts_with("/.cache/")) return below.find("/.", 1) != std::string::npos;
  return below.find("/.") != std::string::npos;
}

// Why the directory must not be shown, wherever its name comes from.
std::optional<std::string> why_kept_out(const std::string& path, const std::string& project,
                                        const std::string& home) {
  for (const char* directory : {"/etc", "/proc", "/sys", "/dev", "/run", "/boot", "/usr", "/bin",
                                "/sbin", "/lib", "/lib64"}) {
    if (is_within(path, directory)) return "it belongs to the system";
  }
  if (path == "/") return "it is everything";
  if (!home.empty() && is_within(home, path)) return "the home directory is in it";
  if (is_within(project, path)) return "the project is in it";
  for (const std::string& own : {state_directory(), config_directory()}) {
    const std::string real = real_path(own);
    if (!real.empty() && (is_within(path, real) || is_within(real, path)))
      return "mixguard's own files are there";
  }
  return std::nullopt;
}

Result<UniqueFd> open_own(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return fail(path + ": " + std::strerror(errno), errno);
  if (info.st_uid != ::geteuid()) return fail(path + ": it belongs to another user", EPERM);
  return fd;
}

Result<std::vector<std::string>> hidden_in(const std::string& path,
                                           const std::vector<std::string>& deny) {
  auto hidden = find_denied(path, deny);
  if (hidden && is_there(join_path(path, ".mixguard"))) hidden->emplace_back(".mixguard");
  return hidden;
}

// ---- Path dependencies --------------------------------------------------------------------------

// Follows the paths that mix.exs files name, from one to the next.
class DependencySearch {
 public:
  DependencySearch(const Project& project, const std::string& home, std::vector<std::string>& notes)
      : project_(project), home_(home), notes_(notes) {}

  // `directory`: of the mix.exs.
  void add(const std::string& directory, const policy::MixExs& exs) {
    seen_.insert(normal_path(directory));
    for (const auto& [name, path] : exs.path_dependencies)
      pending_.push_back({path, normal_path(join_path(directory, path))});
  }

  // Those outside of the project, none in another.
  std::vector<std::string> search() {
    const auto is_late = within(kLongest);
    for (std::size_t count = 0; !pending_.empty();) {
      const auto [written, path] = std::move(pending_.front());
      pending_.pop_front();
      if (!seen_.insert(path).second) continue;
      if (count++ == kMostDependencies || is_late()) {
        notes_.push_back("not all path dependencies are shown: there are too many");
        break;
      }
      visit(written, path);
    }
    return tree::topmost({found_.begin(), found_.end()});
  }

  // Of the projects that were found inside of the project.
  [[nodiscard]] std::vector<std::string> stores_inside() const {
    std::vector<std::string> stores;
    for (const std::string& path : seen_) {
      if (path == project_.root || !is_within(path, project_.root)) continue;
      const std::string store = join_path(path, ".mixguard");
      if (is_there(store)) stores.push_back(tree::path_below(store, project_.root));
    }
    return stores;
  }

 private:
  void visit(const std::string& written, const std::string& path) {
    const std::string real = real_path(path);
    if (real.empty()) return;  // Mix says it better
    const bool inside = is_within(real, project_.root);
    if (!inside) {
      if (const auto why = why_not(path, real)) {
        notes_.push_back("path dependency " + written + " is not shown: " + *why);
        return;
      }
      found_.insert(real);
    }
    for (const policy::MixExs& exs : read_mix_files(real, project_.root)) {
      add(parent_path(join_path(project_.root, exs.file)), exs);
    }
  }

  [[nodiscard]] std::optional<std::string> why_not(const std::string& path,
                                                   const std::string& real) const {
    if (const auto why = why_kept_out(real, project_.root, home_)) return why;
    if (is_hidden_in(home_, real)) return "it is in a hidden directory of the home directory";
    // From the project's own tree a symlink leads to what is shown; outside nothing would.
    if (real != path && !is_within(path, project_.root)) return "a symlink leads there";
    if (auto own = open_own(real); !own) return own.error().message;
    struct stat info{};
    if (::lstat(join_path(real, "mix.exs").c_str(), &info) != 0 || !S_ISREG(info.st_mode))
      return "it has no mix.exs";
    return std::nullopt;
  }

  struct Wanted {
    std::string written, path;
  };
  const Project& project_;
  const std::string& home_;
  std::vector<std::string>& notes_;
  std::deque<Wanted> pending_;
  std::set<std::string> seen_;
  std::set<std::string> found_;
};

// What a dependency keeps for running alone is no business of the project that it is compiled for;
// nor is the store of a project in it.
std::vector<std::string> deny_in_dependency(const Judgement& judgement) {
  std::vector<std::string> deny = judgement.decision.confinement.deny;
  deny.insert(deny.end(), {"**/.env", "**/.env.*", "**/.mixguard"});
  return deny;
}

Result<void> add_dependencies(const Judgement& judgement, const std::string& home,
                              Outside& outside) {
  DependencySearch search(judgement.project, home, outside.notes);
  for (const policy::MixExs& exs : judgement.mix_exs)
    search.add(parent_path(join_path(judgement.project.root, exs.file)), exs);
  const std::vector<std::string> dependencies = search.search();
  outside.stores = search.stores_inside();
  for (const std::string& path : dependencies) {
    const bool is_shown =
        std::any_of(outside.directories.begin(), outside.directories.end(),
                    [&](const OutsideDirectory& shown) { return is_within(path, shown.target); });
    if (is_shown) continue;
    OutsideDirectory directory;
    auto fd = open_own(path);
    if (!fd) return propagate(fd);
    directory.path = directory.target = path;
    directory.fd = std::move(*fd);
    auto hidden = hidden_in(path, deny_in_dependency(judgement));
    if (!hidden) return propagate(hidden);
    directory.hidden = std::move(*hidden);
    outside.directories.push_back(std::move(directory));
  }
  return {};
}

// ---- Build and dependency paths -----------------------------------------------------------------

bool is_a_project(const std::string& path) {
  return is_there(join_path(path, "mix.exs")) || is_there(join_path(path, ".git"));
}

// BUILD/lib/APP/.mix; APP/ebin alone is what an installed Erlang, an Elixir or a release has.
bool is_build(const std::string& path) {
  const std::string lib = join_path(path, "lib");
  const std::vector<std::string> apps = names_in(lib);
  if (!is_directory(lib) || is_a_project(path)) return false;
  if (apps.empty()) return names_in(path).size() == 1;
  return std::any_of(apps.begin(), apps.end(), [&](const std::string& app) {
    return is_directory(join_path(lib, app + "/.mix"));
  });
}

// ROOT/ENV/lib/APP/ebin
bool is_build_root(const std::string& path) {
  const std::vector<std::string> names = names_in(path);
  return !is_a_project(path) && std::any_of(names.begin(), names.end(), [&](const auto& name) {
    return is_build(join_path(path, name));
  });
}

// DEPS/PACKAGE/mix.exs, or the build file of another tool
bool is_deps(const std::string& path) {
  static constexpr std::array kBuildFiles = {"mix.exs", "rebar.config", "Makefile", "erlang.mk"};
  const std::vector<std::string> names = names_in(path);
  const auto is_package = [&](const std::string& name) {
    return std::any_of(kBuildFiles.begin(), kBuildFiles.end(), [&](const char* file) {
      return is_there(join_path(join_path(path, name), file));
    });
  };
  return !is_a_project(path) && !names.empty() &&
         std::all_of(names.begin(), names.end(), is_package);
}

struct Moved {
  const char* variable;
  const char* usual;  // the directory that it moves
  bool is_one_env;    // what it names is the directory of one environment in that
  bool (*is_one)(const std::string& path);
  const char* kind;  // "a build"
};

// In the order of precedence.
constexpr std::array<Moved, 3> kMoved = {
    Moved{"MIX_BUILD_PATH", "_build", true, is_build, "compiled code"},
    Moved{"MIX_BUILD_ROOT", "_build", false, is_build_root, "compiled code"},
    Moved{"MIX_DEPS_PATH", "deps", false, is_deps, "dependencies"},
};

const std::string* value_of(const policy::Decision& decision, std::string_view name) {
  for (const policy::EnvVariable& variable : decision.environment) {
    if (variable.name == name) return &variable.value;
  }
  return nullptr;
}

// What a pattern for _build or deps lets be written in the directory that stands for it; relative
// to that. Nothing when the pattern is for something else.
std::optional<std::string> moved_pattern(const std::string& pattern, const Moved& moved,
                                         const std::string& env) {
  if (pattern.starts_with("**")) return pattern;
  const std::string prefix = std::string(moved.usual) + "/";
  if (!pattern.starts_with(prefix)) return std::nullopt;
  std::string rest = pattern.substr(prefix.size());
  if (!moved.is_one_env || rest.starts_with("**")) return rest;
  const std::size_t slash = rest.find('/');
  if (slash == std::string::npos || !policy::glob_matches(rest.substr(0, slash), env))
    return std::nullopt;
  return rest.substr(slash + 1);
}

std::vector<std::string> moved_patterns(const std::vector<std::string>& patterns,
                                        const Moved& moved, const std::string& env) {
  std::vector<std::string> result;
  for (const std::string& pattern : patterns) {
    if (auto here = moved_pattern(pattern, moved, env)) result.push_back(std::move(*here));
  }
  return result;
}

class MovedPaths {
 public:
  MovedPaths(const Judgement& judgement, const std::string& home, Outside& outside)
      : judgement_(judgement), home_(home), outside_(outside) {}

  Result<void> add(const Moved& moved) {
    const std::string* value = value_of(judgement_.decision, moved.variable);
    std::string& place = moved.usual == std::string_view("deps") ? outside_.deps : outside_.build;
    if (value == nullptr || place != moved.usual) return {};
    // Path.expand/1 takes a tilde for the home directory, and nothing for the working directory.
    if (value->empty() || value->starts_with('~'))
      return refuse(moved, *value, "give it as an absolute path");
    const std::string path = normal_path(join_path(judgement_.project.cwd, *value));
    const std::string real = real_as_far_as_there(path);
    for (const std::string& tools :
         {judgement_.toolchain.elixir_root, judgement_.toolchain.erlang_root}) {
      if (!tools.empty() && (is_within(real, tools) || is_within(tools, real)))
        return refuse(moved, *value, "Elixir or Erlang itself is there");
    }
    const bool is_new = !is_there(real);
    if (const auto why = why_kept_out(real, judgement_.project.root, home_))
      return refuse(moved, *value, *why);
    if (!is_new && !names_in(real).empty() && !moved.is_one(real)) {
      return refuse(moved, *value,
                    "it holds something else than " + std::string(moved.kind) +
                        "; name an empty directory or one that is not there yet");
    }
    return is_within(real, judgement_.project.root) ? add_inside(moved, *value, real, place)
                                                    : add_outside(moved, *value, path, real, place);
  }

 private:
  static Result<void> refuse(const Moved& moved, const std::string& value, const std::string& why) {
    return fail(std::string(moved.variable) + " names " + (value.empty() ? "nothing" : value) +
                    ", which cannot be used: " + why,
                EINVAL);
  }

  [[nodiscard]] std::vector<std::string> patterns_for(const Moved& moved) const {
    return moved_patterns(judgement_.decision.confinement.write, moved,
                          judgement_.decision.parts.front().env);
  }

  Result<void> add_inside(const Moved& moved, const std::string& value, const std::string& real,
                          std::string& place) {
    const std::string below = real.substr(judgement_.project.root.size() + 1);
    const std::string framed = "/" + below + "/";
    if (framed.find("/.git/") != std::string::npos || framed.starts_with("/.mixguard/"))
      return refuse(moved, value, "it is no place for files of Mix");
    // It becomes a part of patterns.
    if (below.find_first_of("*?") != std::string::npos)
      return refuse(moved, value, "its name has a * or ? in it");
    for (const std::string& pattern : patterns_for(moved))
      outside_.patterns.push_back(join_path(below, pattern));
    place = below;
    return {};
  }

  Result<void> add_outside(const Moved& moved, const std::string& value, const std::string& path,
                           const std::string& real, std::string& place) {
    if (is_hidden_in(home_, real))
      return refuse(moved, value, "it is in a hidden directory of the home directory");
    for (const OutsideDirectory& other : outside_.directories) {
      if (other.writable && (is_within(real, other.path) || is_within(other.path, real)))
        return refuse(moved, value, other.path + " is named as well");
    }
    OutsideDirectory directory;
    directory.writable = true;
    if (auto made = directory.made.make(real); !made) return made;
    auto fd = open_own(real);
    if (!fd) return refuse(moved, value, fd.error().message);
    directory.fd = std::move(*fd);
    directory.path = real;
    directory.target = path;
    directory.patterns = patterns_for(moved);
    directory.checkouts = place == "deps" ? "**" : "";
    auto hidden = hidden_in(real, judgement_.decision.confinement.deny);
    if (!hidden) return propagate(hidden);
    directory.hidden = std::move(*hidden);
    outside_.directories.push_back(std::move(directory));
    place = real;
    return {};
  }

  const Judgement& judgement_;
  const std::string& home_;
  Outside& outside_;
};

// ---- ~/.mix and ~/.hex --------------------------------------------------------------------------

Result<void> add_home_directory(const char* name, const Judgement& judgement,
                                const std::string& home, Outside& outside) {
  const std::string prefix = std::string("~/") + name + "/";
  OutsideDirectory directory;
  for (const std::string& pattern : judgement.decision.confinement.write) {
    if (pattern.starts_with(prefix)) directory.patterns.push_back(pattern.substr(prefix.size()));
  }
  if (directory.patterns.empty()) return {};
  directory.target = join_path(home, name);
  if (home.empty() || is_within(directory.target, judgement.project.root))
    return fail("~/" + std::string(name) +
                " cannot be written: HOME is not set, or it is in the project");
  directory.writable = true;
  directory.is_shared = true;
  if (auto made = directory.made.make(directory.target); !made) return made;
  directory.path = real_path(directory.target);
  if (directory.path.empty()) return fail(directory.target + ": " + std::strerror(errno), errno);
  if (const auto why = why_kept_out(directory.path, judgement.project.root, real_path(home)))
    return fail(directory.target + " cannot be written: " + *why);
  auto fd = open_own(directory.path);
  if (!fd) return propagate(fd);
  directory.fd = std::move(*fd);
  outside.directories.push_back(std::move(directory));
  return {};
}

}  // namespace

MadeDirectories::~MadeDirectories() {
  // One that is not empty stays.
  for (auto path = paths_.rbegin(); path != paths_.rend(); ++path)
    static_cast<void>(::rmdir(path->c_str()));
}

Result<void> MadeDirectories::make(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string above = path.substr(0, slash);
    if (::mkdir(above.c_str(), 0755) == 0) {
      paths_.push_back(above);
    } else if (errno != EEXIST) {
      return fail("make " + above + ": " + std::strerror(errno), errno);
    }
    if (slash == std::string::npos) return {};
  }
}

std::string real_as_far_as_there(const std::string& path) {
  std::string real = real_path(path);
  if (!real.empty() || path == "/") return real;
  return join_path(real_as_far_as_there(parent_path(path)),
                   std::filesystem::path(path).filename().string());
}

Result<Outside> find_outside(const Judgement& judgement, const std::string& home) {
  Outside outside;
  const std::vector<std::string>& write = judgement.decision.confinement.write;
  std::copy_if(write.begin(), write.end(), std::back_inserter(outside.patterns),
               [](const std::string& pattern) { return !pattern.starts_with("~/"); });
  if (judgement.decision.program != "mix" && judgement.decision.program != "iex") return outside;
  const std::string real_home = home.empty() ? home : real_path(home);
  for (const char* name : {".mix", ".hex"}) {
    auto added = add_home_directory(name, judgement, normal_path(home), outside);
    if (!added) return propagate(added);
  }
  MovedPaths moved_paths(judgement, real_home, outside);
  for (const Moved& moved : kMoved) {
    if (auto added = moved_paths.add(moved); !added) return propagate(added);
  }
  if (auto added = add_dependencies(judgement, real_home, outside); !added) return propagate(added);
  return outside;
}

std::vector<std::string> directories_beside(const Project& project, const std::string& home,
                                            std::vector<std::string>& notes) {
  const std::string real_home = home.empty() ? home : real_path(home);
  DependencySearch search(project, real_home, notes);
  for (const policy::MixExs& exs : read_mix_files(project.root, project.root))
    search.add(parent_path(join_path(project.root, exs.file)), exs);
  std::vector<std::string> found = search.search();
  for (const Moved& moved : kMoved) {
    const std::string value = environment_variable(moved.variable).value_or("");
    const std::string real =
        value.empty() ? std::string() : real_path(normal_path(join_path(project.root, value)));
    if (real.empty() || is_within(real, project.root)) continue;
    auto why = why_kept_out(real, project.root, real_home);
    if (!why && is_hidden_in(real_home, real)) why = "it is in a hidden directory of the home";
    if (!why && !moved.is_one(real)) why = "it does not hold " + std::string(moved.kind);
    if (why) {
      notes.push_back(std::string(moved.variable) + " names " + real +
                      ", which is left out: " + *why);
    } else {
      found.push_back(real);
    }
  }
  return tree::topmost(std::move(found));
}

}  // namespace mixguard::guard
