// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a person sees of long work, and a program that reads along: on a terminal one line on
// standard error that is written over, under --json a JSON line each time. Nothing at all for work
// that is over before anybody wonders.

#include <chrono>
#include <cstddef>
#include <string>

#include "guard/output/console.hpp"

namespace mixguard::guard {

class Progress {
 public:
  // Until then nobody wonders.
  static constexpr std::chrono::milliseconds kPatience{500};

  // `what` is done of `total`: "put back". A total of 0 is not known. Without patience the first
  // step is shown at once: for steps that are known to take long.
  Progress(const Console& console, std::string what, std::size_t total,
           std::chrono::milliseconds patience = kPatience);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { end(); }

  // `done` of them are over; `step` names what comes next and is always shown. Cheap without one:
  // most calls do nothing.
  void at(std::size_t done, const std::string& step = {});
  // Takes the line off the terminal, before something else is said there.
  void end();

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  std::size_t total_;
  std::chrono::milliseconds patience_;
  bool json_;
  bool terminal_;
  Clock::time_point begun_ = Clock::now();
  Clock::time_point shown_;
  bool is_shown_ = false;
};

}  // namespace mixguard::guard
