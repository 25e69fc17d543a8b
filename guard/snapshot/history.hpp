// SPDX-License-Identifier: Apache-2.0
#pragma once

// What is known of an object from the journals: whether it is as a run or a rollback left it.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/store.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {

// Tells an edit by a person from what other runs and rollbacks did to the same object: both move
// its ctime, but the latter are in the journals. They are read once, and only when something was
// moved.
class History {
 public:
  // A run that is to be undone.
  struct Target {
    std::string id;
    Journal journal;
  };
  // Whether a newer run put the object at the full path there, and it goes anyway.
  using Goes = std::function<bool(const std::string& path, const tree::Node& node)>;

  // `store` outlives it.
  explicit History(const Store& store) : store_(store) {}

  // Whether what lies at the operation's path in `root` (open; it is `node`), or below it, was
  // edited since `target` ended. Fails where a directory or a journal cannot be read.
  Result<bool> edited(const Target& target, const Op& op, int root, const tree::Node& node,
                      const Goes& goes);

  // Whether rollbacks of parts of `target` made what lies at the path of what the run left there: a
  // mix.lock with some of its lines put back, or what an older run had found there that was undone
  // in part together with `target`.
  enum class Made { kNo, kByUndoing, kByUndoingOlder };
  Result<Made> made_by_undoing(const Target& target, const Op& op, const tree::Node& node);

  // Whether all that happened to this file of the operation is that a rollback made it new for Mix.
  Result<bool> only_touched(const Op& op, const Identity& was, const Identity& now);

 private:
  struct Step {
    std::size_t run = 0;  // of `ids_`
    std::optional<Identity> before;
    std::optional<Identity> after;
    std::int64_t settled = 0;
    std::vector<std::string> undoes;  // of a rollback
    bool is_acceptance = false;
    std::int64_t touched = 0;  // the time that `after` was given for Mix
  };
  using Steps = std::multimap<std::string, Step>;

  enum class Older { kNone, kFoundThis, kFoundOther };
  [[nodiscard]] Older older_in(const Step& undoing, const std::string& path,
                               const std::string& id) const;
  Result<bool> explained(const Target& target, const std::string& path, const tree::Node& node);
  Result<void> load();
  void remember(const Journal& journal);

  const Store& store_;
  bool loaded_ = false;
  std::vector<std::string> ids_;
  Steps steps_;
  Steps homes_;  // directories that a run renamed in
};

}  // namespace mixguard::guard
