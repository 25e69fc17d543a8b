// SPDX-License-Identifier: Apache-2.0
#include "sandbox/landlock.hpp"

#include <utility>

namespace mixguard::sandbox {
namespace {

constexpr std::uint64_t kRead =
    sys::kLandlockExecute | sys::kLandlockReadFile | sys::kLandlockReadDir;
constexpr std::uint64_t kReadFile = sys::kLandlockExecute | sys::kLandlockReadFile;

// Every file right of `abi`: bits 0 to 12 came with ABI 1, then one each.
std::uint64_t all_rights(int abi) {
  std::uint64_t rights = (1ULL << 13) - 1;
  if (abi >= 2) rights |= sys::kLandlockRefer;
  if (abi >= 3) rights |= sys::kLandlockTruncate;
  if (abi >= 5) rights |= sys::kLandlockIoctlDev;
  return rights;
}

constexpr std::uint64_t kFileRights = sys::kLandlockExecute | sys::kLandlockWriteFile |
                                      sys::kLandlockReadFile | sys::kLandlockTruncate |
                                      sys::kLandlockIoctlDev;

class Rules {
 public:
  explicit Rules(std::uint64_t all) : all_(all) {}

  void read(const std::string& path) { add(path, kRead, kReadFile); }
  void list(const std::string& path) { add(path, sys::kLandlockReadDir, 0); }
  // No device ioctls, no device nodes: those come with device() alone.
  void write(const std::string& path) {
    constexpr std::uint64_t kMakeCharacterAndBlock = (1ULL << 6) | (1ULL << 11);
    const std::uint64_t rights = all_ & ~sys::kLandlockIoctlDev & ~kMakeCharacterAndBlock;
    add(path, rights, rights & kFileRights);
  }
  void device(const std::string& path) {
    const std::uint64_t rights =
        (kRead | sys::kLandlockWriteFile | sys::kLandlockIoctlDev | sys::kLandlockTruncate) & all_;
    add(path, rights, rights & kFileRights);
  }

  void move_into(LandlockPlan& plan) && {
    plan.paths = std::move(paths_);
    plan.rules = std::move(rules_);
    for (std::size_t i = 0; i < plan.rules.size(); ++i) plan.rules[i].path = plan.paths[i].c_str();
  }

 private:
  // Optional: a bind that was passed over leaves no path to open. A missing grant can only narrow.
  void add(const std::string& path, std::uint64_t access, std::uint64_t file_access) {
    paths_.push_back(path);
    rules_.push_back(LandlockRule{nullptr, access, file_access, true});
  }
  std::uint64_t all_;
  std::vector<std::string> paths_;
  std::vector<LandlockRule> rules_;
};

}  // namespace

LandlockPlan prepare_landlock(int abi, bool private_view, const Workspace& workspace,
                              const std::vector<std::uint64_t>& net_ports) {
  LandlockPlan plan;
  plan.attr.handled_access_fs = all_rights(abi);
  plan.attr_size = sizeof(std::uint64_t);
  if (abi >= 4 && !private_view) {
    plan.attr.handled_access_net = sys::kLandlockNetConnectTcp;
    plan.connect_ports = net_ports;
  }
  if (abi >= 4) plan.attr_size = 2 * sizeof(std::uint64_t);
  if (abi >= 6) {
    plan.attr.scoped = sys::kLandlockScopeAbstractUnix | sys::kLandlockScopeSignal;
    plan.attr_size = 3 * sizeof(std::uint64_t);
  }

  Rules rules(plan.attr.handled_access_fs);
  if (private_view) {
    rules.read("/");
    rules.device("/dev");
    rules.write("/dev/shm");
    rules.write("/tmp");
    if (!workspace.home.empty()) rules.write(workspace.home);
  } else {
    for (const Bind& bind : workspace.binds) rules.read(bind.target);
    rules.read("/proc");
    for (const char* node : {"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom",
                             "/dev/tty", "/dev/pts", "/dev/ptmx"}) {
      rules.device(node);
    }
    rules.write(workspace.scratch);
    // Rights go down the whole tree, so the project's own directory gives its names and no content.
    if (!workspace.project.empty()) rules.list(workspace.project);
    for (const Tree& tree : workspace.trees) rules.list(tree.path);
    for (const std::string& path : workspace.readable) rules.read(path);
  }
  for (const Bind& bind : workspace.binds) {
    if (bind.writable) rules.write(bind.target);
  }
  if (!workspace.project.empty() && !workspace.upper.empty()) rules.write(workspace.project);
  for (const Tree& tree : workspace.trees) {
    if (!tree.upper.empty()) rules.write(tree.target);
  }
  for (const std::string& path : workspace.live_writable) rules.write(path);
  std::move(rules).move_into(plan);
  return plan;
}

}  // namespace mixguard::sandbox
