// SPDX-License-Identifier: Apache-2.0
#include "sandbox/sandbox.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <optional>
#include <string_view>

#include "sandbox/cgroup.hpp"
#include "sandbox/child.hpp"
#include "sandbox/given_files.hpp"
#include "sandbox/landlock.hpp"
#include "sandbox/limits.hpp"
#include "sandbox/mounts.hpp"
#include "sandbox/network_plan.hpp"
#include "sandbox/network_relay.hpp"
#include "sandbox/seccomp_filter.hpp"
#include "sandbox/spawn.hpp"
#include "sandbox/terminal.hpp"
#include "sandbox/usage.hpp"

namespace mixguard::sandbox {
namespace {

using policy::Requirement;
using State = LayerReport::State;

// The BEAM's orderly stop takes about a second (init:stop); after this it is ended.
constexpr std::chrono::milliseconds kGrace{3000};

Requirement requirement(const policy::Confinement& confinement, std::string_view layer,
                        Requirement otherwise) {
  for (const policy::Safeguard& safeguard : confinement.safeguards) {
    if (safeguard.name == layer) return safeguard.requirement;
  }
  return otherwise;
}

struct Candidate {
  const char* name;
  Requirement requirement;
  bool available;
  State state;  // when available
  std::string detail;
  std::string remedy;
};

// Which mechanism holds memory, processes and CPU time of the run as a whole.
Candidate cgroup_candidate(Requirement requirement, const KernelSupport& kernel) {
  const CgroupPlace& place = kernel.cgroup;
  Candidate candidate{"cgroup",
                      requirement,
                      !place.parent.empty(),
                      State::kActive,
                      "one for each run with a limit of memory, processes or CPU time",
                      ""};
  if (candidate.available) return candidate;
  candidate.detail =
      place.why + "; " +
      (UsageMeter::is_possible()
           ? "weaker: the supervisor adds up memory, processes and CPU time of a run four times a "
             "second"
           : "memory, processes and CPU time are not limited as a whole: /proc does not list "
             "children here");
  candidate.remedy = "systemd-run --user --scope -p Delegate=yes mixguard …";
  return candidate;
}

// Where what a task changes is looked at before it counts.
Candidate overlay_candidate(Requirement requirement, bool view, const KernelSupport& kernel) {
  Candidate candidate{"overlay",
                      requirement,
                      view && kernel.overlay_why.empty(),
                      State::kActive,
                      "what the command changes counts when it has succeeded",
                      ""};
  if (candidate.available) return candidate;
  candidate.detail =
      (view ? kernel.overlay_why : std::string("it needs user namespaces")) +
      "; weaker: changes are made in place, only where the task may write, and remembered by "
      "copying";
  if (view)
    candidate.remedy =
        "keep the project, and all of it, on one local file system (ext4, xfs, btrfs, tmpfs)";
  return candidate;
}

Result<void> admit(std::vector<LayerReport>& layers, Candidate candidate) {
  if (candidate.requirement == Requirement::kOff) {
    layers.push_back({candidate.name, State::kOff, "switched off by the policy"});
    return {};
  }
  if (!candidate.available && candidate.requirement == Requirement::kRequire) {
    std::string message = std::string("the sandbox layer ") + candidate.name +
                          " is required and not available: " + candidate.detail;
    if (!candidate.remedy.empty()) message += "; to mend it: " + candidate.remedy;
    return fail(std::move(message));
  }
  layers.push_back({candidate.name, candidate.available ? candidate.state : State::kUnavailable,
                    std::move(candidate.detail)});
  return {};
}

const LayerReport* find(const std::vector<LayerReport>& layers, std::string_view name) {
  const auto found = std::find_if(layers.begin(), layers.end(),
                                  [&](const auto& layer) { return layer.name == name; });
  return found == layers.end() ? nullptr : &*found;
}

bool active(const std::vector<LayerReport>& layers, std::string_view name) {
  const LayerReport* layer = find(layers, name);
  return layer != nullptr && (layer->state == State::kActive || layer->state == State::kDegraded);
}

// Ports of "host:port" endpoints; unix sockets have none.
std::vector<std::uint64_t> ports_of(const std::vector<std::string>& endpoints) {
  std::vector<std::uint64_t> ports;
  for (const std::string& endpoint : endpoints) {
    const std::size_t colon = endpoint.rfind(':');
    if (endpoint.starts_with("unix:") || colon == std::string::npos) continue;
    std::uint64_t port = 0;
    const char* end = endpoint.data() + endpoint.size();
    if (std::from_chars(endpoint.data() + colon + 1, end, port).ptr == end) ports.push_back(port);
  }
  return ports;
}

// nohup and a shell's `&` ignore these on purpose; everything else that our caller ignored is
// reset.
std::vector<int> deliberately_ignored() {
  std::vector<int> kept;
  for (const int signal : {SIGHUP, SIGINT, SIGQUIT}) {
    struct sigaction action{};
    if (::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN)
      kept.push_back(signal);
  }
  return kept;
}

std::vector<char*> pointers(const std::vector<std::string>& strings) {
  std::vector<char*> result;
  result.reserve(strings.size() + 1);
  for (const std::string& text : strings) result.push_back(const_cast<char*>(text.c_str()));
  result.push_back(nullptr);
  return result;
}

Result<std::optional<RunCgroup>> make_cgroup(const policy::Limits& limits,
                                             const std::vector<LayerReport>& layers,
                                             const KernelSupport& kernel) {
  const bool wanted = limits.memory != 0 || limits.processes != 0 || limits.cpu_ms != 0;
  if (!wanted || !active(layers, "cgroup")) return std::optional<RunCgroup>();
  Result<RunCgroup> made = RunCgroup::create(kernel.cgroup, limits);
  if (!made) return propagate(made);
  return std::optional<RunCgroup>(std::move(*made));
}

// A caller that has a proxy of its own for the command knows better.
std::vector<std::string> with_proxy(std::vector<std::string> environment,
                                    const std::vector<std::string>& proxy) {
  constexpr std::array<std::string_view, 8> kNames{
      "HTTP_PROXY=", "HTTPS_PROXY=", "http_proxy=", "https_proxy=",
      "NO_PROXY=",   "no_proxy=",    "ALL_PROXY=",  "all_proxy="};
  for (const std::string& variable : environment) {
    for (const std::string_view name : kNames) {
      if (variable.starts_with(name)) return environment;
    }
  }
  environment.insert(environment.end(), proxy.begin(), proxy.end());
  return environment;
}

}  // namespace

Result<std::vector<LayerReport>> plan_layers(const policy::Confinement& confinement,
                                             const KernelSupport& kernel) {
  std::vector<LayerReport> layers;
  const auto want = [&](const char* name, Requirement otherwise) {
    return requirement(confinement, name, otherwise);
  };

  // They come together or not at all.
  Requirement namespaces = want("user_namespaces", Requirement::kIfAvailable);
  for (const char* part : {"mount_namespace", "pid_namespace", "network_namespace", "overlay"}) {
    if (want(part, Requirement::kIfAvailable) == Requirement::kRequire)
      namespaces = Requirement::kRequire;
  }
  const bool view = kernel.user_namespaces && namespaces != Requirement::kOff;
  std::vector<Candidate> candidates;
  candidates.push_back({"user_namespaces", namespaces, kernel.user_namespaces, State::kActive,
                        kernel.user_namespaces
                            ? "own user, mount, pid, ipc, uts and network namespaces"
                            : kernel.user_namespaces_why +
                                  "; weaker: processes and the network are shared, files are "
                                  "confined by Landlock alone, changes are remembered by copying",
                        kernel.user_namespaces_remedy});
  candidates.push_back(
      {"landlock", want("landlock", view ? Requirement::kIfAvailable : Requirement::kRequire),
       kernel.landlock_abi > 0, State::kActive,
       kernel.landlock_abi > 0 ? "ABI " + std::to_string(kernel.landlock_abi) : kernel.landlock_why,
       "boot with landlock in lsm="});
  candidates.push_back({"seccomp", Requirement::kRequire, kernel.seccomp, State::kActive,
                        kernel.seccomp ? "deny list, foreign architectures killed"
                                       : "the kernel has no seccomp filters",
                        "a kernel with CONFIG_SECCOMP_FILTER"});
  candidates.push_back({"no_new_privs", Requirement::kRequire, true, State::kActive,
                        "no capabilities, no inherited descriptors", ""});
  candidates.push_back({"rlimits", Requirement::kRequire, true, State::kActive,
                        "open files and file size per process; wall clock and output by the "
                        "supervisor",
                        ""});
  candidates.push_back(cgroup_candidate(want("cgroup", Requirement::kIfAvailable), kernel));
  candidates.push_back(
      {"exec_rules",
       want("exec_rules",
            confinement.exec.empty() ? Requirement::kIfAvailable : Requirement::kRequire),
       kernel.exec_events, State::kActive,
       kernel.exec_events ? "every program that is started inside is judged before and at its exec"
                          : "what the command starts is not judged: " + kernel.exec_events_why,
       "outside of other sandboxes and tracers; in a container: allow ptrace(2) and seccomp(2)"});
  candidates.push_back(
      {"network_relays", want("network_relays", Requirement::kIfAvailable), view, State::kActive,
       view ? "the endpoints of [net] allow are reached through the supervisor, nothing else exists"
            : "TCP connections are limited to the ports of [net] allow, on any host",
       ""});
  if (confinement.mode != policy::RunMode::kLive)
    candidates.push_back(
        overlay_candidate(want("overlay", Requirement::kIfAvailable), view, kernel));
  for (Candidate& candidate : candidates) {
    if (auto admitted = admit(layers, std::move(candidate)); !admitted) return propagate(admitted);
  }
  if (!view && !active(layers, "landlock")) {
    return fail(
        "nothing would confine the files: neither user namespaces nor Landlock may be used");
  }
  return layers;
}

bool has_overlay(const std::vector<LayerReport>& layers) { return active(layers, "overlay"); }

bool has_private_view(const std::vector<LayerReport>& layers) {
  return active(layers, "user_namespaces");
}

void Remains::wait() {
  if (!init_) return;
  siginfo_t info{};
  while (::waitid(P_PIDFD, static_cast<id_t>(init_.get()), &info, WEXITED) != 0 && errno == EINTR) {
  }
  init_.reset();
}

Result<Outcome> run(const policy::Confinement& confinement, const Command& command,
                    const Workspace& workspace, const std::vector<LayerReport>& layers,
                    const KernelSupport& kernel) {
  if (auto allowed = refuse_given_directories(); !allowed) return propagate(allowed);
  ChildPlan plan;
  plan.namespaces = has_private_view(layers);

  NetworkPlan network;
  MountPlan mounts;
  if (plan.namespaces) {
    Result<NetworkPlan> laid_out = active(layers, "network_relays")
                                       ? prepare_network(confinement, workspace)
                                       : isolated_network();
    if (!laid_out) return propagate(laid_out);
    network = std::move(*laid_out);
    Result<MountPlan> prepared = prepare_mounts(workspace, network.hosts);
    if (!prepared) return propagate(prepared);
    mounts = std::move(*prepared);
  }
  plan.mounts = mounts.steps;
  plan.sources = mounts.sources;
  plan.trees = mounts.trees;
  plan.open_trees = mounts.open_trees;
  plan.staging = mounts.staging;

  LandlockPlan landlock;
  plan.landlock = active(layers, "landlock");
  if (plan.landlock) {
    landlock = prepare_landlock(kernel.landlock_abi, plan.namespaces, workspace,
                                ports_of(confinement.net));
    plan.landlock_attr = landlock.attr;
    plan.landlock_attr_size = landlock.attr_size;
    plan.landlock_rules = landlock.rules;
    plan.landlock_connect_ports = landlock.connect_ports;
  }

  SeccompOptions options;
  options.namespaces = plan.namespaces;
  options.unix_stream = network.unix_sockets;
  plan.seccomp = seccomp_filter(options);

  const std::vector<RlimitStep> limits = prepare_limits(confinement.limits, plan.namespaces);
  plan.limits = limits;
  // What is written to a tmpfs is memory, too.
  const std::string tmpfs_size = std::to_string(confinement.limits.memory);
  if (confinement.limits.memory != 0) plan.tmpfs_size = tmpfs_size.c_str();
  Result<std::optional<RunCgroup>> cgroup = make_cgroup(confinement.limits, layers, kernel);
  if (!cgroup) return propagate(cgroup);
  const std::vector<int> ignored = deliberately_ignored();
  plan.keep_ignored = ignored;

  const std::vector<char*> argv = pointers(command.argv);
  const std::vector<std::string> environment = with_proxy(command.environment, network.environment);
  const std::vector<char*> envp = pointers(environment);
  plan.program = command.program.c_str();
  plan.argv = argv.data();
  plan.envp = envp.data();
  plan.cwd = command.cwd.c_str();

  plan.listeners = network.listeners;
  NetworkRelay relay(network);
  if (auto opened = relay.open_published(); !opened) return propagate(opened);

  SpawnOptions how;
  how.services = {&relay};
  how.wall = std::chrono::milliseconds(confinement.limits.wall_ms);
  how.grace = kGrace;
  how.before_start = command.before_start;
  how.meanwhile = command.meanwhile;
  how.own_terminal = command.own_terminal && PrivateTerminal::is_called_for();
  how.at_rest = command.at_rest;
  how.limits = confinement.limits;
  how.cgroup = *cgroup ? &**cgroup : nullptr;
  if (active(layers, "exec_rules") && command.exec.judge) {
    plan.monitor_filter = monitor_filter(plan.namespaces);
    how.exec_rules = &command.exec;
    how.on_connect = [&relay](const Address& destination) { relay.observe(destination); };
  }
  const KeptTerminalSettings kept;
  const KeptDescriptors descriptors;
  Result<Outcome> outcome = spawn_and_wait(plan, how);
  if (outcome) outcome->network = std::move(relay.report());
  return outcome;
}

}  // namespace mixguard::sandbox
