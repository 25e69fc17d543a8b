// SPDX-License-Identifier: Apache-2.0
//
// Reads the mix.exs files named on the command line and prints a line for each, to be compared with
// what Mix makes of it: FILE and "unknown", or NAME=STEP,STEP;NAME=… in hexadecimal, "fn" for a
// function.

#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

#include "policy/mix_exs.hpp"

namespace {

using namespace mixguard::policy;

std::string hex(std::string_view text) {
  static constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    out += {kDigits[byte >> 4U], kDigits[byte & 15U]};
  }
  return out;
}

std::string told(const MixExs& exs) {
  if (!exs.aliases) return "unknown";
  std::string text;
  for (const Alias& alias : *exs.aliases) {
    if (!text.empty()) text += ';';
    text += hex(alias.name) + '=';
    for (const AliasStep& step : alias.steps) {
      if (&step != &alias.steps.front()) text += ',';
      text += step.is_function ? "fn" : hex(step.text);
    }
  }
  return text;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    std::ifstream file(argv[i], std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    std::cout << argv[i] << ' ' << told(read_mix_exs(text)) << '\n';
  }
}
