// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "guard/cli/verb.hpp"
#include "guard/session.hpp"

namespace mixguard::guard::cli {
namespace {

struct RunArguments {
  CommonOptions common;
  bool dry_run = false;
  bool strict = false;
  std::string mode = "policy";
  double timeout = 0;  // seconds
  std::string ticket;
  int status_fd = -1;
};

RunOptions to_options(const RunArguments& arguments, std::vector<std::string> command) {
  RunOptions options;
  options.request = {std::move(command), arguments.common.policy, arguments.common.project,
                     arguments.mode == "live"};
  options.dry_run = arguments.dry_run;
  options.strict = arguments.strict;
  if (arguments.timeout > 0)
    options.timeout =
        std::chrono::milliseconds(static_cast<std::int64_t>(arguments.timeout * 1000));
  options.ticket = arguments.ticket;
  options.json = arguments.common.json;
  options.verbose = arguments.common.verbose;
  options.quiet = arguments.common.quiet;
  options.status_fd = arguments.status_fd;
  return options;
}

}  // namespace

void define_run(CLI::App& app, Action& action, const GuardedCommand& command) {
  CLI::App* verb = app.add_subcommand("run", "Decide, remember, run confined, commit, record");
  const auto arguments = std::make_shared<RunArguments>();
  add_common(*verb, arguments->common);
  verb->add_flag("--dry-run", arguments->dry_run,
                 "Run on the overlay, show the difference, commit nothing");
  verb->add_flag("--strict", arguments->strict,
                 "Commit nothing when anything may not be committed (exit 123)");
  verb->add_option("--mode", arguments->mode,
                   "How writes reach the project (default: what the policy says)")
      ->check(CLI::IsMember({"policy", "transaction", "live"}));
  verb->add_option("--timeout", arguments->timeout,
                   "End the command after this time (90, 1500ms, 10m); exit 124")
      ->transform(CLI::AsNumberWithUnit(
          std::map<std::string, double>{{"ms", 0.001}, {"s", 1}, {"m", 60}, {"h", 3600}},
          CLI::AsNumberWithUnit::CASE_SENSITIVE))
      ->check(CLI::PositiveNumber);
  verb->add_option("--ticket", arguments->ticket, "A change ticket, for the record");
  verb->add_option("--status-fd", arguments->status_fd,
                   "Write the outcome as one JSON line to descriptor N")
      ->check([](const std::string& text) {
        const int fd = std::atoi(text.c_str());
        return fd > 2 && ::fcntl(fd, F_GETFD) >= 0 ? std::string()
                                                   : text + " is not an open descriptor above 2";
      });
  verb->callback([verb, arguments, &action, &command] {
    require_command(*verb, command);
    const RunOptions options = to_options(*arguments, command);
    action = [options] { return run_session(options); };
  });
}

}  // namespace mixguard::guard::cli
