// SPDX-License-Identifier: Apache-2.0
//
// What the command sends to the only name server inside its sandbox.

#include "policy/endpoint.hpp"
#include "sandbox/name_question.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace mixguard;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::span<const std::uint8_t> query(data, size);
  const auto question = sandbox::read_question(query);
  if (!question) return 0;
  fuzz::claim(question->size <= size, "a question lies within the query");
  fuzz::claim(question->name.size() <= 253, "a name is no longer than names are");
  for (const char c : question->name) fuzz::claim(c > ' ' && c < 0x7F, "and can be printed");
  const auto answer = sandbox::no_such_name(query, *question);
  fuzz::claim(answer.size() == question->size, "an answer is no longer than its question");
  fuzz::claim(!sandbox::read_question(answer), "and no question");
  return 0;
}
