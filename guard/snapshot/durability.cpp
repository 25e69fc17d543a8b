// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/durability.hpp"

#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

constexpr std::size_t kManyObjects = 500;
constexpr long kLittleKibibytes = 64L * 1024;

// What the kernel has yet to write, of all file systems; an upper bound for ours.
bool little_is_dirty() {
  std::ifstream memory("/proc/meminfo");
  long sum = 0;
  int found = 0;
  for (std::string line; found < 2 && std::getline(memory, line);) {
    for (const char* key : {"Dirty:", "Writeback:"}) {
      if (!line.starts_with(key)) continue;
      sum += std::strtol(line.c_str() + std::strlen(key), nullptr, 10);
      ++found;
    }
  }
  return found == 2 && sum <= kLittleKibibytes;
}

}  // namespace

Durability::Durability() : whole_(little_is_dirty()) {}

bool Durability::sync_each() {
  ++count_;
  if (count_ > kManyObjects) whole_ = true;
  return !whole_;
}

void Durability::sync_whole() {
  ++count_;
  whole_ = true;
}

Result<bool> Durability::finish(int fd) const {
  if (!whole_ || count_ == 0) return false;
  if (::syncfs(fd) < 0) return tree::fail_errno("sync", "the project's file system");
  return true;
}

}  // namespace mixguard::guard
