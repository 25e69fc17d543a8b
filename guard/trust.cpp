// SPDX-License-Identifier: Apache-2.0
#include "guard/trust.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "guard/digest.hpp"
#include "guard/files.hpp"
#include "guard/helper_process.hpp"

namespace mixguard::guard {
namespace {

constexpr const char* kDiff = "/usr/bin/diff";

// One file a policy: its name is the digest of the path, its content the text that was trusted.
Result<std::string> entry_of(const std::string& path) {
  const std::string state = state_directory();
  if (state.empty())
    return fail("no place to remember trust in: neither XDG_STATE_HOME nor HOME is set");
  return state + "/trust/" + sha256_hex(path);
}

}  // namespace

Result<Trust> trust_of(const std::string& path, std::string_view content) {
  const Result<std::string> entry = entry_of(path);
  if (!entry) return Trust::kUnknown;  // nowhere to remember it: nothing can be trusted
  const auto remembered = read_own_file(*entry);
  if (!remembered) return propagate(remembered);
  if (!*remembered) return Trust::kUnknown;
  return **remembered == content ? Trust::kTrusted : Trust::kChanged;
}

Result<void> remember_trust(const std::string& path, std::string_view content) {
  const Result<std::string> entry = entry_of(path);
  if (!entry) return propagate(entry);
  return write_file(*entry, content);
}

Result<std::string> changes_since_trust(const std::string& path) {
  const Result<std::string> entry = entry_of(path);
  if (!entry) return propagate(entry);
  if (::access(entry->c_str(), F_OK) != 0) return std::string();
  auto output = run_helper(kDiff,
                           {"--unified=1", "--label", path + " as you trusted it", "--label",
                            path + " as it is", *entry, path},
                           std::chrono::seconds(5));
  if (!output) return propagate(output);
  if (output->exit_code > 1) return fail(std::string(kDiff) + " could not compare " + path);
  return std::move(output->standard_output);
}

Result<bool> forget_trust(const std::string& path) {
  const Result<std::string> entry = entry_of(path);
  if (!entry) return propagate(entry);
  if (::unlink(entry->c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return fail("remove " + *entry + ": " + std::strerror(errno), errno);
}

}  // namespace mixguard::guard
