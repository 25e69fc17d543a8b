// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/builds.hpp"

#include <fcntl.h>
#include <time.h>

#include <algorithm>
#include <set>
#include <utility>

#include "guard/files.hpp"
#include "guard/snapshot/mix_layout.hpp"
#include "guard/snapshot/roots.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

constexpr std::size_t kRuns = 32;  // so many of the newest are asked where they had their builds
constexpr const char* kDefault = "_build";
constexpr std::int64_t kSecond = 1'000'000'000;  // nanoseconds

}  // namespace

// One that cannot be read tells nothing.
Result<std::set<std::string>> moved_builds(const Store& store) {
  auto ids = store.runs();
  if (!ids) return propagate(ids);
  std::set<std::string> places;
  std::size_t count = 0;
  for (auto id = ids->rbegin(); id != ids->rend() && count < kRuns; ++id, ++count) {
    const auto journal = read_journal(store, *id);
    if (journal && journal->build != kDefault) places.insert(journal->build);
  }
  const std::string& root = store.project_root();
  for (const char* variable : {"MIX_BUILD_PATH", "MIX_BUILD_ROOT"}) {
    const auto value = environment_variable(variable);
    if (!value || value->empty()) continue;
    const std::string path = normal_path(join_path(root, *value));
    places.insert(is_within(path, root) ? tree::path_below(path, root) : path);
  }
  places.erase(std::string());
  places.erase(kDefault);
  return places;
}

namespace {

class Builds {
 public:
  // In the project, in `roots` and where the newest runs had theirs.
  static Result<Builds> find(const Store& store, const std::vector<ExtraRoot>& roots);

  // Later than all that was compiled.
  [[nodiscard]] std::int64_t time_for_sources() const;
  // Something that no operation replaces was compiled after `moment`.
  [[nodiscard]] bool compiled_since(std::int64_t moment, const std::vector<Op>& ops) const;
  // The full path is of a build that is called otherwise than Mix does, or leads to one.
  [[nodiscard]] bool concerns(const std::string& full) const;

 private:
  struct Manifest {
    std::string path;  // full_path()
    std::int64_t mtime = 0;
    std::int64_t ctime = 0;
  };
  std::vector<std::string> places_;  // full_path() of each
  std::vector<Manifest> manifests_;
};

bool replaces(const Op& op, const std::string& full) {
  return !op.attributes && tree::is_at_or_below(full, full_path(op));
}

Result<Builds> Builds::find(const Store& store, const std::vector<ExtraRoot>& roots) {
  auto places = moved_builds(store);
  if (!places) return propagate(places);
  Builds builds;
  builds.places_ = {places->begin(), places->end()};
  for (const ExtraRoot& root : roots) places->insert(root.path);
  places->insert("");
  for (const std::string& place : *places) {
    const bool outside = place.starts_with('/');
    const tree::UniqueFd fd(
        outside ? ::open(place.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC) : -1);
    if (outside && !fd) continue;  // it is not there any more
    auto found = mix_layout::manifests(outside ? fd.get() : store.project_fd(),
                                       outside ? std::string() : place);
    if (!found) return propagate(found);
    for (const auto& [path, node] : *found)
      builds.manifests_.push_back(
          {full_path(outside ? place : std::string(), path), node.mtime, node.ctime});
  }
  return builds;
}

std::int64_t Builds::time_for_sources() const {
  std::int64_t newest = 0;
  for (const Manifest& manifest : manifests_) newest = std::max(newest, manifest.mtime);
  return mix_layout::time_after(newest);
}

bool Builds::compiled_since(std::int64_t moment, const std::vector<Op>& ops) const {
  return std::any_of(manifests_.begin(), manifests_.end(), [&](const Manifest& manifest) {
    // Its time is that of the compilation's begin, in whole seconds; a rename moves the other.
    const bool later = manifest.ctime > moment && manifest.mtime + kSecond > moment;
    return later && std::none_of(ops.begin(), ops.end(),
                                 [&](const Op& op) { return replaces(op, manifest.path); });
  });
}

bool Builds::concerns(const std::string& full) const {
  return std::any_of(places_.begin(), places_.end(), [&](const std::string& place) {
    return tree::is_at_or_below(full, place) || tree::is_at_or_below(place, full);
  });
}

// Outside only a path dependency has any: a build, or a directory of dependencies, is no project.
Result<bool> has_sources(const LiveTrees& live, const std::string& root) {
  if (root.empty()) return true;
  auto fd = live.of(root);
  if (!fd) return propagate(fd);
  auto node = tree::look(*fd, "mix.exs");
  if (!node) return propagate(node);
  return node->has_value();
}

// By its path alone.
bool may_be_source(const Op& op) {
  return !op.attributes && op.after && mix_layout::is_source(op.path);
}

Result<bool> is_source(const LiveTrees& live, const Op& op) {
  if (!may_be_source(op)) return false;
  auto sources = has_sources(live, op.root);
  if (!sources || !*sources) return sources;
  auto fd = live.of(op.root);
  if (!fd) return propagate(fd);
  auto compiled = mix_layout::is_compiled(*fd, op.path);
  if (!compiled) return compiled;
  return !*compiled;
}

}  // namespace

Result<void> renew_sources(const Store& store, std::int64_t moment, bool always, Journal& journal) {
  if (std::none_of(journal.ops.begin(), journal.ops.end(), may_be_source)) return {};
  auto builds = Builds::find(store, journal.extra_roots);
  if (!builds) return propagate(builds);
  if (!always && !builds->compiled_since(moment, journal.ops)) return {};
  // Only now is each looked at: there may be thousands.
  const LiveTrees live(store.project_fd(), store.fd(), journal.extra_roots);
  bool any = false;
  for (Op& op : journal.ops) {
    auto source = is_source(live, op);
    if (!source) return propagate(source);
    if (!*source) continue;
    op.touch = !builds->concerns(full_path(op));
    any = true;
  }
  if (any) journal.touch_time = builds->time_for_sources();
  return {};
}

void wait_for_sources(const Journal& journal) {
  if (journal.touch_time == 0) return;
  const timespec until{journal.touch_time / kSecond, journal.touch_time % kSecond};
  timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  // A clock that was set back is no reason to wait longer.
  if (until.tv_sec - now.tv_sec > 1) return;
  ::clock_nanosleep(CLOCK_REALTIME, TIMER_ABSTIME, &until, nullptr);
}

}  // namespace mixguard::guard
