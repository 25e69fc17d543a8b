// SPDX-License-Identifier: Apache-2.0
#pragma once

// Small-file access for configuration and records: read once, by descriptor, whole or not at all.

#include <dirent.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "policy/result.hpp"

namespace mixguard::guard {

// For std::unique_ptr<DIR, DirectoryCloser>.
struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

inline constexpr std::size_t kMaxConfigFile = 1U << 20;

// The content of a regular file of at most `limit` bytes. An absent file is nullopt; every other
// trouble (a directory, a device, no right to read, too large) is an Error that names it.
Result<std::optional<std::string>> read_file(const std::string& path,
                                             std::size_t limit = kMaxConfigFile);

// The same for a file that is obeyed: an Error too when it belongs to somebody else than the caller
// or root, or when others can write it. What is checked is what is read.
Result<std::optional<std::string>> read_own_file(const std::string& path);

// Replaces `path` with `content` atomically (temporary beside it, fsync, rename, fsync of the
// directory), mode 0600. Missing parent directories are made with mode 0700.
Result<void> write_file(const std::string& path, std::string_view content);

// Makes the file `path`, whole or not at all, with the mode that the umask leaves of 0666. False
// when something of that name is there already: it stays as it is.
Result<bool> create_file(const std::string& path, std::string_view content);

// The absolute real path, or empty when there is none.
[[nodiscard]] std::string real_path(const std::string& path);

// True when `path` is `directory` or below it, component by component; both absolute and
// normalised.
[[nodiscard]] bool is_within(std::string_view path, std::string_view directory);

// Without ".", "..", double and trailing slashes, by its text alone.
[[nodiscard]] std::string normal_path(const std::string& path);

// "a/b" from "a" and "b"; "b" alone when it is absolute.
[[nodiscard]] std::string join_path(std::string_view directory, std::string_view name);

// The first executable file `name` in the directories of `search_path`; empty when there is none.
[[nodiscard]] std::string find_in_path(const std::string& name, const std::string& search_path);

// The directory part: "/a" of "/a/b", "/" of "/a".
[[nodiscard]] std::string parent_path(std::string_view path);

// An environment variable of mixguard's own process; nullopt when unset or empty.
[[nodiscard]] std::optional<std::string> environment_variable(const char* name);

// $XDG_STATE_HOME/mixguard or ~/.local/state/mixguard; empty without a home.
[[nodiscard]] std::string state_directory();
// $XDG_CONFIG_HOME/mixguard or ~/.config/mixguard; empty without a home.
[[nodiscard]] std::string config_directory();

}  // namespace mixguard::guard
