// SPDX-License-Identifier: Apache-2.0
#pragma once

// Makes captured entries into files and directories again.

#include <cstdint>
#include <string>
#include <unordered_map>

#include "guard/snapshot/durability.hpp"
#include "guard/snapshot/entry.hpp"
#include "guard/snapshot/objects.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// What becomes of an object whose copy is damaged: nothing is made at all, or all but that.
enum class OnLoss { kFail, kLeaveOut };

class Materialiser {
 public:
  // Below the directory `area`, which nobody else writes.
  // `durability` has to outlive this object.
  Materialiser(const Objects& objects, int area, OnLoss on_loss, Durability& durability)
      : objects_(objects),
        area_(area),
        on_loss_(on_loss),
        parents_(area),
        durability_(durability) {}

  // Makes the entry at `path`, with all that is in it; the directory that it is in is there, and
  // nothing of that name. Syncs each object that it makes, or leaves it to Durability::finish().
  // Contents are checked against their ids. What is no file, directory or symlink is left out.
  // Files that had an inode in common have again one in common, also over several calls.
  Result<void> make(const std::string& path, const Entry& entry);
  // Of which there is no copy; directories among them are empty.
  [[nodiscard]] const std::vector<std::pair<std::string, Uncovered>>& left_out() const {
    return left_out_;
  }

 private:
  Result<void> make_one(const std::string& path, const Entry& entry);
  Result<void> make_file(int dir, const std::string& path, const std::string& name,
                         const Entry& entry);
  Result<void> make_link(int dir, const std::string& name, const Entry& entry);

  const Objects& objects_;
  int area_;
  OnLoss on_loss_;
  tree::Parents parents_;
  Durability& durability_;
  std::vector<std::pair<std::string, Uncovered>> left_out_;
  std::unordered_map<std::uint64_t, std::string> first_names_;  // of files with several
};

}  // namespace mixguard::guard
