// SPDX-License-Identifier: Apache-2.0
#include "guard/output/progress.hpp"

#include <unistd.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "guard/output/decision_json.hpp"

namespace mixguard::guard {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kBetween{100};

void put(const std::string& text) {
  // Lost progress is no error.
  static_cast<void>(::write(STDERR_FILENO, text.data(), text.size()) < 0);
}

}  // namespace

Progress::Progress(const Console& console, std::string what, std::size_t total,
                   milliseconds patience)
    : what_(std::move(what)),
      total_(total),
      patience_(patience),
      json_(console.json()),
      terminal_(!console.json() && !console.quiet() && ::isatty(STDERR_FILENO) != 0) {}

void Progress::at(std::size_t done, const std::string& step) {
  if (!json_ && !terminal_) return;
  const auto now = Clock::now();
  const bool is_soon = is_shown_ && step.empty() && done < total_ && now - shown_ < kBetween;
  if (now - begun_ < patience_ || is_soon) return;
  is_shown_ = true;
  shown_ = now;
  if (json_) {
    nlohmann::ordered_json line{{"progress", what_}, {"done", done}};
    if (total_ != 0) line["total"] = total_;
    if (!step.empty()) line["step"] = step;
    return put(dump(line) + "\n");
  }
  std::string line = what_ + " " + std::to_string(done);
  if (total_ != 0) line += " of " + std::to_string(total_);
  if (!step.empty()) line += ": " + printable(step);
  put("\rmixguard: " + line + "\x1b[K");
}

void Progress::end() {
  if (std::exchange(is_shown_, false) && terminal_) put("\r\x1b[K");
}

}  // namespace mixguard::guard
