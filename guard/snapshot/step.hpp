// SPDX-License-Identifier: Apache-2.0
#pragma once

// How far long work is.

#include <cstddef>
#include <functional>

namespace mixguard::guard {

// Told after each step: how many are over, and of how many; 0: nobody knows. May be empty.
using OnStep = std::function<void(std::size_t done, std::size_t total)>;

}  // namespace mixguard::guard
