// SPDX-License-Identifier: Apache-2.0
#include "policy/launcher.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "policy/text.hpp"

namespace mixguard::policy {
namespace {

using Name = std::string_view;

constexpr std::array kShells = {Name("sh"),     Name("bash"), Name("dash"),  Name("zsh"),
                                Name("ksh"),    Name("mksh"), Name("fish"),  Name("csh"),
                                Name("tcsh"),   Name("ash"),  Name("rbash"), Name("busybox"),
                                Name("toybox"), Name("pwsh")};

constexpr std::array kWrappers = {Name("env"),       Name("timeout"),     Name("xargs"),
                                  Name("sudo"),      Name("doas"),        Name("su"),
                                  Name("runuser"),   Name("setpriv"),     Name("nice"),
                                  Name("ionice"),    Name("chrt"),        Name("taskset"),
                                  Name("nohup"),     Name("setsid"),      Name("stdbuf"),
                                  Name("unbuffer"),  Name("time"),        Name("strace"),
                                  Name("ltrace"),    Name("gdb"),         Name("perf"),
                                  Name("script"),    Name("unshare"),     Name("nsenter"),
                                  Name("chroot"),    Name("bwrap"),       Name("firejail"),
                                  Name("flock"),     Name("watch"),       Name("entr"),
                                  Name("parallel"),  Name("exec"),        Name("command"),
                                  Name("eval"),      Name("asdf"),        Name("mise"),
                                  Name("rtx"),       Name("direnv"),      Name("dotenv"),
                                  Name("nix-shell"), Name("systemd-run"), Name("start-stop-daemon"),
                                  Name("mixguard")};

template <std::size_t N>
bool is_listed(const std::array<Name, N>& list, Name name) {
  return std::find(list.begin(), list.end(), name) != list.end();
}

Name last_component(Name path) { return path.substr(path.rfind('/') + 1); }

// The Mix command behind a wrapper, if it is there to be seen.
std::string behind(const std::vector<std::string>& argv) {
  const auto mix = std::find(argv.begin() + 1, argv.end(), "mix");
  std::string text;
  for (auto word = mix; word != argv.end(); ++word) {
    if (!text.empty()) text += ' ';
    text += *word;
  }
  return text;
}

std::string advice(Name name) {
  if (name == "env") return "set variables before mixguard: NAME=value mixguard mix …";
  if (name == "timeout") return "use mixguard's own --timeout";
  if (name == "sudo" || name == "doas" || name == "su") return "run mixguard as the user it is for";
  return "write the mix command itself";
}

Launcher refused(Refusal refusal) { return {Program::kRefused, std::nullopt, std::move(refusal)}; }

Refusal refuse_wrapper(Name name, const std::vector<std::string>& argv) {
  return {Reason::kLauncher,
          quoted(name) + " starts another command, which no rule would see; " + advice(name),
          behind(argv)};
}

Refusal refuse_assignment(const std::vector<std::string>& argv) {
  return {Reason::kLauncher,
          quoted(argv.front()) + " is an assignment, not a program; set variables before mixguard",
          behind(argv)};
}

Refusal refuse_copy(const std::string& path, Name name) {
  return {Reason::kLauncher, quoted(path) + " is not the pinned toolchain's " + std::string(name),
          std::string(name)};
}

bool is_assignment(Name word) {
  const std::size_t equals = word.find('=');
  return equals != Name::npos && equals > 0 && word.find('/') > equals;
}

}  // namespace

bool names_mix(std::string_view program) {
  const Name name = last_component(program);
  return name == "mix" || name == "iex";
}

Launcher read_launcher(const std::vector<std::string>& argv, const Facts& facts) {
  if (argv.empty() || argv.front().empty()) {
    return refused({Reason::kLauncher, "there is no command", ""});
  }
  const Name name = last_component(argv.front());
  if (names_mix(name)) {
    const bool is_bare = argv.front().find('/') == std::string::npos;
    if (!is_bare && !facts.program_is_pinned) return refused(refuse_copy(argv.front(), name));
    return {name == "mix" ? Program::kMix : Program::kIex, std::nullopt, {}};
  }
  if (names_mix(facts.program_path)) {
    return refused(refuse_copy(argv.front(), last_component(facts.program_path)));
  }
  if (is_assignment(argv.front())) return refused(refuse_assignment(argv));
  for (const Name candidate : {name, last_component(facts.program_path)}) {
    if (is_listed(kWrappers, candidate) || is_listed(kShells, candidate)) {
      return refused(refuse_wrapper(candidate, argv));
    }
  }
  std::optional<Runtime> runtime = read_runtime(argv, facts);
  if (runtime && runtime->refusal) return refused(std::move(*runtime->refusal));
  return {Program::kPlain, std::move(runtime), {}};
}

}  // namespace mixguard::policy
