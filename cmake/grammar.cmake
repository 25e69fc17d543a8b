# The Elixir grammar of tree-sitter, for reading mix.exs without evaluating it. The npm package has the generated
# parser; it is fetched once for all presets, checked, and never copied into the tree. npm's own configuration says
# from where.
set(grammar_version 0.3.5)
set(grammar_sha256 f89db8ca50495f21b550ce3f65c9f8c00495bd0e3b9f86644f2d06d04d3188f2)
set(grammar_folder ${PROJECT_SOURCE_DIR}/build/grammar)
set(grammar_archive ${grammar_folder}/tree-sitter-elixir-${grammar_version}.tgz)
set(grammar_sources ${grammar_folder}/package/src)

# check_grammar(RESULT): whether the archive is there and is the one that was pinned.
function(check_grammar result)
  set(found "")
  if(EXISTS ${grammar_archive})
    file(SHA256 ${grammar_archive} found)
  endif()
  if(found STREQUAL grammar_sha256)
    set(${result} TRUE PARENT_SCOPE)
  else()
    set(${result} FALSE PARENT_SCOPE)
  endif()
endfunction()

function(fetch_grammar)
  find_program(NPM npm)
  if(NOT NPM)
    message(FATAL_ERROR "npm is missing: it fetches the Elixir grammar (tests/install.sh build installs it)")
  endif()
  execute_process(COMMAND ${NPM} pack --loglevel=error --ignore-scripts tree-sitter-elixir@${grammar_version}
    WORKING_DIRECTORY ${grammar_folder} RESULT_VARIABLE status OUTPUT_QUIET ERROR_VARIABLE said TIMEOUT 120)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "the Elixir grammar cannot be fetched: `npm pack tree-sitter-elixir@${grammar_version}` "
      "ended with ${status}\n${said}\n"
      "Without a network, put that archive into ${grammar_folder} and configure again.")
  endif()
endfunction()

file(MAKE_DIRECTORY ${grammar_folder})
# Presets may be configured side by side.
file(LOCK ${grammar_folder}/lock TIMEOUT 300)
check_grammar(grammar_is_here)
if(NOT grammar_is_here)
  message(STATUS "Fetching the Elixir grammar ${grammar_version}")
  fetch_grammar()
  check_grammar(grammar_is_here)
  if(NOT grammar_is_here)
    message(FATAL_ERROR "${grammar_archive} is not the archive that was pinned; expected SHA-256 ${grammar_sha256}")
  endif()
endif()
if(NOT EXISTS ${grammar_folder}/unpacked-${grammar_sha256})
  file(REMOVE_RECURSE ${grammar_folder}/package)
  file(ARCHIVE_EXTRACT INPUT ${grammar_archive} DESTINATION ${grammar_folder} PATTERNS package/src)
  file(TOUCH ${grammar_folder}/unpacked-${grammar_sha256})
endif()
file(LOCK ${grammar_folder}/lock RELEASE)

# Generated C that is not ours to mend: no warnings, and optimised in every preset, because its tables are walked for
# each token.
add_library(mixguard_elixir_grammar STATIC ${grammar_sources}/parser.c ${grammar_sources}/scanner.c)
target_include_directories(mixguard_elixir_grammar PRIVATE ${grammar_sources})
target_compile_options(mixguard_elixir_grammar PRIVATE -w -O1 -fvisibility=default)
target_link_libraries(mixguard_elixir_grammar PUBLIC PkgConfig::tree_sitter PRIVATE mixguard_hardening)
