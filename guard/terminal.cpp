// SPDX-License-Identifier: Apache-2.0
#include "guard/terminal.hpp"

#include <fcntl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string_view>

#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {
namespace {

sandbox::UniqueFd open_terminal() {
  return sandbox::UniqueFd(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY));
}

}  // namespace

bool is_person_present() {
  return ::isatty(STDIN_FILENO) != 0 && ::isatty(STDERR_FILENO) != 0 && open_terminal();
}

bool person_says_yes(const std::string& question) {
  const sandbox::UniqueFd terminal = open_terminal();
  if (!terminal) return false;
  ::tcflush(terminal.get(), TCIFLUSH);
  const std::string prompt = question + "? [y/N] ";
  if (::write(terminal.get(), prompt.data(), prompt.size()) < 0) return false;
  std::array<char, 64> line{};
  const ssize_t length = ::read(terminal.get(), line.data(), line.size());
  std::string_view answer(line.data(), length > 0 ? static_cast<std::size_t>(length) : 0);
  while (!answer.empty() && (answer.back() == '\n' || answer.back() == ' '))
    answer.remove_suffix(1);
  return answer == "y" || answer == "Y" || answer == "yes";
}

}  // namespace mixguard::guard
