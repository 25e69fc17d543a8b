// SPDX-License-Identifier: Apache-2.0
#include "policy/grants.hpp"

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <utility>

namespace mixguard::policy {
namespace {

using Texts = std::vector<std::string>;
using Views = std::vector<std::string_view>;  // of texts in the rules

template <typename List>
bool contains(const List& list, std::string_view text) {
  return std::find(list.begin(), list.end(), text) != list.end();
}

template <typename List, typename More>
void add_once(List& list, const More& more) {
  list.reserve(list.size() + more.size());
  for (const auto& text : more) {
    if (!contains(list, text)) list.emplace_back(text);
  }
}

// `more` holds nothing twice.
void add_distinct(Texts& list, const Views& more) {
  if (list.empty()) {
    list.assign(more.begin(), more.end());
  } else {
    add_once(list, more);
  }
}

template <typename List, typename Other>
List intersect(const List& a, const Other& b) {
  List result;
  for (const auto& text : a) {
    if (contains(b, text)) result.push_back(text);
  }
  return result;
}

// The patterns of either list that the other one covers.
template <typename List>
List covered_globs(const List& a, const List& b) {
  const auto is_covered = [](const List& outer, std::string_view inner) {
    return std::any_of(outer.begin(), outer.end(),
                       [&](std::string_view glob) { return glob_covers(glob, inner); });
  };
  List result;
  for (const auto& glob : a) {
    if (is_covered(b, glob)) result.push_back(glob);
  }
  for (const auto& glob : b) {
    if (is_covered(a, glob) && !contains(result, glob)) result.push_back(glob);
  }
  return result;
}

// A wildcard of `inner` is only covered by a "*" of `outer`.
bool component_covers(std::string_view outer, std::string_view inner) {
  if (outer == inner) return true;
  if (outer.empty()) return inner.empty();
  if (outer[0] == '*') {
    if (component_covers(outer.substr(1), inner)) return true;
    return !inner.empty() && component_covers(outer, inner.substr(1));
  }
  if (inner.empty() || inner[0] == '*') return false;
  if (outer[0] != '?' && outer[0] != inner[0]) return false;
  return component_covers(outer.substr(1), inner.substr(1));
}

std::string_view head(std::string_view path) { return path.substr(0, path.find('/')); }

std::string_view tail(std::string_view path) {
  const std::size_t slash = path.find('/');
  return slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
}

// The strictest of what layers ask for: a limit that is set beats none, the smaller beats the
// larger.
void take_smaller(std::uint64_t& limit, std::uint64_t other) {
  if (other != 0 && (limit == 0 || other < limit)) limit = other;
}

void narrow(Limits& limits, const Limits& other) {
  take_smaller(limits.wall_ms, other.wall_ms);
  take_smaller(limits.cpu_ms, other.cpu_ms);
  take_smaller(limits.memory, other.memory);
  take_smaller(limits.processes, other.processes);
  take_smaller(limits.open_files, other.open_files);
  take_smaller(limits.file_size, other.file_size);
  take_smaller(limits.output, other.output);
}

void narrow(std::vector<Safeguard>& safeguards, const Safeguard& other) {
  for (Safeguard& safeguard : safeguards) {
    if (safeguard.name != other.name) continue;
    safeguard.requirement = std::min(safeguard.requirement, other.requirement);
    return;
  }
  safeguards.push_back(other);
}

// What one layer's rules grant together.
struct LayerGrant {
  bool is_any = false;
  Views write;
  Views net;
};

void apply_ceiling(const std::vector<Ruleset>& layers, Layer layer, Views& net) {
  for (const Ruleset& ruleset : layers) {
    const bool is_above =
        ruleset.layer != Layer::kProject && (layer == Layer::kBuiltin || ruleset.layer < layer);
    if (is_above && ruleset.has_net) net = intersect(net, ruleset.net);
  }
}

using ByLayer = std::array<LayerGrant, static_cast<std::size_t>(Layer::kProject) + 1>;

ByLayer by_layer(const std::vector<Ruleset>& layers, const Grants& grants) {
  ByLayer result;
  for (const Grant* grant : grants) {
    LayerGrant& layer = result[static_cast<std::size_t>(grant->layer)];
    layer.is_any = true;
    add_once(layer.write, grant->write);
    add_once(layer.net, grant->net);
  }
  for (std::size_t i = 0; i < result.size(); ++i) {
    if (result[i].is_any) apply_ceiling(layers, static_cast<Layer>(i), result[i].net);
  }
  return result;
}

LayerGrant intersection(ByLayer by_layer) {
  LayerGrant result;
  for (LayerGrant& grant : by_layer) {
    if (!grant.is_any) continue;
    if (!result.is_any) {
      result = std::move(grant);
    } else {
      result.write = covered_globs(result.write, grant.write);
      result.net = intersect(result.net, grant.net);
    }
  }
  return result;
}

// Keeping what a failed command left takes the consent of every rule that remembers something, or
// says so.
void add_snapshot(const SnapshotPlan& wanted, SnapshotPlan& plan) {
  plan.keeps_build |= wanted.keeps_build;
  if (wanted.what.empty() && wanted.on_failure == OnFailure::kRollback) return;
  if (plan.what.empty() || wanted.on_failure == OnFailure::kRollback) {
    plan.on_failure = wanted.on_failure;
  }
  add_once(plan.what, wanted.what);
}

}  // namespace

RuleRef reference(const Grant& grant) {
  return {grant.id, grant.file, grant.line, std::string(to_string(grant.layer))};
}

bool decides_before(const Grant* a, const Grant* b) {
  return std::tie(b->verdict, a->layer, a->file, a->line, a->id) <
         std::tie(a->verdict, b->layer, b->file, b->line, b->id);
}

bool glob_covers(std::string_view outer, std::string_view inner) {
  if (outer == inner) return true;
  // ~/.mix is not in the project, of which ** speaks.
  if (inner.starts_with("~/") && !outer.starts_with("~/")) return false;
  if (outer.empty()) return false;
  if (head(outer) == "**") {
    if (glob_covers(tail(outer), inner)) return true;
    return !inner.empty() && glob_covers(outer, tail(inner));
  }
  if (inner.empty() || head(inner) == "**") return false;
  return component_covers(head(outer), head(inner)) && glob_covers(tail(outer), tail(inner));
}

Confinement common_confinement(const std::vector<Ruleset>& layers) {
  Confinement result;
  bool has_read = false;
  bool has_net = false;
  for (const Ruleset& layer : layers) {
    if (layer.has_read) {
      result.read = has_read ? covered_globs(result.read, layer.read) : layer.read;
      has_read = true;
    }
    if (layer.has_net) {
      result.net = has_net ? intersect(result.net, layer.net) : layer.net;
      result.publish = has_net ? intersect(result.publish, layer.publish) : layer.publish;
      has_net = true;
    }
    add_once(result.deny, layer.deny);
    narrow(result.limits, layer.limits);
    for (const Safeguard& safeguard : layer.safeguards) narrow(result.safeguards, safeguard);
  }
  return result;
}

void add_grants(const std::vector<Ruleset>& layers, const Grants& grants, Confinement& confinement,
                SnapshotPlan& snapshot) {
  const LayerGrant granted = intersection(by_layer(layers, grants));
  add_distinct(confinement.write, granted.write);
  add_distinct(confinement.net, granted.net);
  for (const Grant* grant : grants) add_snapshot(grant->snapshot, snapshot);
}

void add_builtin_endpoints(const std::vector<Ruleset>& layers,
                           const std::vector<std::string>& endpoints, Confinement& confinement) {
  Views net(endpoints.begin(), endpoints.end());
  apply_ceiling(layers, Layer::kBuiltin, net);
  add_once(confinement.net, net);
}

}  // namespace mixguard::policy
