// SPDX-License-Identifier: Apache-2.0
#include "guard/output/text_diff.hpp"

#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "guard/helper_process.hpp"
#include "guard/output/console.hpp"
#include "policy/text.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;

constexpr std::chrono::seconds kLongest{10};

UniqueFd in_memory(std::string_view content) {
  UniqueFd fd(::memfd_create("mixguard-diff", MFD_CLOEXEC));
  while (fd && !content.empty()) {
    const ssize_t count = ::write(fd.get(), content.data(), content.size());
    if (count <= 0) return UniqueFd();
    content.remove_prefix(static_cast<std::size_t>(count));
  }
  return fd;
}

// Ours, seen from another process.
std::string path_of(const UniqueFd& fd) {
  return "/proc/" + std::to_string(::getpid()) + "/fd/" + std::to_string(fd.get());
}

std::string by_line_printable(std::string_view text) {
  std::string shown;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    shown += printable(line) + "\n";
  }
  return shown;
}

}  // namespace

bool is_text(std::string_view content) {
  const auto is_odd = [](char byte) {
    const auto value = static_cast<unsigned char>(byte);
    return value < ' ' && value != '\n' && value != '\t' && value != '\r' && value != '\f';
  };
  return std::none_of(content.begin(), content.end(), is_odd) && policy::is_valid_utf8(content);
}

std::optional<std::string> text_diff(const std::string& path, std::string_view before,
                                     std::string_view after) {
  const UniqueFd left = in_memory(before);
  const UniqueFd right = in_memory(after);
  if (!left || !right) return std::nullopt;
  const std::string name = printable(path);
  const auto output = run_helper(
      "/usr/bin/diff",
      {"-u", "--label", "a/" + name, "--label", "b/" + name, path_of(left), path_of(right)},
      kLongest);
  // 0: no difference, 1: some, 2: trouble.
  if (!output || output->exit_code > 1) return std::nullopt;
  return by_line_printable(output->standard_output);
}

}  // namespace mixguard::guard
