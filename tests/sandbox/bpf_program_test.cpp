// SPDX-License-Identifier: Apache-2.0
// What the filters are judged by has to be right itself: programs with known answers, and what the
// kernel makes of the same programs.
#include "support/bpf_program.hpp"

#include <errno.h>
#include <rapidcheck.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <vector>

using mixguard::test::BpfProgram;

namespace {

using Steps = std::vector<sock_filter>;

constexpr sock_filter stmt(unsigned code, std::uint32_t k) {
  return BPF_STMT(static_cast<std::uint16_t>(code), k);
}
constexpr sock_filter jump(unsigned code, std::uint32_t k, std::uint8_t jt, std::uint8_t jf) {
  return BPF_JUMP(static_cast<std::uint16_t>(code), k, jt, jf);
}
constexpr sock_filter kReturnA = stmt(BPF_RET | BPF_A, 0);

constexpr seccomp_data kCall{
    .nr = 7, .arch = 0xc000003e, .instruction_pointer = 0, .args = {0x1122334455667788, 2, 3}};

std::uint32_t value(const Steps& steps) { return BpfProgram(steps).run(kCall).value; }

// A = a, X = x, then the instruction: what is in A.
std::uint32_t calculated(std::uint32_t a, unsigned operation, std::uint32_t x) {
  return value({stmt(BPF_LDX | BPF_IMM, x), stmt(BPF_LD | BPF_IMM, a),
                stmt(BPF_ALU | operation | BPF_X, 0), kReturnA});
}
// Which of two returns a comparison of A and a constant chooses.
bool goes(std::uint32_t a, unsigned comparison, std::uint32_t k) {
  return value({stmt(BPF_LD | BPF_IMM, a), jump(BPF_JMP | comparison | BPF_K, k, 0, 1),
                stmt(BPF_RET | BPF_K, 1), stmt(BPF_RET | BPF_K, 0)}) == 1;
}

}  // namespace

TEST_CASE("BPF: a load takes one word of the call", "[seccomp]") {
  const auto load = [](std::size_t offset) {
    return stmt(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  const std::size_t argument = offsetof(seccomp_data, args);
  CHECK(value({load(offsetof(seccomp_data, nr)), kReturnA}) == 7);
  CHECK(value({load(offsetof(seccomp_data, arch)), kReturnA}) == 0xc000003e);
  const bool little = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
  CHECK(value({load(argument), kReturnA}) == (little ? 0x55667788 : 0x11223344));
  CHECK(value({load(argument + 4), kReturnA}) == (little ? 0x11223344 : 0x55667788));
  CHECK(value({stmt(BPF_LD | BPF_W | BPF_LEN, 0), kReturnA}) == sizeof(seccomp_data));
  const auto answer = BpfProgram(Steps{load(argument + 4), kReturnA}).run(kCall);
  CHECK(answer.steps == 2);
  CHECK(answer.read.count() == 1);
  CHECK(answer.read[(argument + 4) / 4]);
}

TEST_CASE("BPF: arithmetic has 32 bits and no sign", "[seccomp]") {
  CHECK(calculated(0xffffffff, BPF_ADD, 2) == 1);
  CHECK(calculated(1, BPF_SUB, 2) == 0xffffffff);
  CHECK(calculated(0x10001, BPF_MUL, 0x10000) == 0x10000);
  CHECK(calculated(0xfffffffe, BPF_DIV, 2) == 0x7fffffff);
  CHECK(calculated(6, BPF_AND, 3) == 2);
  CHECK(calculated(6, BPF_OR, 3) == 7);
  CHECK(calculated(6, BPF_XOR, 3) == 5);
  CHECK(calculated(1, BPF_LSH, 31) == 0x80000000);
  CHECK(calculated(0x80000000, BPF_RSH, 31) == 1);
  CHECK(value({stmt(BPF_LD | BPF_IMM, 1), stmt(BPF_ALU | BPF_NEG, 0), kReturnA}) == 0xffffffff);
  // Kills the thread, and does not return what was in A.
  CHECK(calculated(SECCOMP_RET_ALLOW, BPF_DIV, 0) == SECCOMP_RET_KILL_THREAD);
}

TEST_CASE("BPF: comparisons have no sign, and jumps lead where they say", "[seccomp]") {
  CHECK(goes(5, BPF_JEQ, 5));
  CHECK_FALSE(goes(5, BPF_JEQ, 6));
  CHECK(goes(0xffffffff, BPF_JGT, 1));
  CHECK_FALSE(goes(5, BPF_JGT, 5));
  CHECK(goes(5, BPF_JGE, 5));
  CHECK_FALSE(goes(4, BPF_JGE, 5));
  CHECK(goes(6, BPF_JSET, 12));
  CHECK_FALSE(goes(6, BPF_JSET, 8));
  CHECK(value({stmt(BPF_JMP | BPF_JA, 1), stmt(BPF_RET | BPF_K, 1), stmt(BPF_RET | BPF_K, 2)}) ==
        2);
}

TEST_CASE("BPF: cells and registers keep what was put there", "[seccomp]") {
  CHECK(value({stmt(BPF_LD | BPF_IMM, 5), stmt(BPF_ST, 15), stmt(BPF_LDX | BPF_MEM, 15),
               stmt(BPF_LD | BPF_IMM, 1), stmt(BPF_STX, 0), stmt(BPF_LD | BPF_MEM, 0), kReturnA}) ==
        5);
  CHECK(value({stmt(BPF_LD | BPF_IMM, 5), stmt(BPF_MISC | BPF_TAX, 0), stmt(BPF_LD | BPF_IMM, 1),
               stmt(BPF_MISC | BPF_TXA, 0), kReturnA}) == 5);
}

TEST_CASE("BPF: what the kernel would not take is no program", "[seccomp]") {
  using Catch::Contains;
  const auto refused = [](const sock_filter& step) {
    return BpfProgram::objection(Steps{step, stmt(BPF_RET | BPF_K, 0)});
  };
  CHECK(BpfProgram::objection(Steps{stmt(BPF_RET | BPF_K, 0)}).empty());
  CHECK_FALSE(BpfProgram::objection({}).empty());
  CHECK(BpfProgram::objection(Steps(BPF_MAXINSNS, kReturnA)).empty());
  CHECK_FALSE(BpfProgram::objection(Steps(BPF_MAXINSNS + 1, kReturnA)).empty());

  CHECK_THAT(refused(stmt(BPF_LD | BPF_H | BPF_ABS, 0)), Contains("no such instruction"));
  CHECK_THAT(refused(stmt(BPF_LD | BPF_W | BPF_IND, 0)), Contains("no such instruction"));
  CHECK_THAT(refused(stmt(BPF_ALU | BPF_MOD | BPF_K, 3)), Contains("no such instruction"));
  CHECK_THAT(refused(stmt(BPF_RET | BPF_X, 0)), Contains("no such instruction"));
  CHECK_THAT(refused(stmt(BPF_LD | BPF_W | BPF_ABS, sizeof(seccomp_data))), Contains("behind"));
  CHECK_THAT(refused(stmt(BPF_LD | BPF_W | BPF_ABS, 2)), Contains("between"));
  CHECK_THAT(refused(stmt(BPF_ST, BPF_MEMWORDS)), Contains("no such cell"));
  CHECK_THAT(refused(stmt(BPF_LD | BPF_MEM, 3)), Contains("may not have been written"));
  CHECK_THAT(refused(stmt(BPF_ALU | BPF_DIV | BPF_K, 0)), Contains("zero"));
  CHECK_THAT(refused(stmt(BPF_ALU | BPF_LSH | BPF_K, 32)), Contains("shifts"));
  CHECK_THAT(refused(stmt(BPF_JMP | BPF_JA, 1)), Contains("out of the program"));
  CHECK_THAT(refused(stmt(BPF_JMP | BPF_JA, 0xffffffff)), Contains("out of the program"));
  CHECK_THAT(refused(jump(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1)), Contains("out of the program"));
  CHECK_THAT(BpfProgram::objection(Steps{stmt(BPF_LD | BPF_IMM, 0)}),
             Contains("out of the program"));
  CHECK_THROWS_AS(BpfProgram(Steps{stmt(BPF_LD | BPF_IMM, 0)}), std::invalid_argument);
  // Written on one of two ways only.
  CHECK_THAT(BpfProgram::objection(Steps{jump(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), stmt(BPF_ST, 1),
                                         stmt(BPF_LD | BPF_MEM, 1), kReturnA}),
             Contains("may not have been written"));
}

namespace {

constexpr unsigned kCodes[] = {
    BPF_LD | BPF_W | BPF_ABS,
    BPF_LD | BPF_IMM,
    BPF_LDX | BPF_IMM,
    BPF_LD | BPF_W | BPF_LEN,
    BPF_LDX | BPF_W | BPF_LEN,
    BPF_LD | BPF_MEM,
    BPF_LDX | BPF_MEM,
    BPF_ST,
    BPF_STX,
    BPF_ALU | BPF_ADD | BPF_K,
    BPF_ALU | BPF_ADD | BPF_X,
    BPF_ALU | BPF_SUB | BPF_K,
    BPF_ALU | BPF_SUB | BPF_X,
    BPF_ALU | BPF_MUL | BPF_K,
    BPF_ALU | BPF_MUL | BPF_X,
    BPF_ALU | BPF_DIV | BPF_K,
    BPF_ALU | BPF_DIV | BPF_X,
    BPF_ALU | BPF_AND | BPF_K,
    BPF_ALU | BPF_AND | BPF_X,
    BPF_ALU | BPF_OR | BPF_K,
    BPF_ALU | BPF_OR | BPF_X,
    BPF_ALU | BPF_XOR | BPF_K,
    BPF_ALU | BPF_XOR | BPF_X,
    BPF_ALU | BPF_LSH | BPF_K,
    BPF_ALU | BPF_LSH | BPF_X,
    BPF_ALU | BPF_RSH | BPF_K,
    BPF_ALU | BPF_RSH | BPF_X,
    BPF_ALU | BPF_NEG,
    BPF_JMP | BPF_JA,
    BPF_JMP | BPF_JEQ | BPF_K,
    BPF_JMP | BPF_JEQ | BPF_X,
    BPF_JMP | BPF_JGT | BPF_K,
    BPF_JMP | BPF_JGT | BPF_X,
    BPF_JMP | BPF_JGE | BPF_K,
    BPF_JMP | BPF_JGE | BPF_X,
    BPF_JMP | BPF_JSET | BPF_K,
    BPF_MISC | BPF_TAX,
    BPF_JMP | BPF_JSET | BPF_X,
    BPF_MISC | BPF_TXA,
    BPF_RET | BPF_K,
    BPF_ALU | BPF_MOD | BPF_K,
    BPF_LD | BPF_B | BPF_ABS,
};
constexpr std::uint32_t kFirstArgument = offsetof(seccomp_data, args);

// Mostly what is taken, and sometimes what is just not. Loads nothing but arguments and words that
// are not there: the test does not choose the rest.
rc::Gen<sock_filter> any_step() {
  return rc::gen::mapcat(
      rc::gen::elementOf(std::vector<unsigned>(std::begin(kCodes), std::end(kCodes))),
      [](unsigned code) {
        const auto make = [code](std::uint32_t k, std::uint8_t jt, std::uint8_t jf) {
          return jump(code, k, jt, jf);
        };
        const auto small = rc::gen::inRange<std::uint8_t>(0, 3);
        const unsigned kind = BPF_CLASS(code);
        auto k = rc::gen::oneOf(rc::gen::arbitrary<std::uint32_t>(),
                                rc::gen::inRange<std::uint32_t>(0, 33));
        if (kind == BPF_LD && BPF_MODE(code) == BPF_ABS)
          k = rc::gen::map(rc::gen::inRange<std::uint32_t>(0, 13),
                           [](std::uint32_t n) { return kFirstArgument + 4 * n; });
        else if (kind == BPF_ST || kind == BPF_STX || BPF_MODE(code) == BPF_MEM)
          k = rc::gen::inRange<std::uint32_t>(0, 3);
        else if (kind == BPF_JMP && BPF_OP(code) == BPF_JA)
          k = rc::gen::inRange<std::uint32_t>(0, 3);
        return rc::gen::apply(make, k, small, small);
      });
}

// Everything but getppid(2) passes. That one is answered with the error that `body` leaves in A.
Steps answering_getppid(const Steps& body) {
  Steps steps = {stmt(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
                 jump(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 1, 0),
                 stmt(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
                 stmt(BPF_LD | BPF_IMM, 0),
                 stmt(BPF_LDX | BPF_IMM, 0),
                 stmt(BPF_ST, 0),
                 stmt(BPF_ST, 1)};
  steps.insert(steps.end(), body.begin(), body.end());
  constexpr std::uint32_t kLargestError = 4095;  // more is made less by the kernel
  // Two jumps over the rest are possible; then the last is taken again.
  for (int again = 0; again < 3; ++again) {
    steps.push_back(stmt(BPF_ALU | BPF_AND | BPF_K, kLargestError));
    steps.push_back(stmt(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO));
  }
  steps.push_back(kReturnA);
  return steps;
}

// What became of it: "refused", "killed", or the error of getppid(2).
std::string in_the_kernel(const Steps& steps, const std::array<std::uint64_t, 6>& args) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return "no pipe";
  const pid_t child = ::fork();
  if (child == 0) {
    const sock_fprog program{static_cast<unsigned short>(steps.size()),
                             const_cast<sock_filter*>(steps.data())};
    ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    int error = -1;
    if (::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0) {
      errno = 0;
      ::syscall(SYS_getppid, args[0], args[1], args[2], args[3], args[4], args[5]);
      error = errno;
    }
    ::_exit(::write(pipe[1], &error, sizeof error) == sizeof error ? 0 : 1);
  }
  ::close(pipe[1]);
  int error = 0;
  const bool answered = ::read(pipe[0], &error, sizeof error) == sizeof error;
  ::close(pipe[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!answered) return WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS ? "killed" : "lost";
  return error < 0 ? "refused" : std::to_string(error);
}

std::string without_kernel(const Steps& steps, const std::array<std::uint64_t, 6>& args) {
  if (!BpfProgram::objection(steps).empty()) return "refused";
  seccomp_data call{};
  call.nr = SYS_getppid;
  std::copy(args.begin(), args.end(), call.args);
  const std::uint32_t value = BpfProgram(steps).run(call).value;
  if ((value & SECCOMP_RET_ACTION_FULL) == SECCOMP_RET_ERRNO)
    return std::to_string(value & SECCOMP_RET_DATA);
  return value == SECCOMP_RET_KILL_THREAD ? "killed" : "not made by this test";
}

}  // namespace

TEST_CASE("BPF: the kernel takes the same programs and gives the same answers", "[seccomp]") {
  CHECK(rc::check([] {
    auto body = *rc::gen::container<Steps>(any_step());
    // A return in the middle is one of these two.
    for (sock_filter& step : body) {
      if (BPF_CLASS(step.code) == BPF_RET) step.k = step.k % 2 == 0 ? 0 : SECCOMP_RET_ERRNO | 1;
    }
    const auto args =
        *rc::gen::container<std::array<std::uint64_t, 6>>(rc::gen::arbitrary<std::uint64_t>());
    const Steps steps = answering_getppid(body);
    const std::string expected = without_kernel(steps, args);
    RC_TAG(expected == "refused" || expected == "killed" ? expected : "answered");
    RC_ASSERT(in_the_kernel(steps, args) == expected);
  }));
}
