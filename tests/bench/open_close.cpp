// SPDX-License-Identifier: Apache-2.0
//
// Opens and closes a file a number of times: what a sandbox costs each system call.
//   open_close COUNT PATH
// prints nanoseconds of one open and close, the median of batches.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <vector>

int main(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  constexpr long kBatch = 1'000;
  if (argc != 3) return 2;
  std::vector<long> batches;
  for (long done = 0; done < std::atol(argv[1]); done += kBatch) {
    const auto start = Clock::now();
    for (long i = 0; i < kBatch; ++i) {
      const int fd = ::open(argv[2], O_RDONLY | O_CLOEXEC);
      if (fd < 0) return 1;
      ::close(fd);
    }
    batches.push_back((Clock::now() - start).count() / kBatch);
  }
  if (batches.empty()) return 2;
  std::nth_element(batches.begin(), batches.begin() + batches.size() / 2, batches.end());
  std::cout << batches[batches.size() / 2] << "\n";
}
