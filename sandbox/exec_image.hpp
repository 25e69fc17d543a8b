// SPDX-License-Identifier: Apache-2.0
#pragma once

// What a process of the run is about to execute, or has just begun to: read from its memory and
// from /proc, and files found as the process itself would find them. Reads only; whether what was
// read can still change is the caller's concern (exec_monitor.hpp).

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

// Which file something is, whatever it is called.
struct FileIdentity {
  dev_t device = 0;
  ino_t inode = 0;
  bool operator==(const FileIdentity&) const = default;
};

struct FoundFile {
  FileIdentity identity;
  std::uint64_t size = 0;
  bool is_regular = false;
  bool has_name = true;  // false: memfd, O_TMPFILE, deleted
  UniqueFd fd;           // O_PATH

  // Without symbolic links, as the process sees it; empty when it cannot be told.
  [[nodiscard]] std::string canonical_path() const;
};

// `size` bytes at `address` of thread `tid`, all of them or nothing. Needs the right to trace
// (process_vm_readv(2)), as what follows does.
[[nodiscard]] bool read_memory(pid_t tid, std::uint64_t address, void* into, std::size_t size);

// The string at `address` of thread `tid`, without its NUL; nothing when it is longer than `limit`
// or cannot be read.
[[nodiscard]] std::optional<std::string> read_string(pid_t tid, std::uint64_t address,
                                                     std::size_t limit);
// The strings of a null-terminated array of pointers, `limit` bytes in all. A null address is an
// empty array, as execve(2) takes it on Linux.
[[nodiscard]] std::optional<std::vector<std::string>> read_strings(pid_t tid, std::uint64_t address,
                                                                   std::size_t limit);

// "/proc/PID/NAME" split at NUL bytes: cmdline and environ. Nothing when it cannot be read.
[[nodiscard]] std::optional<std::vector<std::string>> read_proc_strings(pid_t pid,
                                                                        const char* name);

// The field `number` of /proc/PID/stat (proc(5), counted from 1; 4 is the parent).
[[nodiscard]] std::optional<std::uint64_t> read_stat_field(pid_t pid, int number);
// The thread group of a thread (proc(5), "Tgid").
[[nodiscard]] std::optional<pid_t> thread_group_of(pid_t tid);

// The file that `pid` executes (/proc/PID/exe).
[[nodiscard]] std::optional<FoundFile> executed_by(pid_t pid);
// The same as a path, as the process sees it.
[[nodiscard]] std::optional<std::string> executed_path(pid_t pid);

// The directory tree that a process sees. Absolute paths in it mean what they mean to the process,
// symbolic links included.
class RootView {
 public:
  // Of the process `pid` as it is now.
  static std::optional<RootView> of(pid_t pid);

  // Follows symbolic links, but none of /proc's: those depend on who asks. errno tells why not.
  [[nodiscard]] std::optional<FoundFile> find(const std::string& path) const;

 private:
  explicit RootView(UniqueFd root) : root_(std::move(root)) {}
  UniqueFd root_;
};

// The absolute path, as the process sees it, that `path` means to `tid` relative to its descriptor
// `directory` (AT_FDCWD: its working directory). Nothing when there is none.
[[nodiscard]] std::optional<std::string> absolute_path(pid_t tid, int directory,
                                                       const std::string& path);

// What "#!" begins: the interpreter and its one argument, if any (execve(2), "Interpreter
// scripts").
struct Shebang {
  std::string interpreter;
  std::optional<std::string> argument;
};
[[nodiscard]] std::optional<Shebang> shebang_of(const FoundFile& file);

// Whether two regular files hold the same bytes, as far as can be told: of the same size, and not
// read to differ.
[[nodiscard]] bool same_content(const FoundFile& a, const FoundFile& b);

}  // namespace mixguard::sandbox
