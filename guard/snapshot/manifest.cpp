// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/manifest.hpp"

#include <cerrno>
#include <nlohmann/json.hpp>

#include "guard/snapshot/json_bytes.hpp"

namespace mixguard::guard {
namespace {

using nlohmann::json;

constexpr const char* kName = "manifest";

std::optional<std::pair<std::string, std::optional<Entry>>> from_json(const json& value) {
  if (!value.is_array() || value.size() != 2) return std::nullopt;
  auto path = bytes_from_json(value[0]);
  if (!path) return std::nullopt;
  if (value[1].is_null()) return std::pair(std::move(*path), std::optional<Entry>());
  auto entry = entry_from_json(value[1]);
  if (!entry) return std::nullopt;
  return std::pair(std::move(*path), std::move(entry));
}

}  // namespace

Result<void> save_manifest(int run_dir, const Manifest& manifest) {
  json entries = json::array();
  for (const auto& [path, entry] : manifest)
    entries.push_back({bytes_to_json(path), entry ? entry_to_json(*entry) : json()});
  return tree::write_file(run_dir, kName, sealed(entries), true);
}

Result<Manifest> load_manifest(int run_dir) {
  auto text = tree::read_file(run_dir, kName);
  if (!text && text.error().code == ENOENT)
    return fail("read a run's manifest: it is gone", EBADMSG);
  if (!text) return propagate(text);
  const auto document = unsealed(*text);
  Manifest manifest;
  for (const json& value : document.value_or(json())) {
    auto entry = from_json(value);
    if (!entry) return fail("read a run's manifest: it is damaged", EBADMSG);
    manifest.push_back(std::move(*entry));
  }
  if (!document) return fail("read a run's manifest: it is damaged", EBADMSG);
  return manifest;
}

}  // namespace mixguard::guard
