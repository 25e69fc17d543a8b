// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/run.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

#include "guard/snapshot/lock_versions.hpp"
#include "guard/snapshot/mix_layout.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;
using tree::fail_errno;

Result<UniqueFd> reopen(int dir, const std::string& object) {
  UniqueFd fd(::openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd) return fail_errno("open", object);
  return fd;
}

Result<UniqueFd> store_dir(const Run& run, const char* name) {
  return tree::open_dir(run.store.get(), name);
}

Result<void> sync_store_dir(const Run& run, const char* name) {
  auto dir = store_dir(run, name);
  if (!dir) return propagate(dir);
  return tree::sync(dir->get(), name);
}

Result<void> mark_active(const Store& store, const std::string& run_id) {
  auto active = tree::open_dir(store.fd(), "active");
  if (!active) return propagate(active);
  const UniqueFd marker(
      ::openat(active->get(), run_id.c_str(), O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!marker) return fail_errno("make", "active/" + run_id);
  return {};
}

Result<void> mark_ended(int store, const std::string& run_id) {
  auto active = tree::open_dir(store, "active");
  if (!active) return propagate(active);
  // A directory is no mark of ours.
  if (::unlinkat(active->get(), run_id.c_str(), 0) < 0 && errno != ENOENT && errno != EISDIR)
    return fail_errno("remove", "active/" + run_id);
  return {};
}

Result<void> write_outcomes(const Run& run, const Journal& journal) {
  for (const auto& [id, state] : journal.outcomes) {
    auto dir = tree::open_dir(run.store.get(), "runs/" + id);
    if (!dir && dir.error().code == ENOENT) continue;  // forgotten
    if (!dir) return propagate(dir);
    auto other = load_journal(dir->get(), id);
    if (!other && other.error().code == EBADMSG) continue;  // nothing is undone by it any more
    if (!other) return propagate(other);
    if (!*other || (*other)->state == state) continue;
    (*other)->state = state;
    if (auto saved = save_journal(dir->get(), **other, true); !saved) return saved;
  }
  return {};
}

// The kernel makes the insides of an overlay's work directory without any permission, and a child
// that was ended just then had no time to change that: whoever deletes the project must be able to.
void open_work(int home) {
  for (const char* closed : {"work/work", "work/work/incompat", "work/work/incompat/volatile"}) {
    if (!tree::set_mode(home, closed, 0700)) return;
  }
}

// Drops what nothing needs of the area where the other sides of a root's operations are, and of the
// overlay's work directory beside it.
Result<void> tidy_area(const Run& run, const std::string& area, const std::string& root,
                       const std::vector<Op>& ops, int trash) {
  // A rollback's area belongs to the run that it undoes.
  if (!area.starts_with(run.id + "/")) return {};
  auto dir = tree::open_dir(run.store.get(), "runs/" + area);
  // One in which nothing was done may never have been made.
  if (!dir && dir.error().code == ENOENT) return {};
  if (!dir) return propagate(dir);
  if (auto pruned = prune(dir->get(), root, ops, trash); !pruned) return pruned;
  auto home = tree::open_dir(run.store.get(), "runs/" + tree::split(area).parent);
  if (!home) return propagate(home);
  open_work(home->get());
  return tree::move_to_trash(home->get(), "work", trash);
}

Result<UniqueFd> open_run_dir(const Store& store, const std::string& run_id) {
  if (!is_run_id(run_id)) return fail("open run " + run_id + ": no such run", ENOENT);
  auto dir = tree::open_dir(store.fd(), "runs/" + run_id);
  if (!dir && dir.error().code == ENOENT)
    return fail("open run " + run_id + ": no such run", ENOENT);
  return dir;
}

}  // namespace

Result<Run> make_run(const Store& store, const std::string& run_id) {
  if (!is_run_id(run_id)) return fail("make run " + run_id + ": not a run id", EINVAL);
  auto runs = tree::open_dir(store.fd(), "runs");
  if (!runs) return propagate(runs);
  // The mark first: recover() finds runs by it.
  if (auto marked = mark_active(store, run_id); !marked) return propagate(marked);
  if (::mkdirat(runs->get(), run_id.c_str(), 0700) < 0) return fail_errno("make", "runs/" + run_id);
  return hold_run(store, run_id);
}

Result<Run> hold_run(const Store& store, const std::string& run_id) {
  auto dir = open_run_dir(store, run_id);
  if (!dir) return propagate(dir);
  Run run;
  run.id = run_id;
  run.path = store.run_path(run_id);
  run.dir = std::move(*dir);
  if (::flock(run.dir.get(), LOCK_EX | LOCK_NB) < 0) return fail_errno("hold run", run_id);
  auto store_fd = reopen(store.fd(), store.path());
  if (!store_fd) return propagate(store_fd);
  run.store = std::move(*store_fd);
  auto project = reopen(store.project_fd(), store.project_root());
  if (!project) return propagate(project);
  run.project = std::move(*project);
  return run;
}

Result<Journal> read_journal(const Store& store, const std::string& run_id) {
  auto dir = open_run_dir(store, run_id);
  if (!dir) return propagate(dir);
  auto journal = load_journal(dir->get(), run_id);
  if (!journal) return propagate(journal);
  return journal->value_or(Journal{});
}

Result<void> discard_run(Run& run) {
  auto runs = store_dir(run, "runs");
  if (!runs) return propagate(runs);
  auto bin = store_dir(run, "trash");
  if (!bin) return propagate(bin);
  open_work(run.dir.get());
  if (const auto roots = tree::open_dir(run.dir.get(), "roots")) {
    const auto names = tree::list(roots->get(), "roots");
    for (const std::string& name : names.value_or(std::vector<std::string>{})) {
      if (const auto home = tree::open_dir(roots->get(), name)) open_work(home->get());
    }
  }
  if (auto moved = tree::move_to_trash(runs->get(), run.id, bin->get()); !moved) return moved;
  return mark_ended(run.store.get(), run.id);
}

Result<void> forget_run(const Store& store, const std::string& run_id) {
  return mark_ended(store.fd(), run_id);
}

Result<void> make_findable(Run& run) {
  for (const char* name : {"runs", "active"}) {
    if (run.findable) break;
    if (auto synced = sync_store_dir(run, name); !synced) return synced;
  }
  run.findable = true;
  return {};
}

Result<void> record(Run& run, const Journal& journal) {
  if (auto findable = make_findable(run); !findable) return findable;
  return save_journal(run.dir.get(), journal, true);
}

void note_lock_lines(Journal& journal, int root, bool carried_out) {
  journal.locks.clear();
  for (const Op& op : journal.ops) {
    if (!op.root.empty() || !op.after || !op.withheld.empty() || !mix_layout::is_lock(op.path))
      continue;
    if (carried_out) {
      const auto node = tree::Parents(root).look(op.path);
      if (!node || !same_object(op.after, *node)) continue;  // another run's by now
    }
    auto lines = read_lock_lines(root, carried_out ? op.path : other_side(journal, op));
    if (!lines) continue;
    lines->path = op.path;
    journal.locks.push_back(std::move(*lines));
  }
}

Result<void> write_intent(Run& run, Journal& journal) {
  if (const auto runs = store_dir(run, "runs")) note_lock_lines(journal, runs->get(), false);
  const LiveTrees live(run.project.get(), run.dir.get(), journal.extra_roots);
  auto closed = closed_parents(live, journal.ops);
  if (!closed) return propagate(closed);
  journal.closed = std::move(*closed);
  auto now = tree::moment(run.dir.get());
  if (!now) return propagate(now);
  journal.intended = *now;
  const RunState before = std::exchange(journal.state, RunState::kIntent);
  auto recorded = record(run, journal);
  if (recorded) return recorded;
  // Only the very last step, the sync of the directory, fails with the intent in place.
  const auto written = load_journal(run.dir.get(), run.id);
  if (!written || !*written || (*written)->state != RunState::kIntent) journal.state = before;
  return recorded;
}

Result<void> carry_out(Run& run, Journal& journal, bool recovering, const OnStep& on_step) {
  auto runs = store_dir(run, "runs");
  if (!runs) return propagate(runs);
  const LiveTrees live(run.project.get(), runs->get(), journal.extra_roots);
  const Field field{live, runs->get(), run.dir.get()};
  if (auto applied = apply(field, journal, recovering, on_step); !applied) return applied;
  if (auto synced = sync_applied(field, journal); !synced) return synced;
  if (auto written = write_outcomes(run, journal); !written) return written;
  return close_journal(run, journal);
}

Result<void> close_journal(Run& run, Journal& journal) {
  auto now = tree::moment(run.dir.get());
  if (!now) return propagate(now);
  journal.settled = *now;
  journal.state = journal.ends_as;
  if (auto saved = save_journal(run.dir.get(), journal, true); !saved) return saved;
  // The run is over whether or not its leavings could be removed; recover() tries again.
  (void)tidy(run, journal);
  return {};
}

Result<void> tidy(Run& run, const Journal& journal) {
  auto bin = store_dir(run, "trash");
  if (!bin) return propagate(bin);
  if (auto tidied = tidy_area(run, journal.area, "", journal.ops, bin->get()); !tidied)
    return tidied;
  for (const ExtraRoot& root : journal.extra_roots) {
    auto tidied = tidy_area(run, root.area, root.path, journal.ops, bin->get());
    if (!tidied) return tidied;
  }
  return mark_ended(run.store.get(), run.id);
}

}  // namespace mixguard::guard
