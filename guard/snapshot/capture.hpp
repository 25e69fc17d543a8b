// SPDX-License-Identifier: Apache-2.0
#pragma once

// What lies below a directory, as one entry whose contents are objects. What was seen before is
// verified with one stat(2) a file and none of it is read; a directory whose ctime has not moved is
// not listed either. Two or more threads.
//
// Clean means equal device, inode, mode, owner, size, mtime and ctime, and a ctime from before the
// capture that saw it: an mtime can be set back, a ctime cannot, and of two changes within one tick
// of the clock the second may not show (git calls such an entry racy; racy ones are read again). A
// store through a shared mapping moves the ctime only when the page is written back (ext4), on
// tmpfs never.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "guard/snapshot/entry.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/step.hpp"
#include "policy/result.hpp"

namespace mixguard::guard {

// A tree that captures are made of: its directory, and what it is called in the index. The
// directory
// `.mixguard` at its top is no part of it.
struct CaptureRoot {
  int fd = -1;       // O_RDONLY|O_DIRECTORY
  std::string name;  // absolute path; empty for the project, which may move
};

struct Captured {
  std::optional<Entry> top;  // nothing: nothing lies there
  std::uint64_t files = 0;   // of any type but directories
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;  // of the files
  std::uint64_t read = 0;   // files that were read, the others being as they were known
  // Paths below the root, and why they could not be kept.
  std::vector<std::pair<std::string, Uncovered>> uncovered;
};

// What lies at `path` ("" for all of the root). All of it is on disk when this returns. The store
// must be locked. A file that changes meanwhile is read again up to three times. `on_step` is told
// how many files have been looked at, of 0: nobody knows how many there are; by one thread at a
// time.
Result<Captured> capture(const Store& store, Objects& objects, const CaptureRoot& root,
                         const std::string& path, const OnStep& on_step = {});

}  // namespace mixguard::guard
