// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/return_plan.hpp"

#include <set>
#include <utility>

#include "guard/snapshot/apply.hpp"
#include "guard/snapshot/tree_diff.hpp"

namespace mixguard::guard {
namespace {

// There is no copy of what is wanted; or what lies there cannot be moved, or not be looked into.
Uncovered obstacle(const std::optional<Entry>& wanted, const std::optional<Entry>& present) {
  if (wanted && !wanted->is_kept()) return wanted->uncovered;
  const bool fixed = present && (present->uncovered == Uncovered::kElsewhere ||
                                 (present->is_dir() && !present->is_kept()));
  return fixed ? present->uncovered : Uncovered::kNone;
}

}  // namespace

Result<void> ReturnPlan::add(const std::string& path, const std::optional<Entry>& wanted,
                             const std::optional<Entry>& present) {
  const auto visit = [&](const Difference& difference) {
    return plan(difference.path, difference.before, difference.after);
  };
  const OnDamage leave = [&](const std::string& at) {
    left_alone_.emplace_back(at, Uncovered::kDamaged);
  };
  const bool lenient = on_loss_ == OnLoss::kLeaveOut;
  return compare(objects_, path, wanted, present, visit, lenient ? leave : OnDamage());
}

Result<void> ReturnPlan::plan(const std::string& path, const std::optional<Entry>& wanted,
                              const std::optional<Entry>& present) {
  if (const auto why = obstacle(wanted, present); why != Uncovered::kNone) {
    left_alone_.emplace_back(path, why);
    return {};
  }
  Op op;
  op.path = path;
  if (wanted && present && wanted->is_dir() && present->is_dir()) {
    // The top of all keeps its own.
    if (path.empty()) return {};
    op.attributes.emplace(Attributes{present->permissions(), present->mtime, {}},
                          Attributes{wanted->permissions(), wanted->mtime, {}});
    if (present->xattrs != wanted->xattrs) {
      op.attributes->first.xattrs = present->xattrs;
      op.attributes->second.xattrs = wanted->xattrs;
    }
    ops_.push_back(std::move(op));
    return {};
  }
  // Of a directory whose listing is damaged nothing could be made but its name.
  if (wanted && wanted->is_dir() && on_loss_ == OnLoss::kLeaveOut) {
    const auto listing = get_listing(objects_, wanted->content);
    if (!listing && is_damage(listing.error())) {
      left_alone_.emplace_back(path, Uncovered::kDamaged);
      return {};
    }
  }
  // Where the other side of the operation goes.
  if (!area_.of(path)) {
    auto parent = tree::make_dirs(area_fd_, tree::split(path).parent);
    if (!parent) return propagate(parent);
  }
  auto live = live_.look(path);
  if (!live) return propagate(live);
  if (*live) op.before.emplace(**live);
  if (wanted) {
    if (auto made = made_.make(path, *wanted); !made) return made;
    auto node = area_.look(path);
    if (!node) return propagate(node);
    if (!*node && on_loss_ == OnLoss::kLeaveOut) return {};  // left out, and said in the end
    if (!*node) return fail("put back " + path + ": what was made of it is gone", ESTALE);
    op.after.emplace(**node);
  }
  if (op.before || op.after) ops_.push_back(std::move(op));
  return {};
}

// The renames move the times of the directories they are done in, and need to write there.
Result<void> ReturnPlan::keep_parents() {
  std::set<std::string> known;
  std::set<std::string> parents;
  for (const Op& op : ops_) {
    if (op.attributes) known.insert(op.path);
    if (!op.attributes) parents.insert(tree::split(op.path).parent);
  }
  for (const std::string& path : parents) {
    if (path.empty() || known.contains(path)) continue;
    auto node = live_.look(path);
    if (!node) return propagate(node);
    if (!*node || !(*node)->is_dir()) continue;
    Op op;
    op.path = path;
    const Attributes same{(*node)->permissions(), (*node)->mtime, {}};
    op.attributes.emplace(same, same);
    ops_.push_back(std::move(op));
  }
  return {};
}

Result<std::vector<Op>> ReturnPlan::finish() {
  if (auto synced = sync_area(area_fd_, "", ops_, durability_); !synced) return propagate(synced);
  if (auto synced = durability_.finish(area_fd_); !synced) return propagate(synced);
  if (auto kept = keep_parents(); !kept) return propagate(kept);
  left_alone_.insert(left_alone_.end(), made_.left_out().begin(), made_.left_out().end());
  return std::move(ops_);
}

}  // namespace mixguard::guard
