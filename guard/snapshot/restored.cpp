// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/restored.hpp"

#include <map>
#include <optional>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/roots.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

// The operations that move objects, by path, with their place in the list.
std::map<std::string, std::size_t> places_of(const std::vector<Op>& ops) {
  std::map<std::string, std::size_t> places;
  for (std::size_t i = 0; i < ops.size(); ++i) {
    if (!ops[i].attributes) places.emplace(full_path(ops[i]), i);
  }
  return places;
}

// A later operation moved a directory above the path, and the path with it.
bool was_taken_along(const std::map<std::string, std::size_t>& places, const Op& op,
                     std::size_t place) {
  for (std::string above = tree::split(op.path).parent; !above.empty();
       above = tree::split(above).parent) {
    const auto found = places.find(full_path(op.root, above));
    if (found != places.end() && found->second > place) return true;
  }
  return false;
}

// Renames of later operations in a directory move its ctime; what they put there is looked at by
// itself.
bool is_as_put_back(const Op& op, const std::optional<tree::Node>& node, std::int64_t settled) {
  if (op.attributes)
    return node && node->is_dir() && node->permissions() == op.attributes->second.mode;
  return same_object(op.after, node) && (!node || node->is_dir() || node->ctime < settled);
}

}  // namespace

Result<std::vector<std::string>> not_as_put_back(const Store& store, const std::string& run_id) {
  auto journal = read_journal(store, run_id);
  if (!journal) return propagate(journal);
  std::vector<std::string> paths;
  const LiveTrees trees(store.project_fd(), store.fd(), journal->extra_roots);
  LiveParents live(trees);
  const auto places = places_of(journal->ops);
  for (std::size_t i = 0; i < journal->ops.size(); ++i) {
    const Op& op = journal->ops[i];
    if (!op.withheld.empty() || was_taken_along(places, op, i)) continue;
    // A root that is gone holds nothing any more.
    auto node = trees.of(op.root) ? live.look(op.root, op.path)
                                  : Result<std::optional<tree::Node>>(std::nullopt);
    if (!node) return propagate(node);
    if (!is_as_put_back(op, *node, journal->settled)) paths.push_back(full_path(op));
  }
  return paths;
}

Result<std::string> rollback_at_the_end(const Store& store) {
  auto ids = store.runs();
  if (!ids) return propagate(ids);
  for (auto id = ids->rbegin(); id != ids->rend(); ++id) {
    auto journal = read_journal(store, *id);
    if (!journal) return propagate(journal);
    if (journal->state != RunState::kDone) continue;
    const bool goes_back =
        journal->kind == RunKind::kRollback || journal->kind == RunKind::kRestore;
    return goes_back ? *id : std::string();
  }
  return std::string();
}

}  // namespace mixguard::guard
