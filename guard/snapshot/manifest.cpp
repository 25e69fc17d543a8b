// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/manifest.hpp"

#include <cerrno>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "guard/snapshot/json_bytes.hpp"

namespace mixguard::guard {
namespace {

using nlohmann::json;

constexpr const char* kName = "manifest";
constexpr std::size_t kNumbers = 6;

json to_json(const std::string& path, const ManifestEntry& entry) {
  const tree::Node& node = entry.node;
  return json::array({bytes_to_json(path), bytes_to_json(entry.target), entry.skipped, node.mode,
                      node.inode, node.born, node.size, node.mtime, node.ctime});
}

std::optional<std::pair<std::string, ManifestEntry>> from_json(const json& value) {
  constexpr std::size_t kFirst = 3;
  if (!value.is_array() || value.size() != kFirst + kNumbers || !value[2].is_boolean())
    return std::nullopt;
  for (std::size_t i = kFirst; i < value.size(); ++i) {
    if (!value[i].is_number_integer()) return std::nullopt;
  }
  auto path = bytes_from_json(value[0]);
  auto target = bytes_from_json(value[1]);
  if (!path || !target) return std::nullopt;
  ManifestEntry entry;
  entry.target = std::move(*target);
  entry.skipped = value[2].get<bool>();
  entry.node.mode = value[kFirst].get<mode_t>();
  entry.node.inode = value[kFirst + 1].get<std::uint64_t>();
  entry.node.born = value[kFirst + 2].get<std::int64_t>();
  entry.node.size = value[kFirst + 3].get<std::int64_t>();
  entry.node.mtime = value[kFirst + 4].get<std::int64_t>();
  entry.node.ctime = value[kFirst + 5].get<std::int64_t>();
  return std::pair(std::move(*path), std::move(entry));
}

}  // namespace

Result<void> save_manifest(int run_dir, const Manifest& manifest) {
  json entries = json::array();
  for (const auto& [path, entry] : manifest) entries.push_back(to_json(path, entry));
  return tree::write_file(run_dir, kName, sealed(entries), true);
}

Result<Manifest> load_manifest(int run_dir) {
  auto text = tree::read_file(run_dir, kName);
  if (!text) return propagate(text);
  const auto document = unsealed(*text);
  Manifest manifest;
  for (const json& value : document.value_or(json())) {
    auto entry = from_json(value);
    if (!entry) return fail("read a run's manifest: it is damaged", EBADMSG);
    manifest.insert(std::move(*entry));
  }
  if (!document) return fail("read a run's manifest: it is damaged", EBADMSG);
  return manifest;
}

}  // namespace mixguard::guard
