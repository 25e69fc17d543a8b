// SPDX-License-Identifier: Apache-2.0
#include "guard/warnings.hpp"

#include <catch2/catch.hpp>

namespace mixguard::guard {
namespace {

using Warnings = std::set<std::string>;

TEST_CASE("warnings of every form are told apart by file and text, not by line") {
  CHECK(warnings_in("Compiling 1 file (.ex)\nwarning: variable \"x\" is unused (if the variable "
                    "is)\n  lib/a.ex:2: A.b/1\n\nGenerated a app\n") ==
        Warnings{"lib/a.ex: variable \"x\" is unused (if the variable is)"});
  CHECK(
      warnings_in("    \x1b[33mwarning:\x1b[0m variable \"x\" is unused\n    │\n  2 │   def b(x)\n"
                  "    │  ~\n    │\n    └─ lib/a.ex:2:9: A.b/1\n") ==
      Warnings{"lib/a.ex: variable \"x\" is unused"});
  CHECK(warnings_in("warning: one\n  lib/a.ex:1\nwarning: one\n  lib/a.ex:9\n").size() == 1);
}

TEST_CASE("a warning without a place is kept, other output is not") {
  CHECK(warnings_in("warning: odd\n") == Warnings{"odd"});
  CHECK(warnings_in("warning: odd\nwarning: even\n  lib/e.ex:1\n") ==
        Warnings{"odd", "lib/e.ex: even"});
  CHECK(warnings_in("no warning: here\n  lib/a.ex:1: A\n").empty());
}

}  // namespace
}  // namespace mixguard::guard
