// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/tree_diff.hpp"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

// What is still to be compared, the next at the back: a tree may be deeper than the stack.
using Pending = std::vector<Difference>;

// What cannot be listed is said and passed over, or an Error with its path.
Result<void> pass_over(const std::string& path, const Error& error, const OnDamage& on_damage) {
  const std::string where = path.empty() ? "." : path;
  if (!on_damage || !is_damage(error)) return fail(where + ": " + error.message, error.code);
  on_damage(where);
  return {};
}

Result<void> add_children(const Objects& objects, const Difference& parent, Pending& pending) {
  auto left = get_listing(objects, parent.before->content);
  if (!left) return propagate(left);
  auto right = get_listing(objects, parent.after->content);
  if (!right) return propagate(right);
  Pending children;
  auto a = left->begin();
  auto b = right->begin();
  while (a != left->end() || b != right->end()) {
    const bool has_a = a != left->end() && (b == right->end() || a->name <= b->name);
    const bool has_b = b != right->end() && (a == left->end() || b->name <= a->name);
    Difference child;
    child.path = tree::join(parent.path, has_a ? a->name : b->name);
    if (has_a) child.before = std::move(*a++);
    if (has_b) child.after = std::move(*b++);
    if (!child.before || !child.after || !same_entry(*child.before, *child.after))
      children.push_back(std::move(child));
  }
  std::move(children.rbegin(), children.rend(), std::back_inserter(pending));
  return {};
}

}  // namespace

Change change_of(const Difference& difference) {
  const auto& [path, before, after] = difference;
  Change change;
  change.path = path;
  change.directory = (after ? after : before)->is_dir();
  if (difference.attributes_only()) {
    change.kind = ChangeKind::kMode;
  } else if (!before) {
    change.kind = ChangeKind::kCreated;
  } else if (!after) {
    change.kind = ChangeKind::kDeleted;
  }
  return change;
}

Result<void> compare(const Objects& objects, const std::string& path,
                     const std::optional<Entry>& before, const std::optional<Entry>& after,
                     const std::function<Result<void>(const Difference&)>& visit,
                     const OnDamage& on_damage) {
  Pending pending;
  const bool same = before && after ? same_entry(*before, *after) : !before && !after;
  if (!same) pending.push_back({path, before, after});
  while (!pending.empty()) {
    const Difference at = std::move(pending.back());
    pending.pop_back();
    const bool into = at.attributes_only() && at.before->is_kept() && at.after->is_kept();
    if (into && at.before->content != at.after->content) {
      if (auto added = add_children(objects, at, pending); !added) {
        if (auto passed = pass_over(at.path, added.error(), on_damage); !passed) return passed;
        continue;
      }
    }
    if (into && same_attributes(*at.before, *at.after)) continue;
    if (auto visited = visit(at); !visited) return visited;
  }
  return {};
}

Result<void> each_entry(const Objects& objects, const std::string& path, const Entry& entry,
                        const std::function<Result<void>(const std::string&, const Entry&)>& visit,
                        const OnDamage& on_damage) {
  std::vector<std::pair<std::string, Entry>> pending = {{path, entry}};
  while (!pending.empty()) {
    const auto [at, found] = std::move(pending.back());
    pending.pop_back();
    if (auto visited = visit(at, found); !visited) return visited;
    if (!found.is_dir()) continue;
    auto listing = get_listing(objects, found.content);
    if (!listing) {
      if (auto passed = pass_over(at, listing.error(), on_damage); !passed) return passed;
      continue;
    }
    for (auto child = listing->rbegin(); child != listing->rend(); ++child) {
      std::string below = tree::join(at, child->name);
      pending.emplace_back(std::move(below), std::move(*child));
    }
  }
  return {};
}

}  // namespace mixguard::guard
