// SPDX-License-Identifier: Apache-2.0
#pragma once

// Questions to the person at the terminal.

#include <string>

namespace mixguard::guard {

// Whether somebody can be asked: a terminal on both standard input and standard error, and one that
// controls this process. A pipe's "yes" is not a person's.
[[nodiscard]] bool is_person_present();

// Puts "QUESTION? [y/N] " and waits. True for y and yes; false for all else, the end of input and
// trouble with the terminal included. What was typed before the question does not count.
[[nodiscard]] bool person_says_yes(const std::string& question);

}  // namespace mixguard::guard
