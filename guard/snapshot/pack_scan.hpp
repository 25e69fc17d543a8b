// SPDX-License-Identifier: Apache-2.0
#pragma once

// Reading a pack from one end to the other, every bit of it checked, with a few megabytes of
// memory.

#include <cstdint>
#include <functional>
#include <string>

#include "guard/snapshot/packs.hpp"

namespace mixguard::guard {

// A range of bytes that is no sound record. Behind a header that is sound the next record is where
// it says; else it is searched for.
struct PackFlaw {
  std::uint64_t from = 0;
  std::uint64_t to = 0;
  std::string what;
};

struct PackVisitor {
  std::function<Result<void>(const ObjectId& id, const Location& at)> record;
  std::function<Result<void>(const PackFlaw& flaw)> flaw;
};

// Calls the visitor for what lies between `from` and `to`, in order and without gaps.
Result<void> scan_pack(int fd, PackNumber number, std::uint64_t from, std::uint64_t to,
                       const PackVisitor& visitor);

}  // namespace mixguard::guard
