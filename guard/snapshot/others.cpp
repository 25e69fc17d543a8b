// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/others.hpp"

#include <algorithm>
#include <map>
#include <optional>
#include <utility>

#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using Object = std::optional<Identity>;

// What the other runs did at each path of the project, in the order of time.
using Steps = std::map<std::string, std::vector<std::pair<Object, Object>>>;

Result<Steps> steps_since(const Store& store, const std::string& run_id, std::int64_t since) {
  auto ids = store.runs();
  if (!ids) return propagate(ids);
  std::vector<Journal> journals;
  for (const std::string& id : *ids) {
    if (id == run_id) continue;
    auto journal = read_journal(store, id);
    // One that cannot be read is nobody's, and reported elsewhere.
    if (!journal || !journal->is_over() || journal->settled <= since) continue;
    if (journal->ends_as == RunState::kRolledBack) continue;  // all is as it found it
    journals.push_back(std::move(*journal));
  }
  std::sort(journals.begin(), journals.end(),
            [](const Journal& a, const Journal& b) { return a.settled < b.settled; });
  Steps steps;
  for (const Journal& journal : journals) {
    for (const Op& op : journal.ops) {
      if (op.attributes || !op.withheld.empty() || !op.root.empty()) continue;
      auto& [before, after] = steps[op.path].emplace_back(op.before, op.after);
      if (op.touch && after) after->mtime = journal.touch_time;
    }
  }
  return steps;
}

// The same thing to whoever looks at it, as far as that is recorded; of directories it is not.
bool looks_alike(const Object& copy, const Object& found) {
  if (!copy || !found) return !copy && !found;
  if (S_ISDIR(copy->mode) || S_ISDIR(found->mode))
    return S_ISDIR(copy->mode) && S_ISDIR(found->mode);
  return copy->mode == found->mode && copy->size == found->size && copy->mtime == found->mtime;
}

// It is the object that the other run left, and nobody has written it since.
bool is_as_left(const Object& left_there, const Object& now) {
  return same_object(left_there, now) && (!now || !left_there->was_written(*now));
}

class Attribution {
 public:
  Attribution(const Steps& steps, int project) : steps_(steps), live_(project) {}

  // Whether the operation goes; else it may end otherwise.
  Result<bool> is_of_others(Op& op) {
    if (op.attributes) return false;
    auto above = lies_in_theirs(op.path);
    if (!above || *above) return above;
    const auto steps = steps_.find(op.path);
    if (steps == steps_.end()) return false;
    Object left = op.after;
    bool matched = false;
    for (auto step = steps->second.rbegin(); step != steps->second.rend(); ++step) {
      if (!is_as_left(step->second, left)) continue;
      left = step->first;
      matched = true;
    }
    if (!matched) return false;
    if (looks_alike(op.before, left)) return true;
    op.after = left;
    return false;
  }

 private:
  // A directory above it was put there by one of them.
  Result<bool> lies_in_theirs(const std::string& path) {
    for (std::string above = tree::split(path).parent; !above.empty();
         above = tree::split(above).parent) {
      const auto steps = steps_.find(above);
      if (steps == steps_.end() || !steps->second.back().second) continue;
      auto node = live_.look(above);
      if (!node) return propagate(node);
      if (same_object(steps->second.back().second, *node)) return true;
    }
    return false;
  }

  const Steps& steps_;
  tree::Parents live_;
};

}  // namespace

Result<std::set<std::string>> leave_to_others(const Store& store, const std::string& run_id,
                                              std::int64_t since, std::vector<Op>& ops) {
  std::set<std::string> gone;
  auto steps = steps_since(store, run_id, since);
  if (!steps) return propagate(steps);
  if (steps->empty()) return gone;
  Attribution attribution(*steps, store.project_fd());
  for (auto op = ops.begin(); op != ops.end();) {
    auto others = attribution.is_of_others(*op);
    if (!others) return propagate(others);
    if (*others) gone.insert(op->path);
    op = *others ? ops.erase(op) : op + 1;
  }
  return gone;
}

}  // namespace mixguard::guard
