// SPDX-License-Identifier: Apache-2.0
#pragma once

// The operations that turn what lies in the project into what was captured, with everything that
// they put there made in an area of the store beforehand.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guard/snapshot/entry.hpp"
#include "guard/snapshot/journal.hpp"
#include "guard/snapshot/materialise.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/tree.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

class ReturnPlan {
 public:
  // `live`: the directory that paths are relative to; `area`: an empty directory on the same file
  // system. With OnLoss::kLeaveOut what has a damaged copy stays as it is now, and is left_alone().
  ReturnPlan(const Objects& objects, int live, int area, OnLoss on_loss)
      : objects_(objects),
        live_(live),
        on_loss_(on_loss),
        made_(objects, area, on_loss, durability_),
        area_fd_(area),
        area_(area) {}

  // Adds what leads from `present` to `wanted`, both at `path` and captured there; `present` just
  // now.
  Result<void> add(const std::string& path, const std::optional<Entry>& wanted,
                   const std::optional<Entry>& present);

  // Everything is on disk. Afterwards the operations are complete: before is what lies in the
  // project.
  Result<std::vector<Op>> finish();

  // What cannot be put back, and why: there is no copy of it.
  [[nodiscard]] const std::vector<std::pair<std::string, Uncovered>>& left_alone() const {
    return left_alone_;
  }

 private:
  Result<void> plan(const std::string& path, const std::optional<Entry>& wanted,
                    const std::optional<Entry>& present);

  Result<void> keep_parents();

  const Objects& objects_;
  tree::Parents live_;
  OnLoss on_loss_;
  Durability durability_;
  Materialiser made_;
  int area_fd_;
  tree::Parents area_;
  std::vector<Op> ops_;
  std::vector<std::pair<std::string, Uncovered>> left_alone_;
};

}  // namespace mixguard::guard
