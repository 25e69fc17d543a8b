// SPDX-License-Identifier: Apache-2.0
#include "bpf_program.hpp"

#include <array>
#include <cstring>
#include <stdexcept>

namespace mixguard::test {
namespace {

using Cells = std::bitset<BPF_MEMWORDS>;

constexpr bool uses_x(unsigned code) { return BPF_SRC(code) == BPF_X; }

// Whether the kernel takes the instruction wherever it stands. Exactly these codes: one with a bit
// that means nothing is refused, too.
std::string objection_to(const sock_filter& step) {
  switch (step.code) {
    case BPF_LD | BPF_W | BPF_ABS:
      if (step.k >= sizeof(seccomp_data)) return "loads from behind the call";
      return step.k % 4 == 0 ? "" : "loads from between two words";
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
      return step.k < BPF_MEMWORDS ? "" : "there is no such cell";
    case BPF_ALU | BPF_DIV | BPF_K:
      return step.k != 0 ? "" : "divides by zero";
    case BPF_ALU | BPF_LSH | BPF_K:
    case BPF_ALU | BPF_RSH | BPF_K:
      return step.k < 32 ? "" : "shifts everything out";
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
    case BPF_LD | BPF_W | BPF_LEN:
    case BPF_LDX | BPF_W | BPF_LEN:
    case BPF_ALU | BPF_ADD | BPF_K:
    case BPF_ALU | BPF_ADD | BPF_X:
    case BPF_ALU | BPF_SUB | BPF_K:
    case BPF_ALU | BPF_SUB | BPF_X:
    case BPF_ALU | BPF_MUL | BPF_K:
    case BPF_ALU | BPF_MUL | BPF_X:
    case BPF_ALU | BPF_DIV | BPF_X:
    case BPF_ALU | BPF_AND | BPF_K:
    case BPF_ALU | BPF_AND | BPF_X:
    case BPF_ALU | BPF_OR | BPF_K:
    case BPF_ALU | BPF_OR | BPF_X:
    case BPF_ALU | BPF_XOR | BPF_K:
    case BPF_ALU | BPF_XOR | BPF_X:
    case BPF_ALU | BPF_LSH | BPF_X:
    case BPF_ALU | BPF_RSH | BPF_X:
    case BPF_ALU | BPF_NEG:
    case BPF_JMP | BPF_JA:
    case BPF_JMP | BPF_JEQ | BPF_K:
    case BPF_JMP | BPF_JEQ | BPF_X:
    case BPF_JMP | BPF_JGT | BPF_K:
    case BPF_JMP | BPF_JGT | BPF_X:
    case BPF_JMP | BPF_JGE | BPF_K:
    case BPF_JMP | BPF_JGE | BPF_X:
    case BPF_JMP | BPF_JSET | BPF_K:
    case BPF_JMP | BPF_JSET | BPF_X:
    case BPF_MISC | BPF_TAX:
    case BPF_MISC | BPF_TXA:
    case BPF_RET | BPF_K:
    case BPF_RET | BPF_A:
      return "";
    default:
      return "seccomp has no such instruction";
  }
}

// The steps that may follow, relative to the one behind it.
std::vector<std::uint32_t> ways_on(const sock_filter& step) {
  if (BPF_CLASS(step.code) == BPF_RET) return {};
  if (BPF_CLASS(step.code) != BPF_JMP) return {0};
  if (BPF_OP(step.code) == BPF_JA) return {step.k};
  return {step.jt, step.jf};
}

std::uint32_t word_of(const seccomp_data& call, std::uint32_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, reinterpret_cast<const char*>(&call) + offset, sizeof word);
  return word;
}

std::uint32_t computed(unsigned operation, std::uint32_t a, std::uint32_t b) {
  switch (operation) {
    case BPF_ADD:
      return a + b;
    case BPF_SUB:
      return a - b;
    case BPF_MUL:
      return a * b;
    case BPF_DIV:
      return a / b;
    case BPF_AND:
      return a & b;
    case BPF_OR:
      return a | b;
    case BPF_XOR:
      return a ^ b;
    case BPF_LSH:
      return a << (b % 32);
    case BPF_RSH:
      return a >> (b % 32);
    default:
      return -a;  // BPF_NEG
  }
}

bool holds(unsigned comparison, std::uint32_t a, std::uint32_t b) {
  switch (comparison) {
    case BPF_JEQ:
      return a == b;
    case BPF_JGT:
      return a > b;
    case BPF_JGE:
      return a >= b;
    default:
      return (a & b) != 0;  // BPF_JSET
  }
}

}  // namespace

std::string BpfProgram::objection(std::span<const sock_filter> steps) {
  if (steps.empty() || steps.size() > BPF_MAXINSNS) return "has no length that is taken";
  // Cells that were written on every way to a step; each way narrows it.
  std::vector<Cells> written(steps.size(), ~Cells{});
  written[0].reset();
  for (std::size_t at = 0; at < steps.size(); ++at) {
    const sock_filter& step = steps[at];
    const auto refused = [at](const std::string& why) {
      return "step " + std::to_string(at) + ": " + why;
    };
    if (const std::string why = objection_to(step); !why.empty()) return refused(why);
    const unsigned kind = BPF_CLASS(step.code);
    const bool loads = kind == BPF_LD || kind == BPF_LDX;
    if (loads && BPF_MODE(step.code) == BPF_MEM && !written[at][step.k])
      return refused("loads a cell that may not have been written");
    Cells after = written[at];
    if (kind == BPF_ST || kind == BPF_STX) after.set(step.k);
    // The kernel's check goes on behind a return as if it could be passed.
    if (kind == BPF_RET && at + 1 < steps.size()) written[at + 1] &= after;
    for (const std::uint32_t way : ways_on(step)) {
      if (way >= steps.size() - at - 1) return refused("leads out of the program");
      written[at + 1 + way] &= after;
    }
  }
  return "";
}

BpfProgram::BpfProgram(std::span<const sock_filter> steps) : steps_(steps.begin(), steps.end()) {
  if (const std::string why = objection(steps); !why.empty()) throw std::invalid_argument(why);
}

BpfProgram::Answer BpfProgram::run(const seccomp_data& call) const {
  Answer answer;
  std::uint32_t a = 0;
  std::uint32_t x = 0;
  std::array<std::uint32_t, BPF_MEMWORDS> cells{};
  for (std::size_t at = 0;; ++at) {
    const sock_filter& step = steps_.at(at);
    ++answer.steps;
    const std::uint32_t operand = uses_x(step.code) ? x : step.k;
    switch (BPF_CLASS(step.code)) {
      case BPF_LD:
      case BPF_LDX: {
        std::uint32_t& target = BPF_CLASS(step.code) == BPF_LD ? a : x;
        if (BPF_MODE(step.code) == BPF_ABS) {
          target = word_of(call, step.k);
          answer.read.set(step.k / 4);
        } else if (BPF_MODE(step.code) == BPF_MEM) {
          target = cells.at(step.k);
        } else {
          target = BPF_MODE(step.code) == BPF_LEN ? sizeof(seccomp_data) : step.k;
        }
        break;
      }
      case BPF_ST:
        cells.at(step.k) = a;
        break;
      case BPF_STX:
        cells.at(step.k) = x;
        break;
      case BPF_ALU:
        // Dividing by zero ends a program with zero, which is SECCOMP_RET_KILL_THREAD.
        if (BPF_OP(step.code) == BPF_DIV && operand == 0) return answer;
        a = computed(BPF_OP(step.code), a, operand);
        break;
      case BPF_JMP:
        if (BPF_OP(step.code) == BPF_JA)
          at += step.k;
        else
          at += holds(BPF_OP(step.code), a, operand) ? step.jt : step.jf;
        break;
      case BPF_MISC:
        (BPF_MISCOP(step.code) == BPF_TAX ? x : a) = BPF_MISCOP(step.code) == BPF_TAX ? a : x;
        break;
      default:  // BPF_RET
        answer.value = BPF_RVAL(step.code) == BPF_A ? a : step.k;
        return answer;
    }
  }
}

}  // namespace mixguard::test
