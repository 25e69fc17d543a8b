// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/mix_layout.hpp"

#include <algorithm>
#include <cerrno>
#include <ctime>
#include <map>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard::mix_layout {
namespace {

constexpr const char* kMix = ".mix";

// The first component, taken off `path`.
std::string_view take_component(std::string_view& path) {
  const std::size_t end = std::min(path.find('/'), path.size());
  const std::string_view component = path.substr(0, end);
  path.remove_prefix(std::min(end + 1, path.size()));
  return component;
}

// Without the apps/X/ of an umbrella's app.
std::string_view in_home(std::string_view path) {
  std::string_view rest = path;
  if (take_component(rest) != "apps") return path;
  take_component(rest);
  return rest.empty() ? path : rest;
}

// What is in the directory; nothing where there is none.
Result<std::vector<std::string>> names_in(int project, const std::string& path) {
  auto dir = tree::open_dir(project, path);
  // What is mounted there is not the project's.
  const bool absent = !dir && (dir.error().code == ENOENT || dir.error().code == ENOTDIR ||
                               dir.error().code == ELOOP || dir.error().code == EXDEV);
  if (absent) return std::vector<std::string>();
  if (!dir) return propagate(dir);
  auto names = tree::list(dir->get(), path);
  if (names) std::sort(names->begin(), names->end());
  return names;
}

// The directories of this path, below each home, that there are.
Result<std::vector<std::string>> existing(int project, const std::vector<std::string>& paths) {
  std::vector<std::string> found;
  tree::Parents parents(project);
  for (const std::string& path : paths) {
    auto node = parents.look(path);
    if (!node && node.error().code == EXDEV) continue;
    if (!node) return propagate(node);
    if (*node) found.push_back(path);
  }
  return found;
}

// Each _build/ENV/lib.
Result<std::vector<std::string>> libraries(int project) {
  auto all = homes(project);
  if (!all) return all;
  std::vector<std::string> paths;
  for (const std::string& home : *all) {
    const std::string build = tree::join(home, "_build");
    auto environments = names_in(project, build);
    if (!environments) return environments;
    for (const std::string& name : *environments)
      paths.push_back(tree::join(tree::join(build, name), "lib"));
  }
  return paths;
}

struct Built {
  std::string path;
  std::set<std::string> needs;
};

Result<std::multimap<std::string, Built>> built_dependencies(int project) {
  std::multimap<std::string, Built> all;
  auto folders = libraries(project);
  if (!folders) return propagate(folders);
  for (const std::string& folder : *folders) {
    auto names = names_in(project, folder);
    if (!names) return propagate(names);
    for (const std::string& name : *names) {
      auto is_fetched = fetched(project, name);
      if (!is_fetched) return propagate(is_fetched);
      if (is_fetched->empty()) continue;
      const std::string path = tree::join(folder, name);
      auto ebin = tree::open_dir(project, path + "/ebin");
      const auto text = ebin ? tree::read_file(ebin->get(), name + ".app") : propagate(ebin);
      all.emplace(name, Built{path, text ? needed_applications(*text) : std::set<std::string>()});
    }
  }
  return all;
}

using Manifests = std::vector<std::pair<std::string, tree::Node>>;

// Of the applications of a `lib`.
Result<void> add_manifests(int root, const std::string& library, Manifests& all) {
  auto names = names_in(root, library);
  if (!names) return propagate(names);
  tree::Parents parents(root);
  for (const std::string& name : *names) {
    const std::string folder = tree::join(tree::join(library, name), kMix);
    auto manifests = names_in(root, folder);
    if (!manifests) return propagate(manifests);
    for (const std::string& manifest : *manifests) {
      if (!manifest.starts_with("compile.")) continue;
      std::string path = tree::join(folder, manifest);
      auto node = parents.look(path);
      if (!node) return propagate(node);
      if (*node) all.emplace_back(std::move(path), **node);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<std::pair<std::string, tree::Node>>> manifests(int root,
                                                                  const std::string& build) {
  // What is closed to the caller, or another file system, is no build of the project.
  const auto is_none = [](const Error& error) {
    return tree::is_denied(error.code) || error.code == EXDEV;
  };
  auto places = build.empty() ? libraries(root) : std::vector<std::string>();
  if (!places && is_none(places.error())) places = std::vector<std::string>();
  if (!places) return propagate(places);
  // Of a MIX_BUILD_PATH and of a MIX_BUILD_ROOT.
  auto environments = names_in(root, build);
  if (!environments && is_none(environments.error())) environments = std::vector<std::string>();
  if (!environments) return propagate(environments);
  places->push_back(tree::join(build, "lib"));
  for (const std::string& name : *environments)
    places->push_back(tree::join(tree::join(build, name), "lib"));
  Manifests all;
  for (const std::string& library : *places) {
    auto added = add_manifests(root, library, all);
    if (!added && !is_none(added.error())) return propagate(added);
  }
  return all;
}

Result<bool> is_compiled(int root, const std::string& path) {
  tree::Parents parents(root);
  for (std::string above = path; !above.empty(); above = tree::split(above).parent) {
    if (tree::split(above).name == kMix) return true;
    auto node = parents.look(tree::join(above, kMix));
    if (!node && (tree::is_denied(node.error().code) || node.error().code == ENOTDIR)) continue;
    if (!node) return propagate(node);
    if (*node && (*node)->is_dir()) return true;
  }
  return false;
}

bool is_lock(std::string_view path) { return in_home(path) == "mix.lock"; }

bool is_configuration(std::string_view path) {
  std::string_view rest = in_home(path);
  const std::string_view first = take_component(rest);
  // A file has nothing below it.
  return std::find(kConfiguration.begin(), kConfiguration.end(), first) != kConfiguration.end() &&
         (rest.empty() || first == "config");
}

bool is_source(std::string_view path) {
  std::string_view rest = in_home(path);
  const std::string_view first = take_component(rest);
  return first != "_build" && first != "deps";
}

std::int64_t time_after(std::int64_t built) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  return std::max(now.tv_sec * kSecond + now.tv_nsec, (built / kSecond + 1) * kSecond);
}

std::string_view fetched_name(std::string_view path) {
  std::string_view rest = in_home(path);
  return take_component(rest) == "deps" ? take_component(rest) : std::string_view();
}

std::string_view built_name(std::string_view path) {
  std::string_view rest = in_home(path);
  if (take_component(rest) != "_build") return {};
  take_component(rest);
  return take_component(rest) == "lib" ? take_component(rest) : std::string_view();
}

std::string_view build_at(std::string_view path) {
  const std::string_view name = built_name(path);
  if (name.empty()) return {};
  return path.substr(0, static_cast<std::size_t>(name.end() - path.begin()));
}

Result<std::vector<std::string>> homes(int project) {
  auto names = names_in(project, "apps");
  if (!names) return names;
  std::vector<std::string> all{""};
  for (const std::string& name : *names) all.push_back("apps/" + name);
  return all;
}

Result<std::vector<std::string>> fetched(int project, const std::string& name) {
  auto all = homes(project);
  if (!all) return all;
  for (std::string& home : *all) home = tree::join(home, "deps/" + name);
  return existing(project, *all);
}

Result<std::vector<std::string>> builds(int project, const std::string& name) {
  auto folders = libraries(project);
  if (!folders) return folders;
  for (std::string& folder : *folders) folder = tree::join(folder, name);
  return existing(project, *folders);
}

Result<std::vector<std::string>> builds_of_dependents(int project, const std::string& name) {
  auto built = built_dependencies(project);
  if (!built) return propagate(built);
  std::set<std::string> affected{name};
  for (std::size_t before = 0; before != affected.size();) {
    before = affected.size();
    for (const auto& [dependency, one] : *built) {
      const auto needs = [&needed = one.needs](const std::string& each) {
        return needed.contains(each);
      };
      if (std::any_of(affected.begin(), affected.end(), needs)) affected.insert(dependency);
    }
  }
  std::vector<std::string> paths;
  for (const auto& [dependency, one] : *built) {
    if (dependency != name && affected.contains(dependency)) paths.push_back(one.path);
  }
  return paths;
}

Result<std::vector<std::string>> recheck_marks(int project, const std::string& libraries) {
  auto names = names_in(project, libraries);
  if (!names) return names;
  std::vector<std::string> paths;
  for (const std::string& name : *names) {
    auto is_fetched = fetched(project, name);
    if (!is_fetched) return is_fetched;
    if (is_fetched->empty())
      paths.push_back(tree::join(tree::join(libraries, name), ".mix/compile.lock"));
  }
  return paths;
}

std::set<std::string> needed_applications(std::string_view app_file) {
  constexpr std::string_view kKey = "{applications,";
  const std::size_t key = app_file.find(kKey);
  if (key == std::string_view::npos) return {};
  const std::size_t begin = app_file.find('[', key);
  const std::size_t end = app_file.find(']', key);
  if (begin == std::string_view::npos || end == std::string_view::npos || end < begin) return {};
  std::set<std::string> names;
  std::string name;
  for (const char c : app_file.substr(begin + 1, end - begin)) {
    const bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || c == '_' || c == '@';
    if (is_word) {
      name += c;
    } else if (!name.empty()) {
      names.insert(std::move(name));
      name.clear();
    }
  }
  return names;
}

}  // namespace mixguard::guard::mix_layout
