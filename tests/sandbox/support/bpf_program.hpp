// SPDX-License-Identifier: Apache-2.0
#pragma once

// Classic BPF as seccomp runs it, without a kernel: what a filter answers to a call, from which
// words of it, and in how many steps. Takes only programs that the kernel would take; what that is,
// and what each instruction does, is said by Linux's kernel/seccomp.c (seccomp_check_filter) and
// net/core/filter.c (bpf_check_classic, check_load_and_stores), and in
// Documentation/networking/filter.rst.

#include <linux/filter.h>
#include <linux/seccomp.h>

#include <bitset>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace mixguard::test {

class BpfProgram {
 public:
  struct Answer {
    std::uint32_t value = 0;                     // SECCOMP_RET_…, with its data
    unsigned steps = 0;                          // instructions executed, the return included
    std::bitset<sizeof(seccomp_data) / 4> read;  // the words of seccomp_data that were loaded
  };

  // Why the kernel would answer EINVAL; empty: it would not.
  [[nodiscard]] static std::string objection(std::span<const sock_filter> steps);

  // Throws std::invalid_argument with the objection, if there is one.
  explicit BpfProgram(std::span<const sock_filter> steps);

  // Ends for every program that has no objection: jumps lead forward only, and the last step
  // returns.
  [[nodiscard]] Answer run(const seccomp_data& call) const;
  [[nodiscard]] std::size_t size() const { return steps_.size(); }

 private:
  std::vector<sock_filter> steps_;
};

}  // namespace mixguard::test
