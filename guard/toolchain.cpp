// SPDX-License-Identifier: Apache-2.0
#include "guard/toolchain.hpp"

#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "guard/files.hpp"

namespace mixguard::guard {
namespace {

constexpr std::array kStandardDirectories{"/usr/local/bin", "/usr/bin", "/bin", "/opt/elixir/bin"};

// Nobody but root and the caller can write the file or put another in its place.
bool is_trustworthy(const std::string& real) {
  for (std::string path = real;; path = parent_path(path)) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return false;
    const bool owned = info.st_uid == 0 || info.st_uid == ::geteuid();
    const bool sticky = S_ISDIR(info.st_mode) && (info.st_mode & S_ISVTX) != 0;
    // Debian's /usr/local belongs to root and may be written by its group, staff: that is the
    // administrator's word.
    const mode_t foreign = S_ISDIR(info.st_mode) && info.st_uid == 0 ? 002 : 022;
    if (!owned || ((info.st_mode & foreign) != 0 && !sticky)) return false;
    if (path == "/") return true;
  }
}

std::vector<std::string> search_directories() {
  std::vector<std::string> directories(kStandardDirectories.begin(), kStandardDirectories.end());
  const std::string path = environment_variable("PATH").value_or("");
  for (std::size_t start = 0; start < path.size();) {
    const std::size_t end = std::min(path.find(':', start), path.size());
    if (end > start && path[start] == '/') directories.push_back(path.substr(start, end - start));
    start = end + 1;
  }
  return directories;
}

PinnedProgram find_program(const char* name, const std::vector<std::string>& directories,
                           const std::string& project) {
  for (const std::string& directory : directories) {
    std::string path = join_path(directory, name);
    if (::access(path.c_str(), X_OK) != 0) continue;
    std::string real = real_path(path);
    if (real.empty() || (!project.empty() && is_within(real, project)) || !is_trustworthy(real))
      continue;
    return {std::move(path), std::move(real)};
  }
  return {};
}

std::string read_script(const std::string& path) {
  const auto text = read_file(path);
  return text && *text ? **text : std::string();
}

std::string first_line_value(const std::string& text, std::string_view key) {
  const std::size_t start = text.find(key);
  if (start == std::string::npos) return {};
  const std::size_t from = start + key.size();
  return text.substr(from, text.find('\n', from) - from);
}

// The words of the lines with which bin/elixir ends, by version; taken from the released scripts.
constexpr std::string_view kUntil114 =
    "set -- \"$ERTS_BIN$ERL_EXEC\" -pa \"$SCRIPT_PATH\"/../lib/*/ebin $ELIXIR_ERL_OPTIONS $ERL "
    "\"$@\"\n";
constexpr std::string_view kMode114 =
    "if [ \"$MODE\" != \"iex\" ]; then ERL=\"-noshell -s elixir start_cli $ERL\"; fi\n";
constexpr std::string_view kFrom117 =
    "set -- \"$ERTS_BIN$ERL_EXEC\" -noshell -elixir_root \"$SCRIPT_PATH\"/../lib -pa "
    "\"$SCRIPT_PATH\"/../lib/elixir/ebin $ELIXIR_ERL_OPTIONS $ERL \"$@\"\n";
constexpr std::string_view kMode117 =
    "if [ \"$MODE\" != \"iex\" ]; then ERL=\"-s elixir start_cli $ERL\"; fi\n";
constexpr std::string_view kAnsi =
    "if test -t 1 -a -t 2; then ERL=\"-elixir ansi_enabled true $ERL\"; fi\n";

std::vector<std::string> library_directories(const std::string& script_directory) {
  std::vector<std::string> result;
  glob_t found{};
  if (::glob((script_directory + "/../lib/*/ebin").c_str(), 0, nullptr, &found) == 0) {
    result.assign(found.gl_pathv, found.gl_pathv + found.gl_pathc);
  }
  ::globfree(&found);
  return result;
}

// Learns from the scripts what they would run; returns why they are not recognised, or nothing.
std::optional<std::string> recognise_elixir(Toolchain& toolchain) {
  const std::string script = read_script(toolchain.elixir.real);
  const std::string directory = parent_path(toolchain.elixir.real);
  const bool old_style =
      script.find(kUntil114) != std::string::npos && script.find(kMode114) != std::string::npos;
  const bool new_style =
      script.find(kFrom117) != std::string::npos && script.find(kMode117) != std::string::npos;
  if (!old_style && !new_style) return "its bin/elixir is not one of the known ones";
  const std::string mix = read_script(toolchain.mix.real);
  if (!mix.starts_with("#!/usr/bin/env elixir\n")) return "its bin/mix is not a script for elixir";
  const std::string_view iex_line =
      old_style ? "exec \"$SCRIPT_PATH\"/elixir --no-halt --erl \"-noshell -user Elixir.IEx.CLI\" "
                  "+iex \"$@\""
                : "exec \"$SCRIPT_PATH\"/elixir --no-halt --erl \"-user elixir\" +iex \"$@\"";
  if (read_script(toolchain.iex.real).find(iex_line) == std::string::npos)
    return "its bin/iex is not one of the known ones";
  toolchain.ansi_flag = script.find(kAnsi) != std::string::npos;
  toolchain.root_flag = new_style;
  if (new_style) {
    toolchain.code_path = {"-elixir_root", directory + "/../lib", "-pa",
                           directory + "/../lib/elixir/ebin"};
    return std::nullopt;
  }
  toolchain.code_path = {"-pa"};
  for (std::string& library : library_directories(directory))
    toolchain.code_path.push_back(std::move(library));
  return toolchain.code_path.size() > 1 ? std::nullopt
                                        : std::optional<std::string>("it has no lib/*/ebin");
}

std::optional<std::string> recognise_erlang(Toolchain& toolchain) {
  const std::string release = read_script(toolchain.erlang_root + "/releases/start_erl.data");
  const std::string version = release.substr(0, release.find(' '));
  const std::string script = read_script(toolchain.erl.real);
  if (version.empty() ||
      first_line_value(script, "\nBINDIR=") != "\"$ROOTDIR/erts-" + version + "/bin\"" ||
      script.find("\nexec \"$BINDIR/erlexec\" ${1+\"$@\"}") == std::string::npos) {
    return "its erl is not one of the known scripts";
  }
  toolchain.erts_bin = toolchain.erlang_root + "/erts-" + version + "/bin";
  if (::access((toolchain.erts_bin + "/erlexec").c_str(), X_OK) != 0) return "it has no erlexec";
  return std::nullopt;
}

std::string search_path_of(const Toolchain& toolchain) {
  std::vector<std::string> parts;
  const auto add = [&](std::string directory) {
    if (std::find(parts.begin(), parts.end(), directory) == parts.end())
      parts.push_back(std::move(directory));
  };
  for (const PinnedProgram* program : {&toolchain.mix, &toolchain.erl}) {
    if (!program->path.empty()) add(parent_path(program->path));
  }
  for (const char* directory :
       {"/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"}) {
    add(directory);
  }
  std::string joined;
  for (const std::string& part : parts) joined += (joined.empty() ? "" : ":") + part;
  return joined;
}

}  // namespace

Toolchain find_toolchain(const std::string& project_root) {
  Toolchain toolchain;
  const std::vector<std::string> directories = search_directories();
  toolchain.mix = find_program("mix", directories, project_root);
  toolchain.iex = find_program("iex", directories, project_root);
  toolchain.elixir = find_program("elixir", directories, project_root);
  toolchain.erl = find_program("erl", directories, project_root);
  toolchain.search_path = search_path_of(toolchain);
  if (toolchain.mix.path.empty() || toolchain.iex.path.empty() || toolchain.elixir.path.empty() ||
      toolchain.erl.path.empty()) {
    toolchain.why_not = "mix, iex, elixir and erl are not all there";
    return toolchain;
  }
  toolchain.elixir_root = parent_path(parent_path(toolchain.elixir.real));
  toolchain.erlang_root = parent_path(parent_path(toolchain.erl.real));
  std::optional<std::string> trouble = recognise_elixir(toolchain);
  if (!trouble) trouble = recognise_erlang(toolchain);
  toolchain.recognised = !trouble;
  toolchain.why_not = trouble.value_or("");
  return toolchain;
}

Launch launch(const Toolchain& toolchain, const std::vector<std::string>& argv, bool terminal,
              bool no_color) {
  const bool iex = argv.front() == "iex";
  // bin/elixir takes more options than `-S mix …`; those go through it.
  const bool plain_iex = iex && argv.size() >= 3 && argv[1] == "-S" && argv[2] == "mix";
  if (!toolchain.recognised || (iex && !plain_iex)) {
    const PinnedProgram& program = iex ? toolchain.iex : toolchain.mix;
    Launch scripts{program.path, argv, {}};
    scripts.argv.front() = program.path;
    return scripts;
  }

  Launch direct;
  direct.program = toolchain.erts_bin + "/erlexec";
  std::vector<std::string>& line = direct.argv;
  const auto append = [&line](std::initializer_list<const char*> words) {
    line.insert(line.end(), words.begin(), words.end());
  };
  line.push_back(direct.program);
  if (toolchain.root_flag) append({"-noshell"});
  line.insert(line.end(), toolchain.code_path.begin(), toolchain.code_path.end());
  if (toolchain.ansi_flag && terminal && !no_color) append({"-elixir", "ansi_enabled", "true"});
  if (iex) {
    toolchain.root_flag ? append({"-user", "elixir"})
                        : append({"-noshell", "-user", "Elixir.IEx.CLI"});
    append({"-extra", "--no-halt", "+iex"});
    line.insert(line.end(), argv.begin() + 1, argv.end());
  } else {
    toolchain.root_flag ? append({"-s", "elixir", "start_cli"})
                        : append({"-noshell", "-s", "elixir", "start_cli"});
    append({"-extra"});
    line.push_back(toolchain.mix.path);
    line.insert(line.end(), argv.begin() + 1, argv.end());
  }
  direct.environment = {"ROOTDIR=" + toolchain.erlang_root, "BINDIR=" + toolchain.erts_bin,
                        "EMU=beam", "PROGNAME=erl"};
  return direct;
}

}  // namespace mixguard::guard
