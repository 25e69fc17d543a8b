// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <memory>

#include "guard/cli/verb.hpp"
#include "guard/session.hpp"
#include "policy/quantity.hpp"

namespace mixguard::guard::cli {
namespace {

constexpr std::uint64_t kLongestMs = 365ULL * 24 * 3600 * 1000;

// A duration as in [limits], or seconds without a unit.
std::optional<std::uint64_t> milliseconds_of(const std::string& text) {
  const bool bare = text.find_first_not_of("0123456789") == std::string::npos;
  const auto ms = policy::parse_duration(bare ? text + "s" : text);
  return ms && *ms > 0 && *ms <= kLongestMs ? ms : std::nullopt;
}

std::string check_timeout(const std::string& text) {
  if (milliseconds_of(text)) return {};
  return "\"" + text + "\" is no time between 1ms and 365d (as in 90, 1500ms, 10m, 2h)";
}

std::string check_descriptor(const std::string& text) {
  int fd = -1;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, fd);
  const bool number = error == std::errc() && stop == end;
  return number && fd > 2 && ::fcntl(fd, F_GETFD) >= 0
             ? std::string()
             : text + " is not an open descriptor above 2";
}

struct RunArguments {
  RunOptions options;
  std::string mode = "policy";
  std::string timeout;
};

int run(const Invocation& invocation, const RunArguments& arguments, Console& console) {
  RunOptions options = arguments.options;
  options.request = {invocation.command, invocation.common.policy, invocation.common.project,
                     arguments.mode == "live"};
  if (const auto ms = milliseconds_of(arguments.timeout))
    options.timeout = std::chrono::milliseconds(*ms);
  return run_session(options, console);
}

}  // namespace

void define_run(CLI::App& app, Invocation& invocation) {
  const auto arguments = std::make_shared<RunArguments>();
  CLI::App* verb = add_guarding_verb(
      app, invocation, "run", "Decide, remember, run confined, commit, record",
      [&invocation, arguments](Console& console) { return run(invocation, *arguments, console); });
  RunOptions& options = arguments->options;
  verb->add_flag("--dry-run", options.dry_run,
                 "Run on the overlay, show the difference, commit nothing");
  verb->add_flag("--strict", options.strict,
                 "Commit nothing when anything may not be committed (exit 123)");
  verb->add_option("--mode", arguments->mode,
                   "How writes reach the project (default: what the policy says)")
      ->check(CLI::IsMember({"policy", "transaction", "live"}));
  verb->add_option("--timeout", arguments->timeout,
                   "End the command after this time (90, 1500ms, 10m); exit 124")
      ->check(check_timeout);
  verb->add_option("--ticket", options.ticket, "A change ticket, for the record");
  verb->add_option("--status-fd", options.status_fd,
                   "Write the outcome as one JSON line to descriptor N")
      ->check(check_descriptor);
}

}  // namespace mixguard::guard::cli
