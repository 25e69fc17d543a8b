// SPDX-License-Identifier: Apache-2.0
#include "guard/approval.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {

Answer ask_person(const policy::Decision& decision) {
  if (::isatty(STDIN_FILENO) == 0 || ::isatty(STDERR_FILENO) == 0) return Answer::kNobody;
  const sandbox::UniqueFd terminal(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!terminal) return Answer::kNobody;
  std::string question = "Run";
  for (const std::string& word : decision.canonical) question += " " + word;
  question += "? [y/N] ";
  if (::write(terminal.get(), question.data(), question.size()) < 0) return Answer::kNobody;
  std::array<char, 64> line{};
  const ssize_t length = ::read(terminal.get(), line.data(), line.size());
  std::string_view answer(line.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  while (!answer.empty() && (answer.back() == '\n' || answer.back() == ' '))
    answer.remove_suffix(1);
  return answer == "y" || answer == "Y" || answer == "yes" ? Answer::kYes : Answer::kNo;
}

}  // namespace mixguard::guard
