// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/live_objects.hpp"

#include <cerrno>
#include <utility>
#include <vector>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/manifest.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/snapshot.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

// What the run had captured; nothing when it captures nothing, or not yet.
Result<Manifest> captured_by(const Store& store, const std::string& run_id) {
  auto dir = tree::open_dir(store.fd(), "runs/" + run_id);
  if (!dir && dir.error().code == ENOENT) return Manifest();
  if (!dir) return propagate(dir);
  auto manifest = load_manifest(dir->get());
  if (manifest) return manifest;
  auto journal = load_journal(dir->get(), run_id);
  const bool needs_it = !journal || (*journal && (*journal)->state == RunState::kCaptured);
  if (!needs_it) return Manifest();
  return fail("run " + run_id + ": " + manifest.error().message, manifest.error().code);
}

}  // namespace

Result<LiveObjects> LiveObjects::of_everything(const Store& store, const Objects& objects) {
  LiveObjects live;
  auto ids = snapshot_ids(store);
  if (!ids) return propagate(ids);
  for (const std::string& id : *ids) {
    auto snapshot = load_snapshot(store, id);
    if (!snapshot) return propagate(snapshot);
    if (auto added = live.add(objects, *snapshot); !added) return propagate(added);
  }
  auto active = tree::open_dir(store.fd(), "active");
  if (!active) return propagate(active);
  auto runs = tree::list(active->get(), "active");
  if (!runs) return propagate(runs);
  for (const std::string& id : *runs) {
    if (!is_run_id(id)) continue;
    auto manifest = captured_by(store, id);
    if (!manifest) return propagate(manifest);
    for (const auto& [path, entry] : *manifest) {
      auto added = entry ? live.add(objects, *entry) : Result<void>();
      if (!added) return propagate(added);
    }
  }
  return live;
}

Result<void> LiveObjects::add(const Objects& objects, const Snapshot& snapshot,
                              const IsNew& is_new) {
  auto added = add(objects, snapshot.top, is_new);
  for (const auto& [path, top] : snapshot.outside) {
    if (added) added = add(objects, top, is_new);
  }
  return added;
}

Result<void> LiveObjects::add(const Objects& objects, const Entry& top, const IsNew& is_new) {
  const auto add_one = [&](const ObjectId& id) {
    if (ids_.insert(id).second && is_new) is_new(id);
  };
  std::vector<Entry> pending = {top};
  while (!pending.empty()) {
    const Entry entry = std::move(pending.back());
    pending.pop_back();
    const Content& content = entry.content;
    if (content.empty()) continue;
    // A file may hold the very bytes of a listing, or of a list of pieces: that an object is known
    // does not mean that what it leads to is.
    const bool known = entry.is_dir() ? !listings_.insert(content.id).second
                                      : !content.cut && ids_.contains(content.id);
    if (known) continue;
    if (auto added = each_object(objects, content, add_one); !added) return added;
    if (!entry.is_dir()) continue;
    auto listing = get_listing(objects, content);
    if (!listing) return propagate(listing);
    std::move(listing->begin(), listing->end(), std::back_inserter(pending));
  }
  return {};
}

}  // namespace mixguard::guard
