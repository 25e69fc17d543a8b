// SPDX-License-Identifier: Apache-2.0
#include "sandbox/exec_image.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <string_view>

#include "sandbox/sys/syscall.hpp"

namespace mixguard::sandbox {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kProcLimit = 8U
                                   << 20;  // argument and environment block (execve(2), "Limits")

std::string proc_path(pid_t pid, std::string_view name) {
  return "/proc/" + std::to_string(pid) + "/" + std::string(name);
}

// Up to `size` bytes, to the end of the page that `address` is in: what lies behind it may not be
// there.
std::size_t read_within_page(pid_t tid, std::uint64_t address, void* into, std::size_t size) {
  const std::size_t in_page = kPage - (address & (kPage - 1));
  const iovec local{into, std::min(size, in_page)};
  const iovec remote{reinterpret_cast<void*>(address), local.iov_len};  // NOLINT: another process's
  const ssize_t n = ::process_vm_readv(tid, &local, 1, &remote, 1, 0);
  return n < 0 ? 0 : static_cast<std::size_t>(n);
}

std::optional<std::string> read_file(const std::string& path, std::size_t limit) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  std::string text;
  std::array<char, 16384> buffer{};
  for (;;) {
    const ssize_t n = ::read(file.get(), buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 || text.size() + static_cast<std::size_t>(n) > limit) return std::nullopt;
    if (n == 0) return text;
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
}

std::vector<std::string> split_at_nul(std::string_view text) {
  std::vector<std::string> result;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\0'), text.size());
    result.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return result;
}

std::optional<FoundFile> describe(UniqueFd fd) {
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return std::nullopt;
  FoundFile file;
  file.identity = {info.st_dev, info.st_ino};
  file.size = static_cast<std::uint64_t>(info.st_size);
  file.is_regular = S_ISREG(info.st_mode);
  file.has_name = info.st_nlink > 0;
  file.fd = std::move(fd);
  return file;
}

UniqueFd reopen(const FoundFile& file) {
  const std::string path = "/proc/self/fd/" + std::to_string(file.fd.get());
  return UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

std::optional<std::string> read_link(const std::string& path) {
  std::array<char, kPage> target{};
  const ssize_t n = ::readlink(path.c_str(), target.data(), target.size());
  if (n <= 0 || static_cast<std::size_t>(n) == target.size()) return std::nullopt;
  return std::string(target.data(), static_cast<std::size_t>(n));
}

}  // namespace

std::string FoundFile::canonical_path() const {
  return read_link("/proc/self/fd/" + std::to_string(fd.get())).value_or("");
}

bool read_memory(pid_t tid, std::uint64_t address, void* into, std::size_t size) {
  const iovec local{into, size};
  const iovec remote{reinterpret_cast<void*>(address), size};  // NOLINT: another process's
  return ::process_vm_readv(tid, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(size);
}

std::optional<std::string> read_string(pid_t tid, std::uint64_t address, std::size_t limit) {
  std::string text;
  std::array<char, kPage> buffer{};
  while (text.size() <= limit) {
    const std::size_t n =
        read_within_page(tid, address + text.size(), buffer.data(), buffer.size());
    if (n == 0) return std::nullopt;
    const void* end = std::memchr(buffer.data(), '\0', n);
    if (end == nullptr) {
      text.append(buffer.data(), n);
      continue;
    }
    text.append(static_cast<const char*>(buffer.data()), static_cast<const char*>(end));
    if (text.size() > limit) return std::nullopt;
    return text;
  }
  return std::nullopt;
}

std::optional<std::vector<std::string>> read_strings(pid_t tid, std::uint64_t address,
                                                     std::size_t limit) {
  std::vector<std::string> result;
  if (address == 0) return result;
  std::size_t used = 0;
  for (;;) {
    std::array<std::uint64_t, 64> pointers{};
    const std::size_t n =
        read_within_page(tid, address, pointers.data(), sizeof(pointers)) / sizeof(std::uint64_t);
    if (n == 0) return std::nullopt;
    for (std::size_t i = 0; i < n; ++i) {
      if (pointers[i] == 0) return result;
      auto text = read_string(tid, pointers[i], limit - used);
      if (!text) return std::nullopt;
      used += std::min(limit - used, text->size() + sizeof(std::uint64_t));
      result.push_back(std::move(*text));
    }
    address += n * sizeof(std::uint64_t);
  }
}

std::optional<std::vector<std::string>> read_proc_strings(pid_t pid, const char* name) {
  const auto text = read_file(proc_path(pid, name), kProcLimit);
  if (!text) return std::nullopt;
  return split_at_nul(*text);
}

std::optional<std::uint64_t> read_stat_field(pid_t pid, int number) {
  const auto text = read_file(proc_path(pid, "stat"), kPage);
  if (!text) return std::nullopt;
  // The second field is the name in parentheses, which may hold anything.
  std::size_t at = text->rfind(')');
  if (at == std::string::npos) return std::nullopt;
  for (int field = 2; field < number; ++field) {
    at = text->find(' ', at + 1);
    if (at == std::string::npos) return std::nullopt;
  }
  std::uint64_t value = 0;
  if (std::from_chars(text->data() + at + 1, text->data() + text->size(), value).ec != std::errc())
    return std::nullopt;
  return value;
}

std::optional<pid_t> thread_group_of(pid_t tid) {
  const auto text = read_file(proc_path(tid, "status"), kPage);
  if (!text) return std::nullopt;
  constexpr std::string_view kField = "\nTgid:\t";
  const std::size_t at = text->find(kField);
  if (at == std::string::npos) return std::nullopt;
  pid_t group = 0;
  std::from_chars(text->data() + at + kField.size(), text->data() + text->size(), group);
  if (group <= 0) return std::nullopt;
  return group;
}

std::optional<FoundFile> executed_by(pid_t pid) {
  return describe(UniqueFd(::open(proc_path(pid, "exe").c_str(), O_PATH | O_CLOEXEC)));
}

std::optional<std::string> executed_path(pid_t pid) { return read_link(proc_path(pid, "exe")); }

std::optional<RootView> RootView::of(pid_t pid) {
  UniqueFd root(::open(proc_path(pid, "root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!root) return std::nullopt;
  return RootView(std::move(root));
}

std::optional<FoundFile> RootView::find(const std::string& path) const {
  return describe(
      UniqueFd(sys::openat2(root_.get(), path.c_str(), O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT)));
}

std::optional<std::string> absolute_path(pid_t tid, int directory, const std::string& path) {
  if (path.starts_with('/')) return path;
  const auto base =
      read_link(directory == AT_FDCWD ? proc_path(tid, "cwd")
                                      : proc_path(tid, "fd/" + std::to_string(directory)));
  if (!base || !base->starts_with('/')) return std::nullopt;
  return path.empty() ? *base : *base + "/" + path;
}

std::optional<Shebang> shebang_of(const FoundFile& file) {
  const UniqueFd readable = reopen(file);
  std::array<char, 256> head{};  // BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h
  const ssize_t n = readable ? ::pread(readable.get(), head.data(), head.size(), 0) : -1;
  if (n < 3) return std::nullopt;
  std::string_view line(head.data(), static_cast<std::size_t>(n));
  if (!line.starts_with("#!")) return std::nullopt;
  line = line.substr(2, std::min(line.find('\n'), line.size()) - 2);
  constexpr std::string_view kBlank = " \t";
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  line = line.substr(0, line.find('\0'));
  while (!line.empty() && kBlank.find(line.back()) != std::string_view::npos) line.remove_suffix(1);
  const std::size_t end = std::min(line.find_first_of(kBlank), line.size());
  if (end == 0) return std::nullopt;
  Shebang shebang{std::string(line.substr(0, end)), std::nullopt};
  line.remove_prefix(end);
  line.remove_prefix(std::min(line.find_first_not_of(kBlank), line.size()));
  if (!line.empty()) shebang.argument = std::string(line);
  return shebang;
}

bool same_content(const FoundFile& a, const FoundFile& b) {
  if (!a.is_regular || !b.is_regular || a.size != b.size) return false;
  const UniqueFd first = reopen(a);
  const UniqueFd second = reopen(b);
  if (!first || !second) return true;
  constexpr std::size_t kBlock = 65536;
  std::vector<char> left(kBlock);
  std::vector<char> right(kBlock);
  for (off_t at = 0; static_cast<std::uint64_t>(at) < a.size;) {
    const ssize_t n = ::pread(first.get(), left.data(), kBlock, at);
    if (n <= 0 || ::pread(second.get(), right.data(), static_cast<std::size_t>(n), at) != n)
      return false;
    if (std::memcmp(left.data(), right.data(), static_cast<std::size_t>(n)) != 0) return false;
    at += n;
  }
  return true;
}

}  // namespace mixguard::sandbox
