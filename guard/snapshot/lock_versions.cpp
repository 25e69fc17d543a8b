// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/lock_versions.hpp"

#include <cerrno>
#include <utility>

#include "guard/digest.hpp"
#include "guard/snapshot/mix_layout.hpp"

namespace mixguard::guard {
namespace {

// What the runs did to one mix.lock, as far as it hangs together.
struct Trail {
  std::string path;
  std::optional<Identity> after;   // what the newest left
  std::optional<Identity> before;  // what the oldest found
  std::string area;                // that holds it, below runs/
  std::int64_t settled = 0;        // when the newest was over
  std::size_t steps = 0;
  bool is_broken = false;          // edited between two of the runs
  std::optional<LockLines> lines;  // of what the newest left
};

std::string digest_of(const std::optional<std::string>& text) {
  return text ? sha256_hex(*text) : std::string();
}

LockLines lines_of(const MixLock& lock, const std::string& path) {
  LockLines lines{path, {}};
  for (const LockEntry& entry : lock.entries)
    lines.digests.emplace_back(entry.name, digest_of(entry.text));
  return lines;
}

// Empty when the dependency is not locked.
std::string digest_in(const LockLines& lines, const std::string& name) {
  for (const auto& [each, digest] : lines.digests) {
    if (each == name) return digest;
  }
  return {};
}

void follow(std::map<std::string, Trail>& trails, const Journal& run, const Op& op) {
  auto [place, is_new] = trails.try_emplace(op.path);
  Trail& trail = place->second;
  if (is_new) {
    trail.path = op.path;
    trail.after = op.after;
    trail.settled = run.settled;
    for (const LockLines& lines : run.locks) {
      if (lines.path == op.path) trail.lines = lines;
    }
    if (!op.after) trail.lines = LockLines{op.path, {}};
  } else if (trail.is_broken || !same_object(op.after, trail.before)) {
    trail.is_broken = true;
    return;
  }
  trail.before = op.before;
  trail.area = area_of(run, op);
  ++trail.steps;
}

class VersionReader {
 public:
  VersionReader(const Store& store, int runs) : live_(store.project_fd()), runs_(runs) {}

  Result<LockVersions> read(const Trail& trail) {
    LockVersions lock;
    auto node = live_.look(trail.path);
    if (!node) return propagate(node);
    lock.node = *node;
    auto now = content(live_, trail.path, lock.node);
    if (!now) {
      lock.trouble = now.error().message;
      return lock;
    }
    take("as it is", *now, lock.now, lock);
    auto before = before_of(trail, *now, lock);
    if (!before) return propagate(before);
    take("from before", *before, lock.before, lock);
    if (lock.node) lock.model = *lock.node;
    const bool same =
        same_object(trail.after, lock.node) && (!lock.node || lock.node->ctime < trail.settled);
    lock.is_untouched = same && trail.steps == 1 && !trail.is_broken;
    lock.after = same ? lines_of(lock.now, trail.path) : trail.lines;
    return lock;
  }

 private:
  using Text = std::optional<std::string>;

  // An absent file locks nothing.
  static void take(const char* which, const Text& text, MixLock& version, LockVersions& lock) {
    if (!text) return;
    auto parsed = parse_mix_lock(*text);
    if (parsed) {
      version = std::move(*parsed);
    } else if (lock.trouble.empty()) {
      lock.trouble = std::string("mix.lock ") + which + ", " + parsed.error().message;
    }
  }

  static Result<Text> content(tree::Parents& parents, const std::string& path,
                              const std::optional<tree::Node>& node) {
    if (!node) return Text();
    auto dir = parents.of(path);
    if (!dir) return propagate(dir);
    auto text = tree::read_file(*dir, tree::split(path).name);
    if (!text) return propagate(text);
    return Text(std::move(*text));
  }

  // `now`: what the project has.
  Result<Text> before_of(const Trail& trail, const Text& now, LockVersions& lock) {
    if (!trail.before) return Text();
    if (same_object(trail.before, lock.node)) {  // undone already
      lock.model = *lock.node;
      return now;
    }
    const std::string path = tree::join(trail.area, trail.path);
    auto node = runs_.look(path);
    if (!node) return propagate(node);
    if (!same_object(trail.before, *node))
      return fail("roll back " + trail.path + ": the store does not hold its version from before",
                  EBADMSG);
    lock.model = **node;
    return content(runs_, path, *node);
  }

  tree::Parents live_;
  tree::Parents runs_;
};

}  // namespace

bool LockVersions::changes(const std::string& name) const {
  if (after) return digest_in(*after, name) != digest_of(before.text_of(name));
  return now.text_of(name) != before.text_of(name);
}

bool LockVersions::is_edited(const std::string& name) const {
  const auto present = now.text_of(name);
  if (present == before.text_of(name)) return false;
  return !after || digest_of(present) != digest_in(*after, name);
}

std::optional<LockLines> read_lock_lines(int root, const std::string& path) {
  const auto dir = tree::open_dir(root, tree::split(path).parent);
  const auto text = dir ? tree::read_file(dir->get(), tree::split(path).name) : propagate(dir);
  const auto lock = text ? parse_mix_lock(*text) : propagate(text);
  if (!lock) return std::nullopt;
  return lines_of(*lock, path);
}

Result<std::map<std::string, LockVersions>> read_lock_versions(
    const Store& store, const std::vector<const Journal*>& runs) {
  std::map<std::string, Trail> trails;
  for (const Journal* run : runs) {
    for (const Op& op : run->ops) {
      if (op.root.empty() && mix_layout::is_lock(op.path) && !op.attributes && op.withheld.empty())
        follow(trails, *run, op);
    }
  }
  auto dir = tree::open_dir(store.fd(), "runs");
  if (!dir) return propagate(dir);
  VersionReader reader(store, dir->get());
  std::map<std::string, LockVersions> locks;
  for (const auto& [path, trail] : trails) {
    auto lock = reader.read(trail);
    if (!lock) return propagate(lock);
    locks.emplace(path, std::move(*lock));
  }
  return locks;
}

}  // namespace mixguard::guard
