# Warnings for our own code. An interface target, so that libraries' headers are not judged by it.
add_library(mixguard_warnings INTERFACE)
target_compile_options(mixguard_warnings INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor -Wold-style-cast -Woverloaded-virtual
  -Wnull-dereference -Wformat=2 -Wimplicit-fallthrough -Wswitch-enum -Wunused
  # The standard zero-fills what a designated initialiser leaves out; that is what we mean by leaving it out.
  -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(mixguard_warnings INTERFACE
    -Wduplicated-cond -Wlogical-op
    # g++ 12 reports paths through std::optional and std::variant that cannot happen (GCC bug 105562 and kin).
    -Wno-maybe-uninitialized -Wno-null-dereference)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12's stable_sort calls get_temporary_buffer, which it deprecates itself; clang says so at our call.
  target_compile_options(mixguard_warnings INTERFACE -Wno-deprecated-declarations)
endif()
