// SPDX-License-Identifier: Apache-2.0
#include "policy/aspects.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "policy/grants.hpp"
#include "policy/quantity.hpp"

namespace mixguard::policy {
namespace {

using Texts = std::vector<std::string>;

// Whether an item of `from` is missing in `to`.
bool loses_item(const Texts& from, const Texts& to) {
  return std::any_of(from.begin(), from.end(), [&](const std::string& item) {
    return std::find(to.begin(), to.end(), item) == to.end();
  });
}

// Whether a path of `from` is missing in `to`, as far as patterns tell.
bool loses_path(const Texts& from, const Texts& to) {
  return std::any_of(from.begin(), from.end(), [&](const std::string& inner) {
    return std::none_of(to.begin(), to.end(),
                        [&](const std::string& outer) { return glob_covers(outer, inner); });
  });
}

bool remembers_less(const SnapshotPlan& from, const SnapshotPlan& to) {
  const bool keeps_now = from.on_failure != OnFailure::kKeep && to.on_failure == OnFailure::kKeep;
  return keeps_now || loses_item(from.what, to.what);
}

std::array<std::uint64_t, 7> values(const Limits& limits) {
  return {limits.wall_ms,    limits.cpu_ms,    limits.memory, limits.processes,
          limits.open_files, limits.file_size, limits.output};
}

// Zero is no limit.
bool has_larger(const Limits& from, const Limits& to) {
  const auto before = values(from);
  const auto after = values(to);
  for (std::size_t i = 0; i < before.size(); ++i) {
    if (before[i] != 0 && (after[i] == 0 || after[i] > before[i])) return true;
  }
  return false;
}

std::optional<Requirement> requirement_of(const std::vector<Safeguard>& safeguards,
                                          const std::string& name) {
  for (const Safeguard& safeguard : safeguards) {
    if (safeguard.name == name) return safeguard.requirement;
  }
  return std::nullopt;
}

// What a safeguard insists on by itself is not known here: only "require" is surely as strict, and
// only "off" surely as lax.
bool insists_less(const std::vector<Safeguard>& from, const std::vector<Safeguard>& to) {
  const bool any_weaker = std::any_of(from.begin(), from.end(), [&](const Safeguard& safeguard) {
    const auto now = requirement_of(to, safeguard.name);
    return now ? *now > safeguard.requirement : safeguard.requirement != Requirement::kOff;
  });
  return any_weaker || std::any_of(to.begin(), to.end(), [&](const Safeguard& safeguard) {
           return safeguard.requirement != Requirement::kRequire &&
                  !requirement_of(from, safeguard.name);
         });
}

Texts safeguard_list(const std::vector<Safeguard>& safeguards) {
  Texts list;
  for (const Safeguard& safeguard : safeguards)
    list.push_back(safeguard.name + " " + std::string(to_string(safeguard.requirement)));
  return list;
}

Texts snapshot_list(const SnapshotPlan& plan) {
  Texts list = plan.what;
  if (plan.on_failure == OnFailure::kKeep) list.emplace_back("kept on failure");
  return list;
}

Texts unsorted_items(Aspect aspect, const Decision& decision) {
  const Confinement& confinement = decision.confinement;
  switch (aspect) {
    case Aspect::kDecision:
      return {std::string(to_string(decision.verdict))};
    case Aspect::kWrite:
      return confinement.write;
    case Aspect::kNet:
      return confinement.net;
    case Aspect::kMode:
      return {confinement.mode == RunMode::kLive ? "live" : "transaction"};
    case Aspect::kSnapshot:
      return snapshot_list(decision.snapshot);
    case Aspect::kRead:
      return confinement.read;
    case Aspect::kHidden:
      return confinement.deny;
    case Aspect::kPublish:
      return confinement.publish;
    case Aspect::kLimits:
      return limit_list(confinement.limits);
    case Aspect::kSafeguards:
      return safeguard_list(confinement.safeguards);
    case Aspect::kVariable:
      break;
  }
  return {};
}

}  // namespace

std::string_view to_string(Aspect aspect) {
  switch (aspect) {
    case Aspect::kDecision:
      return "decision";
    case Aspect::kVariable:
      return "variable";
    case Aspect::kWrite:
      return "write";
    case Aspect::kNet:
      return "network";
    case Aspect::kMode:
      return "mode";
    case Aspect::kSnapshot:
      return "snapshot";
    case Aspect::kRead:
      return "read";
    case Aspect::kHidden:
      return "hidden";
    case Aspect::kPublish:
      return "published";
    case Aspect::kLimits:
      return "limits";
    case Aspect::kSafeguards:
      break;
  }
  return "safeguards";
}

std::string_view to_string(Requirement requirement) {
  switch (requirement) {
    case Requirement::kRequire:
      return "require";
    case Requirement::kIfAvailable:
      return "if-available";
    case Requirement::kOff:
      break;
  }
  return "off";
}

std::vector<std::string> items(Aspect aspect, const Decision& decision) {
  Texts list = unsorted_items(aspect, decision);
  std::sort(list.begin(), list.end());
  return list;
}

std::vector<std::string> limit_list(const Limits& limits) {
  Texts parts;
  if (limits.wall_ms != 0) parts.push_back("wall " + duration_text(limits.wall_ms));
  if (limits.cpu_ms != 0) parts.push_back("cpu " + duration_text(limits.cpu_ms));
  if (limits.memory != 0) parts.push_back("memory " + size_text(limits.memory));
  if (limits.processes != 0) parts.push_back("processes " + std::to_string(limits.processes));
  if (limits.open_files != 0) parts.push_back("open files " + std::to_string(limits.open_files));
  if (limits.file_size != 0) parts.push_back("file size " + size_text(limits.file_size));
  if (limits.output != 0) parts.push_back("output " + size_text(limits.output));
  return parts;
}

bool gives_more(Aspect aspect, const Decision& from, const Decision& to) {
  const Confinement& before = from.confinement;
  const Confinement& after = to.confinement;
  switch (aspect) {
    case Aspect::kDecision:
      return to.verdict < from.verdict;
    case Aspect::kWrite:
      return loses_path(after.write, before.write);
    case Aspect::kNet:
      return loses_item(after.net, before.net);
    case Aspect::kMode:
      return after.mode == RunMode::kLive && before.mode != RunMode::kLive;
    case Aspect::kSnapshot:
      return remembers_less(from.snapshot, to.snapshot);
    case Aspect::kRead:
      return loses_path(after.read, before.read);
    case Aspect::kHidden:
      return loses_path(before.deny, after.deny);
    case Aspect::kPublish:
      return loses_item(after.publish, before.publish);
    case Aspect::kLimits:
      return has_larger(before.limits, after.limits);
    case Aspect::kSafeguards:
      return insists_less(before.safeguards, after.safeguards);
    case Aspect::kVariable:
      break;
  }
  return false;
}

}  // namespace mixguard::policy
