// SPDX-License-Identifier: Apache-2.0
#include "sandbox/usage.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <memory>
#include <string_view>

#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {
namespace {

struct DirectoryCloser {
  void operator()(DIR* directory) const { ::closedir(directory); }
};

// A process may be gone at any moment: what cannot be read is empty. Files in /proc fit a few
// pages; a longer list of children is read on.
std::string read_proc(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  std::array<char, 4096> part{};
  for (ssize_t n = 0; file && (n = ::read(file.get(), part.data(), part.size())) > 0;)
    text.append(part.data(), static_cast<std::size_t>(n));
  return text;
}

std::string path_of(pid_t pid, std::string_view name) {
  return "/proc/" + std::to_string(pid) + "/" + std::string(name);
}

std::uint64_t number_at(std::string_view text) {
  std::uint64_t value = 0;
  const std::size_t start = std::min(text.find_first_of("0123456789"), text.size());
  std::from_chars(text.data() + start, text.data() + text.size(), value);
  return value;
}

// The number behind `key`, which begins a line; 0 when it is not there.
std::uint64_t value_of(std::string_view text, std::string_view key) {
  for (std::size_t at = text.find(key); at != std::string_view::npos; at = text.find(key, at + 1)) {
    if (at == 0 || text[at - 1] == '\n') return number_at(text.substr(at + key.size()));
  }
  return 0;
}

// From field `number` of /proc/PID/stat on, counted as proc(5) does; empty when it is not there.
// The second, the name, may hold anything; what follows its last parenthesis does not.
std::string_view stat_text(std::string_view stat, int number) {
  std::size_t at = stat.rfind(')');
  for (int field = 2; field < number && at != std::string_view::npos; ++field)
    at = stat.find(' ', at + 1);
  return at == std::string_view::npos ? std::string_view() : stat.substr(at + 1);
}
std::uint64_t stat_field(std::string_view stat, int number) {
  return number_at(stat_text(stat, number));
}

void append_children(const std::string& task, std::vector<pid_t>& pending) {
  const std::string list = read_proc(task + "/children");
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(' ', at), list.size());
    pid_t pid = 0;
    if (std::from_chars(list.data() + at, list.data() + end, pid).ec == std::errc())
      pending.push_back(pid);
    at = end + 1;
  }
}

// The directory of each thread, until one is the last: `use` returns whether to go on.
template <typename Use>
void each_task(pid_t pid, const Use& use) {
  const std::string tasks = path_of(pid, "task");
  const std::unique_ptr<DIR, DirectoryCloser> directory(::opendir(tasks.c_str()));
  while (const dirent* entry = directory ? ::readdir(directory.get()) : nullptr) {
    if (entry->d_name[0] != '.' && !use(tasks + "/" + entry->d_name)) return;
  }
}

}  // namespace

void UsageMeter::visit(pid_t pid, Usage& usage, std::vector<pid_t>& pending) {
  // A child is listed with the thread that made it.
  each_task(pid, [&](const std::string& task) {
    append_children(task, pending);
    return true;
  });
  const std::string stat = read_proc(path_of(pid, "stat"));
  if (stat.empty()) return;
  const std::uint64_t own = stat_field(stat, 14) + stat_field(stat, 15);
  const std::uint64_t waited_for = stat_field(stat, 16) + stat_field(stat, 17);
  waited_ticks_ += own + waited_for;
  now_[pid] = {stat_field(stat, 22), own};
  if (pid == init_) return;
  const std::string status = read_proc(path_of(pid, "status"));
  constexpr std::uint64_t kKib = 1024;
  usage.memory += kKib * (value_of(status, "RssAnon:") + value_of(status, "RssShmem:") +
                          value_of(status, "VmSwap:"));
  usage.processes += value_of(status, "Threads:");
  members_.push_back(pid);
}

Usage UsageMeter::sample(std::uint64_t most) {
  Usage usage;
  members_.clear();
  now_.clear();
  waited_ticks_ = 0;
  std::vector<pid_t> pending{init_};
  // Ids of processes that come while others are visited can be listed twice.
  while (!pending.empty() && usage.processes <= most) {
    const pid_t pid = pending.back();
    pending.pop_back();
    if (!now_.contains(pid)) visit(pid, usage, pending);
  }

  // Two lower bounds: a child that nobody waits for (SIGCHLD ignored) is only in the second, one
  // that lived between two samples only in the first.
  for (const auto& [pid, process] : last_) {
    const auto found = now_.find(pid);
    if (found == now_.end() || found->second.started != process.started)
      gone_ticks_ += process.own_ticks;
  }
  std::uint64_t seen_ticks = gone_ticks_;
  for (const auto& [pid, process] : now_) seen_ticks += process.own_ticks;
  last_.swap(now_);
  static const auto kTicksPerSecond = static_cast<std::uint64_t>(::sysconf(_SC_CLK_TCK));
  usage.cpu_ms = std::max(seen_ticks, waited_ticks_) * 1000 / kTicksPerSecond;
  return usage;
}

std::optional<std::uint64_t> UsageMeter::exact_memory() const {
  std::uint64_t kib = 0;
  for (const pid_t pid : members_) {
    const std::string rollup = read_proc(path_of(pid, "smaps_rollup"));
    if (rollup.empty()) {
      // Gone meanwhile, or a zombie: it holds no memory. Otherwise it may not be looked at.
      if (value_of(read_proc(path_of(pid, "status")), "RssAnon:") != 0) return std::nullopt;
      continue;
    }
    kib += value_of(rollup, "Pss_Anon:") + value_of(rollup, "Pss_Shmem:") +
           value_of(rollup, "SwapPss:");
  }
  return kib * 1024;
}

bool UsageMeter::has_work() const {
  return std::any_of(members_.begin(), members_.end(), [](pid_t pid) {
    bool found = false;
    each_task(pid, [&](const std::string& task) {
      const std::string stat = read_proc(task + "/stat");
      const std::string_view state = stat_text(stat, 3);
      found = state.starts_with('R') || state.starts_with('D');
      return !found;
    });
    return found;
  });
}

bool UsageMeter::is_possible() { return ::access("/proc/thread-self/children", R_OK) == 0; }

}  // namespace mixguard::sandbox
