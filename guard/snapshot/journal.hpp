// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a run is about to do to the project and how far it is: one file a run, replaced as a whole,
// carrying its own SHA-256. A run goes begun → intent → done → rolled back; one that keeps
// pre-images goes begun → captured first.
//
// Before "intent" nothing of the project has changed and the run can be dropped; from "intent" on
// its operations are carried out, by this process or by recover(). An operation says what must lie
// at a path before and after it, by identity, so that it is visible whether it was done: carrying
// the list out twice does the same as once.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "guard/snapshot/change.hpp"
#include "guard/snapshot/roots.hpp"
#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// What tells one object of a file system from another. Inode numbers are used again, birth times
// tell those apart; device numbers change with the next boot and all objects of a run are on one
// file system, so the device is no part of it.
struct Identity {
  std::uint64_t inode = 0;
  std::int64_t born = 0;
  std::int64_t ctime = 0;  // no part of the identity: changes with every rename
  mode_t mode = 0;         // likewise
  // Likewise; of a file they tell whether somebody wrote it since. 0: not recorded.
  std::int64_t size = 0;
  std::int64_t mtime = 0;

  Identity() = default;
  explicit Identity(const tree::Node& node)
      : inode(node.inode),
        born(node.born),
        ctime(node.ctime),
        mode(node.mode),
        size(node.size),
        mtime(node.mtime) {}
  [[nodiscard]] bool is(const tree::Node& node) const {
    return inode == node.inode && born == node.born;
  }
  // The object is this one, a file, and its content is not.
  [[nodiscard]] bool was_written(const tree::Node& node) const {
    return was_written(Identity(node));
  }
  [[nodiscard]] bool was_written(const Identity& now) const {
    return S_ISREG(now.mode) && mtime != 0 && (mtime != now.mtime || size != now.size);
  }
};
[[nodiscard]] bool same_object(const std::optional<Identity>& identity,
                               const std::optional<tree::Node>& node);
[[nodiscard]] bool same_object(const std::optional<Identity>& a, const std::optional<Identity>& b);

// The part of a directory that changes without changing its entries.
struct Attributes {
  mode_t mode = 0;                    // permission bits
  std::optional<std::int64_t> mtime;  // nothing: left alone
  std::optional<std::string> xattrs;  // as read_xattrs() gives them; nothing: left alone

  // Not only a time, which a person would not call a change.
  [[nodiscard]] bool differs(const Attributes& other) const {
    return mode != other.mode || xattrs != other.xattrs;
  }
};

struct Op {
  std::string path;  // relative to the root
  std::string root;  // Journal::extra_roots, by its path; empty: the project
  // The object at the path in the root, before and after; nothing when none lies there. The other
  // one of the two lies at the same path in the area.
  std::optional<Identity> before;
  std::optional<Identity> after;
  // Set for a directory that stays where it is.
  std::optional<std::pair<Attributes, Attributes>> attributes;
  // Where the other one of the two lies, when that is not Journal::area: a rollback of several runs
  // takes each object from the run that had put it aside.
  std::string area;
  bool touch = false;  // regular files that come to the project get the time `Journal::touch_time`
  std::string withheld;  // why it was not carried out; empty when it was

  // Not only a directory's time.
  [[nodiscard]] bool is_change() const {
    return !attributes || attributes->first.differs(attributes->second);
  }
};

// As people write it, and unlike that of any path of another root: ROOT/path, or the path alone in
// the project.
[[nodiscard]] std::string full_path(const std::string& root, const std::string& path);
[[nodiscard]] std::string full_path(const Op& op);

// What carrying the operation out changes, as seen from the project.
[[nodiscard]] Change change_of(const Op& op);

// An acceptance commits what lies in another run's quarantine, which is its area.
enum class RunKind {
  kTransaction,
  kRollback,
  kPreimage,
  kRestore,  // of a snapshot
  kAcceptance,
};
enum class RunState { kBegun, kCaptured, kIntent, kDone, kRolledBack };

// The lines of a mix.lock as a run left it, so that a later edit of one of them can be told: of
// each dependency the SHA-256 of its entry.
struct LockLines {
  std::string path;
  std::vector<std::pair<std::string, std::string>> digests;
};

struct ClosedDirectory {
  std::string root;  // as Op::root
  std::string path;
  mode_t mode = 0;  // permission bits
};

struct Journal {
  RunKind kind = RunKind::kTransaction;
  RunState state = RunState::kBegun;
  RunState ends_as = RunState::kDone;  // once all is carried out
  std::string area;                 // below runs/: the tree with the other side of every operation
  std::vector<std::string> undoes;  // a rollback: the runs that it undoes, newest first
  std::int64_t since = 0;           // tree::moment() when the run began
  std::int64_t intended = 0;        // … when its intent was written
  std::int64_t settled = 0;         // … when all was applied: what is newer was edited since
  std::int64_t touch_time = 0;      // for Op::touch
  std::vector<std::string> hidden;  // whiteouts that were put into upper/, not by the command
  std::string build = "_build";     // where compiled code is: project-relative, or absolute
  std::vector<ExtraRoot> extra_roots;  // every one that an operation names
  std::vector<Op> ops;
  // What was not committed and why, topmost paths only; it lies below quarantine/. What apply()
  // withheld is told by the operations.
  std::vector<Change> quarantined;
  // Directories in which operations rename and which their owner may not write: opened for as long
  // as the operations are carried out.
  std::vector<ClosedDirectory> closed;
  // Of one that writes in place: what it wrote stays even when its owner dies.
  bool keeps = false;
  // Of a run that is put back, or kept so: what stays as the run left it, and why, for people.
  std::vector<std::string> left;
  std::vector<LockLines> locks;  // of each mix.lock that an operation brings
  std::vector<std::pair<std::string, RunState>> outcomes;  // of other runs, when this one is done

  [[nodiscard]] bool is_over() const {
    return state == RunState::kDone || state == RunState::kRolledBack;
  }
};

// Below runs/: the tree in which the other side of one of its operations lies, and where in it.
[[nodiscard]] const std::string& area_of(const Journal& journal, const Op& op);
[[nodiscard]] std::string other_side(const Journal& journal, const Op& op);

// Nothing when there is no journal, or an empty one (a power cut before anything was synced). A
// journal that does not match its own digest is an Error.
Result<std::optional<Journal>> load_journal(int run_dir, const std::string& run_id);
Result<void> save_journal(int run_dir, const Journal& journal, bool durable);

}  // namespace mixguard::guard
