// SPDX-License-Identifier: Apache-2.0
#include "guard/lineage.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <sstream>

#include "guard/files.hpp"

namespace mixguard::guard {
namespace {

constexpr std::size_t kDeepest = 4'096;  // no real chain of processes is

// Fields 3 to 22 of /proc/PID/stat follow the last ')': the name before it may hold anything.
std::optional<Process> parse(const std::string& stat, pid_t pid) {
  const std::size_t end = stat.rfind(')');
  if (end == std::string::npos) return std::nullopt;
  std::istringstream fields(stat.substr(end + 1));
  Process process;
  process.pid = pid;
  std::string state;
  std::string skipped;
  pid_t group = 0;
  fields >> state >> process.parent >> group >> process.session >> process.terminal;
  for (int field = 8; field <= 21; ++field) fields >> skipped;
  fields >> process.started;
  return fields ? std::optional(process) : std::nullopt;
}

const Process* find_common(const std::vector<Process>& asker,
                           const std::vector<Process>& approver) {
  for (const Process& one : approver) {
    const auto found = std::find_if(asker.begin(), asker.end(),
                                    [&](const Process& other) { return one.is(other); });
    if (found != asker.end()) return &*found;
  }
  return nullptr;
}

// The process that the asker's session was started from.
const Process* starter_of(const std::vector<Process>& asker) {
  const auto found = std::find_if(asker.begin(), asker.end(), [&](const Process& one) {
    return one.session != asker.front().session;
  });
  return found == asker.end() ? nullptr : &*found;
}

}  // namespace

std::uint64_t pid_namespace() {
  struct stat info{};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

Result<std::vector<Process>> lineage_of(pid_t pid) {
  std::vector<Process> lineage;
  while (pid > 0 && lineage.size() < kDeepest) {
    const std::string path = "/proc/" + std::to_string(pid) + "/stat";
    const auto stat = read_file(path);
    if (!stat) return propagate(stat);
    const std::optional<Process> process = *stat ? parse(**stat, pid) : std::nullopt;
    if (!process) return fail("read " + path + ": not there or not understood", ESRCH);
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0) return fail("stat " + path + " failed", errno);
    lineage.push_back(*process);
    lineage.back().uid = info.st_uid;
    pid = process->parent;
  }
  if (pid > 0) return fail("more than 4,096 processes started one another", E2BIG);
  return lineage;
}

std::string why_same_hand(const std::vector<Process>& asker, const std::vector<Process>& approver) {
  if (asker.empty() || approver.empty()) return "it is not known who asked";
  const Process& asked = asker.front();
  if (asked.terminal != 0 && asked.terminal == approver.front().terminal) {
    return "this is the terminal that the command was asked from; use another";
  }
  const Process* common = find_common(asker, approver);
  if (common == nullptr) return {};
  const bool is_asker = common->session == asked.session || common->terminal != 0;
  const Process* starter = starter_of(asker);
  // What a foreign init started (a session's manager, a multiplexer) is where people's terminals
  // come from; as root in a container the agent itself may be what init started, or init.
  const Process& top = asker.back();
  const bool is_init_foreign = top.pid == 1 && top.uid != approver.front().uid;
  const bool is_exempt = is_init_foreign && (common->pid == 1 || common->parent == 1);
  const bool is_starter =
      asked.terminal == 0 && starter != nullptr && common->is(*starter) && !is_exempt;
  if (!is_asker && !is_starter) return {};
  return "this was started by what asked for the command (process " + std::to_string(common->pid) +
         "); use a terminal of your own";
}

}  // namespace mixguard::guard
