// SPDX-License-Identifier: Apache-2.0
#pragma once

// What an attacker would run: `probe NAME [ARG…]` tries one thing and exits 77 when it worked, 1
// when it was refused (printing why). The tests do not believe the exit code alone: they look at
// the effect from outside, and run the same attack without the sandbox to see that it would have
// worked. Descriptors stay open on purpose: `probe hold NAME…` waits, so that they can be looked
// at.

#include <span>
#include <string>
#include <vector>

namespace probe {

using Arguments = std::vector<std::string>;

struct Attack {
  const char* name;
  int (*run)(const Arguments&);
};

constexpr int kWorked = 77;
constexpr int kRefused = 1;

std::span<const Attack> file_attacks();
std::span<const Attack> network_attacks();
std::span<const Attack> system_attacks();
std::span<const Attack> process_attacks();
std::span<const Attack> program_attacks();
std::span<const Attack> behaviours();  // no attacks: what a well-behaved command would do

int run(const std::string& name, const Arguments& arguments);  // 64: there is none of that name
int verdict(bool worked);
int number(const std::string& text);
bool append(int fd);           // "pwned"
bool become_namespace_root();  // a new user and mount namespace with all capabilities in it

}  // namespace probe
