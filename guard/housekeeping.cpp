// SPDX-License-Identifier: Apache-2.0
#include "guard/housekeeping.hpp"

#include <algorithm>
#include <cstdlib>

#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

constexpr const char* kMark = "pruned";       // its time is when that was done last
constexpr std::int64_t kMicrosecond = 1'000;  // nanoseconds
constexpr std::int64_t kMillisecond = 1'000;  // microseconds
constexpr std::int64_t kDay = 86'400 * kMillisecond * 1'000;
constexpr std::uint64_t kDefaultAge = 90ULL * 86'400 * 1'000;  // milliseconds
constexpr std::size_t kNeverTooOld = 20;

// The first time of all there is nothing old yet.
Result<bool> is_due(const Store& store) {
  auto mark = tree::look(store.fd(), kMark);
  if (!mark) return propagate(mark);
  if (*mark && std::abs(microseconds_now() - (*mark)->mtime / kMicrosecond) < kDay) return false;
  if (auto written = tree::write_file(store.fd(), kMark, "", false); !written)
    return propagate(written);
  return mark->has_value();
}

template <typename T>
void take_smaller(const std::optional<T>& from, std::optional<T>& to) {
  if (from) to = to ? std::min(*from, *to) : *from;
}

}  // namespace

policy::RetentionPlan retention_of(const policy::Policy& rules) {
  policy::RetentionPlan plan;
  for (const policy::Ruleset& layer : rules.layers()) {
    take_smaller(layer.retention.count, plan.count);
    take_smaller(layer.retention.age_ms, plan.age_ms);
    take_smaller(layer.retention.bytes, plan.bytes);
  }
  if (!plan.count && !plan.age_ms && !plan.bytes) plan.age_ms = kDefaultAge;
  return plan;
}

Result<Pruned> keep_house(const Store& store, const policy::Policy& rules) {
  auto due = is_due(store);
  if (!due) return propagate(due);
  if (!*due) return Pruned{};
  const policy::RetentionPlan plan = retention_of(rules);
  Retention retention;
  retention.count = plan.count;
  retention.bytes = plan.bytes;
  retention.at_least = kNeverTooOld;
  if (plan.age_ms)
    retention.not_before =
        microseconds_now() - static_cast<std::int64_t>(*plan.age_ms) * kMillisecond;
  auto objects = Objects::open(store);
  if (!objects) return propagate(objects);
  // Most days nothing is to go, and then nobody has to know what is needed.
  retention.dry_run = true;
  auto planned = prune(store, *objects, retention);
  if (!planned || planned->removed.empty()) return planned;
  retention.dry_run = false;
  return prune(store, *objects, retention);
}

}  // namespace mixguard::guard
