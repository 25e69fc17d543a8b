// SPDX-License-Identifier: Apache-2.0
//
// Feeds files to a fuzz target, without a fuzzer: every file of the directories named on the
// command line. One that breaks a claim aborts; its name is the last thing that was printed.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "tests/fuzz/fuzz.hpp"

namespace {

std::vector<std::string> files_in(const char* directory) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

void replay(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  std::cout << path << std::endl;
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const std::string& path : files_in(argv[i])) {
      replay(path);
      ++count;
    }
  }
  std::cout << count << " passed, 0 failed\n";
  return count == 0 ? 1 : 0;
}
