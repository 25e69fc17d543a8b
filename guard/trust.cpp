// SPDX-License-Identifier: Apache-2.0
#include "guard/trust.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "guard/digest.hpp"
#include "guard/files.hpp"

namespace mixguard::guard {
namespace {

// One small file a policy: its name is the digest of the path, its content that of the text.
Result<std::string> entry_of(const std::string& path) {
  const std::string state = state_directory();
  if (state.empty())
    return fail("no place to remember trust in: neither XDG_STATE_HOME nor HOME is set");
  return state + "/trust/" + sha256_hex(path);
}

std::string digest_line(std::string_view content) { return sha256_hex(content) + "\n"; }

}  // namespace

Result<Trust> trust_of(const std::string& path, std::string_view content) {
  const Result<std::string> entry = entry_of(path);
  if (!entry) return Trust::kUnknown;  // nowhere to remember it: nothing can be trusted
  const auto remembered = read_file(*entry);
  if (!remembered) return propagate(remembered);
  if (!*remembered) return Trust::kUnknown;
  return **remembered == digest_line(content) ? Trust::kTrusted : Trust::kChanged;
}

Result<void> remember_trust(const std::string& path, std::string_view content) {
  const Result<std::string> entry = entry_of(path);
  if (!entry) return propagate(entry);
  return write_file(*entry, digest_line(content));
}

Result<bool> forget_trust(const std::string& path) {
  const Result<std::string> entry = entry_of(path);
  if (!entry) return propagate(entry);
  if (::unlink(entry->c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return fail("remove " + *entry + ": " + std::strerror(errno), errno);
}

}  // namespace mixguard::guard
