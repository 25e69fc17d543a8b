// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/transaction.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "guard/snapshot/apply.hpp"
#include "guard/snapshot/classify.hpp"
#include "guard/snapshot/overlay_marks.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using tree::fail_errno;

constexpr const char* kStoreName = ".mixguard";

// The kernel writes what is dirty within half a minute, within ten on some laptops.
constexpr std::int64_t kWrittenBackAfter = 3600LL * 1'000'000'000;

// Makes the directories of upper that lead to `path`, each like the project's own, so that they
// merge unnoticed. False when the project has no such directory: then there is nothing to hide.
Result<bool> make_parents_alike(int upper, int project, const std::string& path) {
  for (std::size_t slash = path.find('/'); slash != std::string::npos;
       slash = path.find('/', slash + 1)) {
    const std::string parent = path.substr(0, slash);
    auto model = tree::Parents(project).look(parent);
    if (!model) return propagate(model);
    if (!*model || !(*model)->is_dir()) return false;
    auto made = tree::make_dirs(upper, parent);
    if (!made) return propagate(made);
  }
  return true;
}

Result<void> copy_directory_looks(int upper, int project, const std::string& path) {
  tree::Parents parents(project);
  auto model = parents.look(path);
  if (!model) return propagate(model);
  if (!*model) return {};
  auto dir = tree::open_dir(upper, path);
  if (!dir) return propagate(dir);
  return tree::make_alike(dir->get(), ".", **model);
}

Result<void> put_whiteout(int upper, const std::string& path) {
  auto parent = tree::open_dir(upper, tree::split(path).parent);
  if (!parent) return propagate(parent);
  // No privilege needed: a 0/0 device opens nothing (Linux 5.8).
  if (::mknodat(parent->get(), tree::split(path).name.c_str(), S_IFCHR, makedev(0, 0)) < 0 &&
      errno != EEXIST)
    return fail_errno("hide", path);
  return {};
}

}  // namespace

Result<Transaction> Transaction::begin(const Store& store, const std::string& run_id,
                                       const std::vector<std::string>& hidden) {
  auto run = make_run(store, run_id);
  if (!run) return propagate(run);
  Transaction transaction;
  transaction.run_ = std::move(*run);
  transaction.upper_ = transaction.run_.path + "/upper";
  transaction.work_ = transaction.run_.path + "/work";
  transaction.project_root_ = store.project_root();
  transaction.journal_.area = run_id + "/upper";
  transaction.journal_.hidden = hidden;
  if (store.inside_project()) transaction.journal_.hidden.emplace_back(kStoreName);
  if (auto seeded = transaction.seed(); !seeded) {
    // The first failure is the one to report; what is left of the run recover() removes.
    (void)transaction.discard();
    return propagate(seeded);
  }
  return transaction;
}

Result<void> Transaction::seed() {
  auto ours = tree::look_at(run_.dir.get(), run_.path);
  if (!ours) return propagate(ours);
  auto theirs = tree::look_at(run_.project.get(), project_root_);
  if (!theirs) return propagate(theirs);
  if (ours->device != theirs->device)
    return fail("begin run " + run_.id + ": " + run_.path +
                    " is not on the project's file system, so nothing could be committed",
                EXDEV);
  for (const char* name : {"upper", "work"}) {
    if (::mkdirat(run_.dir.get(), name, 0700) < 0) return fail_errno("make", name);
  }
  auto upper = tree::open_dir(run_.dir.get(), "upper");
  if (!upper) return propagate(upper);
  upper_fd_ = std::move(*upper);
  std::vector<std::string> looks = {""};
  for (const std::string& path : journal_.hidden) {
    auto parents = make_parents_alike(upper_fd_.get(), run_.project.get(), path);
    if (!parents) return propagate(parents);
    if (!*parents) continue;
    if (auto put = put_whiteout(upper_fd_.get(), path); !put) return put;
    for (std::string at = tree::split(path).parent; !at.empty(); at = tree::split(at).parent)
      looks.push_back(at);
  }
  // Deepest first, and only now: making an entry moves the time of its directory.
  std::sort(looks.begin(), looks.end(), std::greater<>());
  for (const std::string& path : looks) {
    auto copied = copy_directory_looks(upper_fd_.get(), run_.project.get(), path);
    if (!copied) return copied;
  }
  auto since = tree::moment(run_.dir.get());
  if (!since) return propagate(since);
  journal_.since = *since;
  return save_journal(run_.dir.get(), journal_, false);
}

Result<ChangeSet> Transaction::changes(const WritePolicy& policy) const {
  const OverlayView view{upper_fd_.get(), run_.project.get(), project_root_, journal_.since,
                         journal_.hidden};
  return classify(view, policy);
}

Result<void> Transaction::commit(const ChangeSet& set) {
  if (set.changes.empty()) return discard();
  if (auto planned = plan(set); !planned) return planned;
  if (auto aside = set_rest_aside(set); !aside) return aside;
  if (auto removed = remove_seeds(); !removed) return removed;
  if (auto durable = make_durable(set); !durable) return durable;
  if (journal_.ops.empty()) return close_journal(run_, journal_);
  if (auto written = write_intent(run_, journal_); !written) return written;
  auto done = carry_out(run_, journal_, false);
  for (const Op& op : journal_.ops) {
    if (op.withheld.empty()) continue;
    Change late = change_of(op);
    late.disposition = Disposition::kConflict;
    late.why = op.withheld;
    late_conflicts_.push_back(std::move(late));
  }
  return done;
}

// One operation for each topmost change; what lies below it moves along.
Result<void> Transaction::plan(const ChangeSet& set) {
  journal_.ops.clear();
  std::string covered;
  tree::Parents upper(upper_fd_.get());
  tree::Parents project(run_.project.get());
  for (const Change& change : set.changes) {
    if (change.disposition != Disposition::kCommit) continue;
    if (!covered.empty() && tree::is_at_or_below(change.path, covered)) continue;
    if (auto planned = plan_change(change, upper, project); !planned) return planned;
    if (change.kind != ChangeKind::kMode) covered = change.path;
  }
  return {};
}

Result<void> Transaction::plan_change(const Change& change, tree::Parents& upper,
                                      tree::Parents& project) {
  auto ours = upper.look(change.path);
  if (!ours) return propagate(ours);
  auto theirs = project.look(change.path);
  if (!theirs) return propagate(theirs);
  Op op;
  op.path = change.path;
  if (change.kind == ChangeKind::kMode) {
    if (*ours && *theirs)
      op.attributes.emplace(Attributes{(*theirs)->permissions(), {}},
                            Attributes{(*ours)->permissions(), {}});
  } else {
    if (*theirs) op.before.emplace(**theirs);
    if (*ours && change.kind != ChangeKind::kDeleted) op.after.emplace(**ours);
  }
  const bool appeared = change.kind == ChangeKind::kCreated && *theirs;
  const bool vanished = change.kind != ChangeKind::kCreated && !*theirs;
  const bool touched = *theirs && (*theirs)->ctime >= journal_.since;
  if (appeared || vanished || touched) {
    Change late = change;
    late.disposition = Disposition::kConflict;
    late.why = "it changed while its commit was prepared";
    late_conflicts_.push_back(std::move(late));
    return {};
  }
  journal_.ops.push_back(std::move(op));
  return {};
}

Result<void> Transaction::set_rest_aside(const ChangeSet& set) {
  std::vector<std::string> paths;
  const auto add = [&](const Change& change) {
    if (change.disposition != Disposition::kCommit && change.kind != ChangeKind::kMode)
      paths.push_back(change.path);
  };
  std::for_each(set.changes.begin(), set.changes.end(), add);
  std::for_each(late_conflicts_.begin(), late_conflicts_.end(), add);
  std::sort(paths.begin(), paths.end(), tree::path_less);
  // What lies below one of them has moved along and is not found any more.
  for (const std::string& path : paths) {
    auto aside = set_aside(upper_fd_.get(), run_.dir.get(), path);
    if (!aside) return aside;
  }
  return {};
}

Result<void> Transaction::remove_seeds() {
  tree::Parents parents(upper_fd_.get());
  for (const std::string& path : journal_.hidden) {
    auto node = parents.look(path);
    if (!node) return propagate(node);
    if (!*node || !(*node)->whiteout) continue;
    auto parent = parents.of(path);
    if (!parent) return propagate(parent);
    if (::unlinkat(*parent, tree::split(path).name.c_str(), 0) < 0)
      return fail_errno("remove the whiteout of", path);
  }
  return {};
}

// Takes overlayfs' marks off everything that will come to the project and makes it durable: an
// exchange of a file whose data is not on disk leaves it empty after a power cut.
Result<void> Transaction::clean(Durability& durability) {
  tree::Parents parents(upper_fd_.get());
  const auto clean_one = [&](const std::string& path,
                             const tree::Node& node) -> Result<tree::Walk> {
    auto dir = parents.of(path);
    if (!dir) return propagate(dir);
    auto cleaned = clean_object(*dir, tree::split(path).name, node, durability.sync_each());
    if (!cleaned) return propagate(cleaned);
    return tree::Walk::kOn;
  };
  for (const Op& op : journal_.ops) {
    if (!op.after) continue;
    if (auto walked = tree::walk(upper_fd_.get(), op.path, clean_one); !walked) return walked;
  }
  return sync_area(upper_fd_.get(), journal_.ops, durability);
}

// Everything that the renames will move, to either side, and what is kept aside.
Result<void> Transaction::make_durable(const ChangeSet& set) {
  Durability durability;
  if (auto cleaned = clean(durability); !cleaned) return cleaned;
  const std::int64_t since = journal_.since - kWrittenBackAfter;
  if (auto displaced = sync_displaced(run_.project.get(), journal_.ops, since, durability);
      !displaced)
    return displaced;
  const bool keeps = set.has(Disposition::kQuarantine) || set.has(Disposition::kConflict) ||
                     !late_conflicts_.empty();
  if (keeps) {
    if (auto kept = sync_tree(run_.dir.get(), "quarantine", 0, durability); !kept) return kept;
  }
  auto finished = durability.finish(upper_fd_.get());
  if (!finished) return propagate(finished);
  run_.findable = *finished;
  return keeps ? make_findable(run_) : Result<void>();
}

Result<void> Transaction::discard() {
  if (intended())
    return fail("discard run " + run_.id + ": its commit has begun, recovery will finish it",
                EBUSY);
  return discard_run(run_);
}

}  // namespace mixguard::guard
