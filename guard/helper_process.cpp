// SPDX-License-Identifier: Apache-2.0
#include "guard/helper_process.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/process.hpp>
#include <cstdio>
#include <future>
#include <system_error>

#include "guard/files.hpp"

namespace mixguard::guard {
namespace {

namespace bp = boost::process;

constexpr std::size_t kMaxOutput = 1U << 20;

bp::environment small_environment() {
  bp::environment environment;
  environment["PATH"] = "/usr/local/bin:/usr/bin:/bin";
  if (const auto home = environment_variable("HOME")) environment["HOME"] = *home;
  return environment;
}

}  // namespace

Result<HelperOutput> run_helper(const std::string& program,
                                const std::vector<std::string>& arguments,
                                std::chrono::milliseconds timeout) {
  if (!program.starts_with('/')) return fail("helper " + program + ": expected an absolute path");
  try {
    boost::asio::io_context context;
    std::future<std::string> output;
    bp::environment environment = small_environment();
    bp::child child(bp::exe = program, bp::args = arguments, environment,
                    bp::std_in<bp::null, bp::std_out> output, bp::std_err > bp::null, context);
    boost::asio::steady_timer deadline(context, timeout);
    bool late = false;
    deadline.async_wait([&](const boost::system::error_code& cancelled) {
      if (cancelled) return;
      late = true;
      child.terminate();
    });
    // The io_context is done when the pipe is closed; the timer must not keep it until its time.
    while (context.run_one() != 0) {
      if (output.wait_for(std::chrono::seconds(0)) == std::future_status::ready) {
        deadline.cancel();
      }
    }
    child.wait();
    if (late) return fail("helper " + program + " did not end in time", ETIMEDOUT);
    HelperOutput result{child.exit_code(), output.get()};
    if (result.standard_output.size() > kMaxOutput)
      return fail("helper " + program + " wrote more than 1 MiB");
    return result;
  } catch (const std::system_error& error) {
    return fail("helper " + program + ": " + error.what(), error.code().value());
  } catch (const std::exception& error) {
    return fail("helper " + program + ": " + error.what());
  }
}

Result<HelperResult> run_and_capture(const std::string& program,
                                     const std::vector<std::string>& arguments) {
  try {
    boost::asio::io_context context;
    std::future<std::string> output;
    bp::child child(bp::exe = program, bp::args = arguments,
                    bp::std_in<bp::null, (bp::std_out & bp::std_err)> output, context);
    context.run();
    child.wait();
    return HelperResult{child.exit_code(), output.get()};
  } catch (const std::system_error& error) {
    return fail(program + ": " + error.what(), error.code().value());
  } catch (const std::exception& error) {
    return fail(program + ": " + error.what());
  }
}

Result<int> run_on_terminal(const std::string& program, const std::vector<std::string>& arguments) {
  try {
    bp::child child(bp::exe = program, bp::args = arguments, bp::std_out > stderr);
    child.wait();
    return child.exit_code();
  } catch (const std::system_error& error) {
    return fail(program + ": " + error.what(), error.code().value());
  } catch (const std::exception& error) {
    return fail(program + ": " + error.what());
  }
}

}  // namespace mixguard::guard
