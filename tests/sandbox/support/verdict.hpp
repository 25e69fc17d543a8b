// SPDX-License-Identifier: Apache-2.0
#pragma once

// The count of what got out. Every attack reports here what was seen of it outside; the last line
// of the suite says how many are open and which. An open one fails its test, unless it is declared
// as what reduced mode cannot hold (verdict.cpp), and then a closed one does.

#include <string>

namespace mixguard::test {

// `attack` of the running test, whose name begins with the probe's: "fs_home_key_read: …".
void verdict(const std::string& attack, bool open);

// The running test has nothing to say in this mode.
void not_tried_here();

}  // namespace mixguard::test
