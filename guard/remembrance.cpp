// SPDX-License-Identifier: Apache-2.0
#include "guard/remembrance.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include "guard/files.hpp"

namespace mixguard::guard {
namespace {

bool is_directory(const std::string& path) {
  struct stat info{};
  return ::lstat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode);
}

bool is_build_artifact(const std::string& path, const std::string& build) {
  return is_within(path, build) || is_within(path, "cover");
}

// What no code is made of: reports, scratch, logs, databases.
bool is_beside_the_code(const std::string& path) {
  static constexpr std::array<const char*, 4> kFolders{"cover", "tmp", "log", "logs"};
  static constexpr std::array<std::string_view, 4> kEndings{".db", ".sqlite3", ".log", ".dump"};
  const bool is_database_part =
      path.find(".db-") != std::string::npos || path.find(".sqlite3-") != std::string::npos;
  return is_database_part ||
         std::any_of(kFolders.begin(), kFolders.end(),
                     [&](const char* folder) { return is_within(path, folder); }) ||
         std::any_of(kEndings.begin(), kEndings.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); });
}

// What Mix compiles or goes by when it does, and what code loads, of an umbrella's app as well.
bool belongs_to_the_code(const std::string& path) {
  static constexpr std::array<std::string_view, 14> kSources{
      ".ex",  ".exs", ".eex", ".leex", ".heex", ".erl",  ".hrl",
      ".xrl", ".yrl", ".src", ".c",    ".h",    ".lock", ".po"};
  static constexpr std::array<std::string_view, 7> kFolders{
      "/lib/", "/src/", "/priv/", "/config/", "/deps/", "/native/", "/c_src/"};
  const std::string framed = "/" + path + "/";
  return std::any_of(kSources.begin(), kSources.end(),
                     [&](std::string_view ending) { return path.ends_with(ending); }) ||
         std::any_of(kFolders.begin(), kFolders.end(), [&](std::string_view folder) {
           return framed.find(folder) != std::string::npos;
         });
}

// Whether compiled code must not outlive the undoing of `change`: Mix goes by times and sizes, and
// would take it for current. Any file that was there may have been read while compiling
// (@external_resource); of those that are new, a test's leavings are none of it.
bool takes_code_along(const Change& change, const Outside& outside) {
  if (is_within(change.path, outside.build) || is_beside_the_code(change.path)) return false;
  return change.kind != ChangeKind::kCreated || belongs_to_the_code(change.path) ||
         is_within(change.path, outside.deps);
}

bool is_same_file(int left, int right) {
  struct stat a{};
  struct stat b{};
  return ::fstat(left, &a) == 0 && ::fstat(right, &b) == 0 && a.st_dev == b.st_dev &&
         a.st_ino == b.st_ino;
}

std::vector<std::string> absolute(const std::string& root, const std::vector<std::string>& paths) {
  std::vector<std::string> result;
  for (const std::string& path : paths) result.push_back(join_path(root, path));
  return result;
}

// What the project holds, but for the store. Without symlinks, which would open what they lead to:
// what is in the project has its own right, and the rest none.
std::vector<std::string> entries_of(const std::string& root) {
  std::vector<std::string> entries;
  const std::unique_ptr<DIR, DirectoryCloser> directory(::opendir(root.c_str()));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    const std::string_view name = entry->d_name;
    struct stat info{};
    const bool is_there =
        ::fstatat(::dirfd(directory.get()), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) == 0;
    if (name != "." && name != ".." && name != ".mixguard" && is_there && !S_ISLNK(info.st_mode))
      entries.push_back(join_path(root, name));
  }
  return entries;
}

// What is written through has to exist before it can be opened for writing; Mix would make it
// anyway.
Result<void> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  if (errno == ENOENT && path != "/") {
    if (auto made = make_directory(parent_path(path)); !made) return made;
    if (::mkdir(path.c_str(), 0755) == 0 || errno == EEXIST) return {};
  }
  return fail("make " + path + ": " + std::strerror(errno), errno);
}

// A pattern that names a directory or a file can be opened for writing; `lib/**/*.ex` cannot, and
// opening all of the project for it is right only where the result is looked at before it counts.
bool names_no_root(const std::string& pattern) { return writable_roots({pattern}).empty(); }

// Without a view of its own nothing can be covered in what the command sees; the store of another
// project alone is left out of what it may read.
Result<void> require_nothing_hidden(const Outside& outside) {
  for (const OutsideDirectory& directory : outside.directories) {
    for (const std::string& path : directory.hidden) {
      if (path == ".mixguard") continue;
      return fail(join_path(directory.path, path) +
                  " must not be seen, which needs user namespaces; see mixguard doctor");
    }
  }
  return {};
}

// Why a whole root must not be written through; only what a rule names literally may be.
std::optional<std::string> never_written(const WritePolicy& policy, const std::string& root) {
  for (const std::string& path : {root, root + "/any"}) {
    if (auto why = never_committed(policy, path)) return why;
  }
  return std::nullopt;
}

}  // namespace

std::size_t RunResult::worth_mentioning() const {
  return static_cast<std::size_t>(
      std::count_if(changes.changes.begin(), changes.changes.end(),
                    [&](const Change& change) { return !is_build_artifact(change.path, build); }));
}

Result<void> Remembrance::begin(const Store& store, const std::string& run_id,
                                const Judgement& judgement,
                                const std::vector<sandbox::LayerReport>& layers, bool dry_run,
                                sandbox::Workspace& workspace) {
  const policy::Confinement& confinement = judgement.decision.confinement;
  if (!judgement.project.found()) return {};
  store_ = &store;
  const policy::Part& first = judgement.decision.parts.front();
  policy_.task = first.via.empty() ? first.task : first.via.front();
  auto outside = find_outside(judgement, environment_variable("HOME").value_or(""));
  if (!outside) return propagate(outside);
  outside_ = std::move(*outside);
  notes_ = outside_.notes;
  result_.build = outside_.build;
  policy_.patterns = outside_.patterns;
  policy_.checkouts = join_path(outside_.deps, "**");
  for (const OutsideDirectory& directory : outside_.directories)
    policy_.linkable.push_back(directory.path);
  run_path_ = store.run_path(run_id);
  workspace.project = judgement.project.root;
  workspace.project_fd = store.project_fd();
  live_ = confinement.mode == policy::RunMode::kLive;
  stays_ = live_ && !dry_run;
  if (sandbox::has_overlay(layers)) return begin_overlay(store, run_id, judgement, workspace);
  return begin_in_place(store, run_id, judgement, sandbox::has_private_view(layers), workspace);
}

Result<void> Remembrance::begin_overlay(const Store& store, const std::string& run_id,
                                        const Judgement& judgement, sandbox::Workspace& workspace) {
  auto hidden = find_denied(judgement.project.root, judgement.decision.confinement.deny);
  if (!hidden) return propagate(hidden);
  const std::vector<std::string>& beside = judgement.project.hidden;
  hidden->insert(hidden->end(), beside.begin(), beside.end());
  hidden->insert(hidden->end(), outside_.stores.begin(), outside_.stores.end());
  *hidden = tree::topmost(std::move(*hidden));
  std::vector<OutsideRoot> roots;
  for (const OutsideDirectory& directory : outside_.directories) {
    if (!directory.writable) continue;
    roots.push_back(
        {directory.path, directory.patterns, directory.hidden, directory.checkouts, {}});
    // What all projects load must not lead into one of them, which its own tasks write.
    if (directory.is_shared) continue;
    roots.back().linkable = policy_.linkable;
    roots.back().linkable.push_back(judgement.project.root);
  }
  Result<Transaction> begun = Transaction::begin(store, run_id, *hidden, roots, outside_.build);
  if (!begun && begun.error().code == EXDEV && !roots.empty()) {
    return fail(begun.error().message +
                    "; what a run writes there could not be put back, so name a directory on the "
                    "project's file system",
                EXDEV);
  }
  if (!begun) return propagate(begun);
  transaction_.emplace(std::move(*begun));
  workspace.upper = transaction_->upper();
  workspace.work = transaction_->work();
  return show_overlays(workspace);
}

Result<void> Remembrance::show_overlays(sandbox::Workspace& workspace) {
  const std::vector<Transaction::Overlay> overlays = transaction_->overlays_outside();
  auto overlay = overlays.begin();
  for (const OutsideDirectory& directory : outside_.directories) {
    if (!directory.writable) {
      show_read_only(directory, workspace);
      continue;
    }
    auto fd = transaction_->fd_of(overlay->root);
    if (!fd) return propagate(fd);
    if (!is_same_file(*fd, directory.fd.get()))
      return fail(directory.path + " was replaced while the run was prepared", ESTALE);
    std::erase_if(workspace.binds,
                  [&](const sandbox::Bind& bind) { return bind.target == directory.target; });
    workspace.trees.push_back(
        {directory.path, directory.target, *fd, overlay->upper, overlay->work});
    ++overlay;
  }
  return {};
}

void Remembrance::show_read_only(const OutsideDirectory& directory, sandbox::Workspace& workspace) {
  workspace.trees.push_back({directory.path, directory.target, directory.fd.get(), "", ""});
  for (const std::string& path : directory.hidden) {
    const bool is_folder = is_directory(join_path(directory.path, path));
    (is_folder ? workspace.masked_directories : workspace.masked_files)
        .push_back(join_path(directory.target, path));
  }
}

// A command that writes in place has its pre-images of the project alone.
void Remembrance::show_in_place(bool view, sandbox::Workspace& workspace) {
  for (const OutsideDirectory& directory : outside_.directories) {
    if (directory.writable)
      notes_.push_back(directory.target + " is read-only in this run: it writes in place");
    const bool is_bound =
        std::any_of(workspace.binds.begin(), workspace.binds.end(),
                    [&](const sandbox::Bind& bind) { return bind.target == directory.target; });
    if (is_bound) continue;
    if (view) {
      show_read_only(directory, workspace);
      continue;
    }
    workspace.trees.push_back({directory.path, directory.path, directory.fd.get(), "", ""});
    for (std::string& entry : entries_of(directory.path))
      workspace.readable.push_back(std::move(entry));
  }
}

Result<void> Remembrance::begin_in_place(const Store& store, const std::string& run_id,
                                         const Judgement& judgement, bool view,
                                         sandbox::Workspace& workspace) {
  const policy::Confinement& confinement = judgement.decision.confinement;
  const std::string& root = judgement.project.root;
  if (!judgement.project.new_folder.empty()) {
    return fail(
        "making a project where there is none needs an overlay, so that what lies beside it is not "
        "shown; see mixguard doctor");
  }
  auto hidden = find_denied(root, confinement.deny);
  if (!hidden) return propagate(hidden);
  if (!view && !hidden->empty()) {
    return fail("[fs] deny hides " + hidden->front() +
                ", which needs user namespaces; see mixguard doctor");
  }

  // Without a view nothing can be covered: they are read like the rest of the project.
  if (view) hidden->insert(hidden->end(), outside_.stores.begin(), outside_.stores.end());
  *hidden = tree::topmost(std::move(*hidden));

  if (!view) {
    if (auto shown = require_nothing_hidden(outside_); !shown) return shown;
  }

  std::vector<std::string> roots;
  for (const std::string& path : writable_roots(policy_.patterns)) {
    if (const auto why = never_written(policy_, path)) {
      notes_.push_back("write \"" + path + "\" is not written through: " + *why);
      continue;
    }
    if (!is_directory(join_path(root, path)) &&
        std::find(policy_.patterns.begin(), policy_.patterns.end(), path + "/**") ==
            policy_.patterns.end()) {
      if (::access(join_path(root, path).c_str(), F_OK) != 0) {
        notes_.push_back(
            path + " does not exist yet and cannot be written by a command that writes in place");
        continue;
      }
    }
    const std::string full = join_path(root, path);
    if (!view && real_as_far_as_there(full) != full)
      return fail(path +
                  " is reached through a symlink, and the command writes in place: it would "
                  "write where that leads");
    roots.push_back(path);
  }
  for (const std::string& pattern : policy_.patterns) {
    if (names_no_root(pattern))
      notes_.push_back("write \"" + pattern + "\" needs an overlay; it is read-only in this run");
  }

  Result<Preimage> captured =
      Preimage::capture(store, run_id, roots, stays_ ? WhenKilled::kKept : WhenKilled::kPutBack);
  if (!captured) return propagate(captured);
  preimage_.emplace(std::move(*captured));
  for (const auto& [path, why] : preimage_->skipped()) {
    result_.uncovered.push_back(uncovered_text(path, why));
    notes_.push_back("not remembered: " + result_.uncovered.back());
  }
  for (const std::string& path : roots) {
    if (::access(join_path(root, path).c_str(), F_OK) == 0) continue;
    if (auto made = make_directory(join_path(root, path)); !made) return made;
  }
  workspace.live_writable = absolute(root, roots);
  if (view && store.inside_project()) workspace.masked_directories.push_back(store.path());
  for (const std::string& path : *hidden) {
    const std::string full = join_path(root, path);
    (is_directory(full) ? workspace.masked_directories : workspace.masked_files).push_back(full);
  }
  if (!view) {
    workspace.readable = entries_of(root);
    workspace.scratch = store.run_path(run_id) + "/tmp";
    if (auto made = make_directory(workspace.scratch); !made) return made;
  }
  show_in_place(view, workspace);
  return {};
}

// What a command wrote in place cannot be kept out any more; what should have been is pointed out.
void Remembrance::take(ChangeSet changes) {
  for (Change& change : changes.changes) {
    if (const auto why = never_committed(policy_, change.path)) change.why = *why;
  }
  result_.changes = std::move(changes);
}

void Remembrance::note_unseen() {
  for (const auto& [path, why] : preimage_->unseen())
    result_.unseen.push_back(uncovered_text(path, why));
  for (const Preimage::Withheld& one : preimage_->withheld())
    result_.unseen.push_back(one.path + ": " + one.why);
}

Result<RunResult> Remembrance::finish(bool dry_run, bool strict) {
  if (preimage_) {
    // What was written in place is shown and taken back.
    Result<ChangeSet> changes = dry_run ? preimage_->restore(*store_) : preimage_->keep(*store_);
    if (!changes) return propagate(changes);
    take(std::move(*changes));
    note_unseen();
    result_.committed = !dry_run;
    return result_;
  }
  if (!transaction_) return result_;
  Result<ChangeSet> changes = transaction_->changes(policy_);
  if (!changes) return propagate(changes);
  result_.changes = std::move(*changes);
  hold_back_build();
  const bool refused =
      result_.changes.has(Disposition::kQuarantine) || result_.changes.has(Disposition::kConflict);
  result_.not_committed = result_.changes.has(Disposition::kConflict) || (strict && refused);
  if (dry_run || (strict && refused)) return discarded();
  if (auto committed = commit(result_.changes); !committed) return propagate(committed);
  note_quarantine();
  return result_;
}

// What was compiled from sources that do not come along is not what the project says: Mix would
// take it for current, by its time.
void Remembrance::hold_back_build() {
  const auto& all = result_.changes.changes;
  const auto source = std::find_if(all.begin(), all.end(), [&](const Change& change) {
    const bool is_git = ("/" + change.path).find("/.git/") != std::string::npos;
    return change.disposition != Disposition::kCommit && change.kind != ChangeKind::kCreated &&
           !is_git && belongs_to_the_code(change.path) && takes_code_along(change, outside_);
  });
  if (source == all.end()) return;
  const std::string why = "compiled, perhaps from " + source->path + ", which is not committed";
  for (Change& change : result_.changes.changes) {
    if (change.disposition != Disposition::kCommit || !is_within(change.path, outside_.build))
      continue;
    change.disposition = Disposition::kQuarantine;
    change.why = why;
  }
}

void Remembrance::note_quarantine() {
  for (const Change& change : result_.changes.changes) {
    if (change.disposition == Disposition::kCommit) continue;
    (change.path.starts_with('/') ? result_.quarantine_outside : result_.quarantine) =
        run_path_ + (change.path.starts_with('/') ? "/outside" : "/quarantine");
  }
}

Result<void> Remembrance::commit(const ChangeSet& set) {
  if (auto committed = transaction_->commit(set); !committed) {
    if (!transaction_->intended()) static_cast<void>(transaction_->discard());
    return committed;
  }
  for (const Change& late : transaction_->late_conflicts()) {
    result_.changes.changes.push_back(late);
    result_.not_committed = true;
  }
  result_.committed = true;
  return {};
}

Result<RunResult> Remembrance::discarded() {
  if (auto gone = transaction_->discard(); !gone) return propagate(gone);
  return result_;
}

Result<RunResult> Remembrance::keep_build_of(ChangeSet changes) {
  const auto stays = [&](const Change& change) {
    return change.disposition == Disposition::kCommit && is_within(change.path, outside_.build);
  };
  ChangeSet build;
  bool code_goes = false;
  for (const Change& change : changes.changes) {
    if (stays(change)) build.changes.push_back(change);
    code_goes |= takes_code_along(change, outside_);
  }
  result_.changes = std::move(changes);
  if (code_goes || build.changes.empty()) return discarded();
  for (Change& change : result_.changes.changes) {
    if (!stays(change)) change.disposition = Disposition::kDiscard;
  }
  if (auto committed = commit(build); !committed) return propagate(committed);
  return result_;
}

Result<RunResult> Remembrance::abandon(bool keep_build) {
  if (preimage_) {
    // A server that ends with an error has done its work all the same; a task has not.
    Result<ChangeSet> changes = stays_ ? preimage_->keep(*store_) : preimage_->restore(*store_);
    if (!changes) return propagate(changes);
    take(std::move(*changes));
    note_unseen();
    result_.committed = stays_;
    return result_;
  }
  if (!transaction_) return result_;
  // What it did is still told; that it cannot be told must not keep it.
  if (Result<ChangeSet> changes = transaction_->changes(policy_); changes) {
    if (keep_build) return keep_build_of(std::move(*changes));
    result_.changes = std::move(*changes);
  }
  return discarded();
}

}  // namespace mixguard::guard
