// SPDX-License-Identifier: Apache-2.0
#include "guard/project.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>

#include "guard/files.hpp"
#include "policy/pattern.hpp"

namespace mixguard::guard {
namespace {

bool is_file(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode);
}
bool is_directory(const std::string& path) {
  struct stat info{};
  return ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

std::string nearest_mix_exs(std::string directory) {
  for (;; directory = parent_path(directory)) {
    if (is_file(join_path(directory, "mix.exs"))) return directory;
    if (directory == "/") return {};
  }
}

// An umbrella's app (UMBRELLA/apps/APP) builds into the umbrella's _build and deps.
std::string with_umbrella(const std::string& root) {
  const std::string apps = parent_path(root);
  const std::string umbrella = parent_path(apps);
  return apps.ends_with("/apps") && is_file(join_path(umbrella, "mix.exs")) ? umbrella : root;
}

using Directory = std::unique_ptr<DIR, DirectoryCloser>;

class DenySearch {
 public:
  explicit DenySearch(const std::vector<std::string>& patterns) : patterns_(patterns) {}

  Result<std::vector<std::string>> in(const std::string& root) {
    if (auto walked = walk(::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), "", 0);
        !walked)
      return propagate(walked);
    return std::move(found_);
  }

 private:
  bool denied(const std::string& path) const {
    return std::any_of(patterns_.begin(), patterns_.end(), [&](const std::string& pattern) {
      return policy::glob_matches(pattern, path);
    });
  }

  // A directory, also where the file system does not say so in its listing.
  static bool is_directory_entry(int directory, const dirent& entry) {
    if (entry.d_type != DT_UNKNOWN) return entry.d_type == DT_DIR;
    struct stat info{};
    return ::fstatat(directory, entry.d_name, &info, AT_SYMLINK_NOFOLLOW) == 0 &&
           S_ISDIR(info.st_mode);
  }

  Result<void> walk(int fd, const std::string& prefix, unsigned depth) {
    constexpr unsigned kMaxDepth = 200;  // each level holds a descriptor
    const Directory directory(fd < 0 ? nullptr : ::fdopendir(fd));
    if (directory && depth > kMaxDepth)
      return fail("search " + prefix + " for [fs] deny: it is nested too deeply", ELOOP);
    if (!directory) {
      if (errno == EACCES) return {};  // the command cannot read it either
      // It went, or became something else, since it was listed.
      const bool is_gone = errno == ENOENT || errno == ENOTDIR || errno == ELOOP;
      if (depth > 0 && is_gone) return {};
      return fail("search " + (prefix.empty() ? "the project" : prefix) +
                      " for [fs] deny: " + std::strerror(errno),
                  errno);
    }
    while (const dirent* entry = ::readdir(directory.get())) {
      const std::string_view name = entry->d_name;
      if (name == "." || name == ".." || (prefix.empty() && name == ".mixguard")) continue;
      const std::string path =
          prefix.empty() ? std::string(name) : prefix + "/" + std::string(name);
      // Where another project has a store, copies of what is denied may be in it.
      if (name == ".mixguard" || denied(path)) {
        found_.push_back(path);
        continue;
      }
      if (!is_directory_entry(::dirfd(directory.get()), *entry)) continue;
      const int child = ::openat(::dirfd(directory.get()), entry->d_name,
                                 O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
      if (auto walked = walk(child, path, depth + 1); !walked) return walked;
    }
    return {};
  }

  const std::vector<std::string>& patterns_;
  std::vector<std::string> found_;
};

// What programs look up in /etc: name services, the dynamic linker, certificates, terminals,
// alternatives. Not the rest: as root it holds secrets (/etc/shadow, keys) that file modes do not
// keep from uid 0.
constexpr std::array kEtc{"passwd",
                          "group",
                          "hosts",
                          "host.conf",
                          "nsswitch.conf",
                          "protocols",
                          "services",
                          "networks",
                          "localtime",
                          "timezone",
                          "ld.so.cache",
                          "ld.so.conf",
                          "ld.so.conf.d",
                          "alternatives",
                          "ssl/certs",
                          "ssl/openssl.cnf",
                          "ca-certificates.conf",
                          "pki/tls",
                          "crypto-policies",
                          "os-release",
                          "debian_version",
                          "mime.types",
                          "magic",
                          "locale.alias",
                          "locale.conf",
                          "inputrc",
                          "terminfo",
                          "bash.bashrc",
                          "profile",
                          "gitconfig",
                          "erlang",
                          "postgresql-common",
                          "mailcap",
                          "gai.conf",
                          "hostname"};

// A read pattern is enforced by showing a path, so it has to be one.
Result<std::string> path_of_pattern(const std::string& pattern) {
  std::string path = pattern.ends_with("/**") ? pattern.substr(0, pattern.size() - 3) : pattern;
  if (!path.starts_with('/') || path.find_first_of("*?") != std::string::npos) {
    return fail("[fs] read \"" + pattern +
                "\": only a path or PATH/** can be shown to the command");
  }
  return path;
}

const std::string& path_in_view(const sandbox::Bind& bind) { return bind.target; }
const std::string& path_in_view(const sandbox::Symlink& link) { return link.path; }

void add_system(sandbox::Workspace& workspace) {
  workspace.binds.push_back({"/usr", "/usr"});
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64", "libx32"}) {
    const std::string path = std::string("/") + name;
    std::array<char, PATH_MAX> target{};
    const ssize_t length = ::readlink(path.c_str(), target.data(), target.size() - 1);
    if (length > 0) {
      workspace.symlinks.push_back(
          {path, std::string(target.data(), static_cast<std::size_t>(length))});
    } else {
      workspace.binds.push_back({path, path, false, true});
    }
  }
  for (const char* name : kEtc) {
    const std::string path = std::string("/etc/") + name;
    workspace.binds.push_back({path, path, false, true});
  }
  for (const char* path : {"/sys/devices/system/cpu", "/sys/devices/system/node"}) {
    workspace.binds.push_back({path, path, false, true});
  }
}

void add_toolchain(sandbox::Workspace& workspace, const Toolchain& toolchain) {
  for (const std::string& root : {toolchain.elixir_root, toolchain.erlang_root}) {
    if (!root.empty() && !is_within(root, "/usr")) workspace.binds.push_back({root, root});
  }
  if (is_within(toolchain.erlang_root, "/nix/store"))
    workspace.binds.push_back({"/nix/store", "/nix/store"});
}

// Where the system's view or the project itself is, an empty private home would cover it: a home in
// the project is part of the project, one in a system directory (daemons have such) is read-only.
bool can_be_private(const std::string& home, const std::string& project_root,
                    const sandbox::Workspace& workspace) {
  if (home.front() != '/' || home == "/" || home == "/tmp") return false;
  if (!project_root.empty() && home != project_root && is_within(home, project_root)) return false;
  for (const char* directory : {"/dev", "/proc"}) {
    if (is_within(home, directory)) return false;
  }
  const auto covers = [&](const auto& shown) { return is_within(home, path_in_view(shown)); };
  return std::none_of(workspace.binds.begin(), workspace.binds.end(), covers) &&
         std::none_of(workspace.symlinks.begin(), workspace.symlinks.end(), covers);
}

void add_home(sandbox::Workspace& workspace, const std::string& home,
              const std::string& project_root) {
  if (home.empty()) return;
  const std::string normal = normal_path(home);
  if (!can_be_private(normal, project_root, workspace)) return;
  workspace.home = normal;
  for (const char* name : {".mix", ".hex", ".cache/rebar3", ".config/rebar3"}) {
    const std::string path = join_path(normal, name);
    if (is_directory(path)) workspace.binds.push_back({path, path, false, true});
  }
}

// What lies in `root`/`prefix` and neither is among `shown` nor leads there.
Result<void> list_beside(const std::vector<std::string>& shown, const std::string& root,
                         const std::string& prefix, std::vector<std::string>& beside) {
  const std::string path = join_path(root, prefix);
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP)) return {};
  const Directory directory(fd < 0 ? nullptr : ::fdopendir(fd));
  if (!directory) return fail(path + ": " + std::strerror(errno), errno);
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string_view name = entry->d_name;
    if (name == "." || name == ".." || (prefix.empty() && name == ".mixguard")) continue;
    const std::string at = prefix.empty() ? std::string(name) : join_path(prefix, name);
    if (std::find(shown.begin(), shown.end(), at) != shown.end()) continue;
    const bool leads_there = std::any_of(shown.begin(), shown.end(),
                                         [&](const auto& each) { return is_within(each, at); });
    if (!leads_there) {
      beside.push_back(at);
    } else if (auto listed = list_beside(shown, root, at, beside); !listed) {
      return listed;
    }
  }
  return {};
}

}  // namespace

std::string Project::folder() const {
  return new_folder.empty() || new_folder == "." ? root : join_path(root, new_folder);
}

Result<Project> find_project(const std::string& directory) {
  const std::string cwd = real_path(".");
  if (cwd.empty())
    return fail(std::string("the working directory: ") + std::strerror(errno), errno);
  Project project;
  if (directory.empty()) {
    project.root = with_umbrella(nearest_mix_exs(cwd));
  } else {
    const std::string given = real_path(directory);
    if (given.empty()) return fail("--project " + directory + ": " + std::strerror(errno), errno);
    if (!is_file(join_path(given, "mix.exs")))
      return fail("--project " + directory + ": there is no mix.exs in it", ENOENT);
    project.root = given;
  }
  project.cwd = !project.found() || is_within(cwd, project.root) ? cwd : project.root;
  return project;
}

Result<Project> place_of_new_project(const std::string& cwd, const std::string& path) {
  Project project;
  project.root = project.cwd = cwd;
  const std::string home = real_path(environment_variable("HOME").value_or(""));
  if (cwd == "/") return fail("a project cannot be made in /; change to a directory of your own");
  if (path == cwd) {
    project.new_folder = ".";
    if (home.empty() || !is_within(home, cwd)) return project;
    return fail(cwd +
                " would be the project, with everything in it; give the project a folder "
                "of its own (mix new NAME)");
  }
  project.new_folder = path.substr(cwd.size() + 1);
  // Its own, and where the archives are that make projects.
  std::vector<std::string> shown{project.new_folder};
  for (const char* name : {".mix", ".hex"}) {
    const std::string tools = join_path(home, name);
    if (!home.empty() && is_within(tools, cwd)) shown.push_back(tools.substr(cwd.size() + 1));
  }
  if (auto listed = list_beside(shown, cwd, "", project.hidden); !listed) return propagate(listed);
  return project;
}

Result<std::vector<std::string>> find_denied(const std::string& root,
                                             const std::vector<std::string>& patterns) {
  if (patterns.empty()) return std::vector<std::string>();
  return DenySearch(patterns).in(root);
}

std::vector<std::string> writable_roots(const std::vector<std::string>& patterns) {
  std::vector<std::string> roots;
  for (const std::string& pattern : patterns) {
    std::string path = pattern.ends_with("/**") ? pattern.substr(0, pattern.size() - 3) : pattern;
    if (path.empty() || path.find_first_of("*?") != std::string::npos) continue;
    if (std::find(roots.begin(), roots.end(), path) == roots.end())
      roots.push_back(std::move(path));
  }
  return roots;
}

Result<sandbox::Workspace> make_workspace(const Toolchain& toolchain,
                                          const policy::Confinement& confinement,
                                          const std::string& home,
                                          const std::string& project_root) {
  sandbox::Workspace workspace;
  add_system(workspace);
  add_toolchain(workspace, toolchain);
  add_home(workspace, home, project_root);
  for (const std::string& pattern : confinement.read) {
    Result<std::string> path = path_of_pattern(pattern);
    if (!path) return propagate(path);
    workspace.binds.push_back({*path, *path, false, true});
  }
  return workspace;
}

}  // namespace mixguard::guard
