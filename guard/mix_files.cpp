// SPDX-License-Identifier: Apache-2.0
#include "guard/mix_files.hpp"

#include <dirent.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "guard/files.hpp"
#include "guard/snapshot/store.hpp"

namespace mixguard::guard {
namespace {

constexpr std::size_t kMostApps = 256;
constexpr std::chrono::seconds kLongest{4};  // for all apps together; each file has its own limit

std::string shown(const std::string& path, const std::string& project_root) {
  const bool is_below = is_within(path, project_root) && path != project_root;
  return is_below && project_root != "/" ? path.substr(project_root.size() + 1) : path;
}

std::optional<policy::MixExs> read_one(const std::string& directory,
                                       const std::string& project_root) {
  const std::string path = join_path(directory, "mix.exs");
  const auto text = read_file(path);
  if (!text) {
    return policy::unreadable_mix_exs(shown(path, project_root), {1, text.error().message});
  }
  if (!*text) return std::nullopt;
  return policy::read_mix_exs(**text, shown(path, project_root));
}

// Names below an umbrella's apps_path, sorted; nothing when it cannot be listed.
std::optional<std::vector<std::string>> list_apps(const std::string& directory) {
  const std::unique_ptr<DIR, DirectoryCloser> listing(::opendir(directory.c_str()));
  if (!listing) return std::nullopt;
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing.get())) {
    if (std::string_view(entry->d_name).starts_with('.')) continue;  // Mix takes "*/mix.exs"
    names.emplace_back(entry->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

void make_unreadable(policy::MixExs& umbrella, policy::Unreadable trouble) {
  umbrella.aliases = tl::unexpected(std::move(trouble));
}

void add_apps(const std::string& directory, const std::string& project_root,
              std::vector<policy::MixExs>& files) {
  const auto& apps_path = files.front().apps_path;
  if (!apps_path) return make_unreadable(files.front(), apps_path.error());
  if (apps_path->empty()) return;
  const std::string apps = join_path(directory, *apps_path);
  const auto names = list_apps(apps);
  if (!names || names->size() > kMostApps) {
    return make_unreadable(files.front(),
                           {1, names ? "more than 256 apps" : "apps_path cannot be listed"});
  }
  const auto is_late = within(kLongest);
  for (const std::string& name : *names) {
    if (is_late()) return make_unreadable(files.front(), {1, "its apps take too long to read"});
    if (auto app = read_one(join_path(apps, name), project_root)) files.push_back(std::move(*app));
  }
}

}  // namespace

std::vector<policy::MixExs> read_mix_files(const std::string& directory,
                                           const std::string& project_root) {
  std::vector<policy::MixExs> files;
  if (auto own = read_one(directory, project_root)) {
    files.push_back(std::move(*own));
    add_apps(directory, project_root, files);
  }
  return files;
}

}  // namespace mixguard::guard
