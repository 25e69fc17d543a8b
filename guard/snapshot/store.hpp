// SPDX-License-Identifier: Apache-2.0
#pragma once

// Where a project's memory lives: `.mixguard/` in the project (mode 0700, ignored by git), or a
// directory under the user's state directory when the project cannot be written. One store per
// project; the guarded command can neither read nor write it.
//
//   log.jsonl          the hash-chained record (guard/audit/log.hpp)
//   lock               flock: exclusive while a transaction, a rollback or a recovery is under way
//   runs/ID/upper      overlay upper of a run; after a commit it is the undo set
//   runs/ID/work       overlay work directory, only while the run lasts
//   runs/ID/quarantine what the task had no right to commit, at its project-relative path
//   runs/ID/before     pre-images, for runs that write through (guard/snapshot/preimage.hpp)
//   runs/ID/journal    what is being applied and what was (guard/snapshot/journal.hpp)
//   active/ID          an empty file: the run has not ended (what recover() looks at)
//   trash/             deleted trees, emptied while the next command runs

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "policy/result.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {

class Store {
 public:
  // Opens the store of the project at `project_root` (absolute real path), making it when it is
  // absent. Refuses a store that is a symlink, not a directory, or not owned by the caller.
  static Result<Store> open(const std::string& project_root);
  // As open(), but an absent store is not made: empty result path means there is none.
  static Result<Store> open_existing(const std::string& project_root);

  // The store for commands outside of any project, under the user's state directory: it only ever
  // holds the record. project_root() is empty.
  static Result<Store> open_without_project();

  [[nodiscard]] bool exists() const { return dir_.get() >= 0; }
  [[nodiscard]] const std::string& path() const { return path_; }  // absolute
  [[nodiscard]] const std::string& project_root() const { return project_root_; }
  [[nodiscard]] int fd() const { return dir_.get(); }  // O_PATH|O_DIRECTORY
  [[nodiscard]] int project_fd() const {
    return project_.get();
  }  // O_RDONLY|O_DIRECTORY, pins the project's inode
  [[nodiscard]] bool inside_project() const { return inside_project_; }

  // Takes the store's lock, exclusively. When somebody else has it, calls `on_wait` once and waits.
  // The lock is released when the returned descriptor is closed, also by SIGKILL.
  Result<sandbox::UniqueFd> lock(const std::function<void()>& on_wait) const;

  // Ids of all runs on disk, oldest first.
  Result<std::vector<std::string>> runs() const;
  // A new id for a run or a snapshot, later than all there are: also when the clock was set back.
  Result<std::string> next_id() const;
  // Removes what was deleted, until there is nothing left or `enough` says so. Deleting can take
  // longer than a run did (a file system that discards blocks at once): runs only fill the trash.
  Result<void> empty_trash(const std::function<bool()>& enough) const;
  [[nodiscard]] std::string run_path(const std::string& run_id) const {
    return path_ + "/runs/" + run_id;
  }

 private:
  static Result<Store> locate(const std::string& project_root, bool make);
  // These say whether the store is there now.
  Result<bool> attach_inside(bool make);
  Result<bool> attach_outside(bool make);
  Result<bool> settle(sandbox::UniqueFd readable, const std::string& path, bool inside);

  std::string project_root_;
  std::string path_;
  sandbox::UniqueFd dir_;
  sandbox::UniqueFd project_;
  bool inside_project_ = true;
};

// How long a command that is at its end goes on emptying the trash.
inline constexpr std::chrono::milliseconds kTrashTime{30};

// True when `time` has passed since now.
[[nodiscard]] std::function<bool()> within(std::chrono::milliseconds time);

// Ids name directories of the store: digits, lower-case letters and '-', 64 at most.
[[nodiscard]] bool is_run_id(const std::string& text);
// A new run id: sortable by creation within a machine, unique across, `[0-9a-z]`, 26 characters.
// Not of an earlier time than `not_before` (microseconds since 1970), whatever the clock says.
[[nodiscard]] std::string new_run_id(std::int64_t not_before = 0);
[[nodiscard]] std::int64_t microseconds_now();  // since 1970
// What every id that was made at that time (microseconds since 1970) or later is not below.
[[nodiscard]] std::string first_run_id_at(std::int64_t microseconds);
// When it was made, in the same unit.
[[nodiscard]] std::int64_t time_of_run_id(std::string_view id);

}  // namespace mixguard::guard
