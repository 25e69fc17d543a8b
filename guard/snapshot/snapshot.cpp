// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/snapshot.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <nlohmann/json.hpp>

#include "guard/snapshot/json_bytes.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using nlohmann::json;

constexpr const char* kFolder = "snapshots";

Result<sandbox::UniqueFd> open_folder(const Store& store) {
  return tree::open_dir(store.fd(), kFolder);
}

json to_json(const Snapshot& snapshot) {
  json uncovered = json::array();
  for (const auto& [path, why] : snapshot.uncovered)
    uncovered.push_back({bytes_to_json(path), static_cast<int>(why)});
  return {{"version", 1},
          {"time", snapshot.time},
          {"label", bytes_to_json(snapshot.label)},
          {"top", entry_to_json(snapshot.top)},
          {"files", snapshot.files},
          {"directories", snapshot.directories},
          {"bytes", snapshot.bytes},
          {"uncovered", std::move(uncovered)}};
}

std::optional<Snapshot> from_json(const json& document) {
  const auto member = [&](const char* name) {
    const auto found = document.is_object() ? document.find(name) : document.end();
    return document.is_object() && found != document.end() ? *found : json();
  };
  const std::array<json, 5> numbers = {member("version"), member("time"), member("files"),
                                       member("directories"), member("bytes")};
  const bool numeric = std::all_of(numbers.begin(), numbers.end(),
                                   [](const json& value) { return value.is_number_integer(); });
  auto label = bytes_from_json(member("label"));
  auto top = entry_from_json(member("top"));
  if (!numeric || numbers[0] != 1 || !label || !top) return std::nullopt;
  Snapshot snapshot;
  snapshot.time = numbers[1].get<std::int64_t>();
  snapshot.label = std::move(*label);
  snapshot.top = std::move(*top);
  snapshot.files = numbers[2].get<std::uint64_t>();
  snapshot.directories = numbers[3].get<std::uint64_t>();
  snapshot.bytes = numbers[4].get<std::uint64_t>();
  for (const json& value : member("uncovered")) {
    const bool pair = value.is_array() && value.size() == 2 && value[1].is_number_unsigned();
    auto path = pair ? bytes_from_json(value[0]) : std::nullopt;
    if (!path || value[1] > static_cast<unsigned>(Uncovered::kTorn)) return std::nullopt;
    snapshot.uncovered.emplace_back(std::move(*path), static_cast<Uncovered>(value[1].get<int>()));
  }
  return snapshot;
}

Result<void> save(const Store& store, const Snapshot& snapshot) {
  if (::mkdirat(store.fd(), kFolder, S_IRWXU) < 0 && errno != EEXIST)
    return tree::fail_errno("make", kFolder);
  auto folder = open_folder(store);
  if (!folder) return propagate(folder);
  auto written = tree::write_file(folder->get(), snapshot.id, sealed(to_json(snapshot)), true);
  if (!written) return written;
  auto home = tree::open_dir(store.fd(), "");
  if (!home) return propagate(home);
  return tree::sync(home->get(), store.path());
}

}  // namespace

Result<Snapshot> create_snapshot(const Store& store, Objects& objects, const std::string& label) {
  Snapshot snapshot;
  snapshot.id = new_run_id();
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  snapshot.time = std::chrono::duration_cast<std::chrono::microseconds>(now).count();
  snapshot.label = label;
  auto captured = capture(store, objects, {store.project_fd(), ""}, "");
  if (!captured) return propagate(captured);
  if (!captured->top) return fail("capture the project: it is gone", ENOENT);
  snapshot.top = std::move(*captured->top);
  snapshot.files = captured->files;
  snapshot.directories = captured->directories;
  snapshot.bytes = captured->bytes;
  snapshot.uncovered = std::move(captured->uncovered);
  if (auto saved = save(store, snapshot); !saved) return propagate(saved);
  return snapshot;
}

Result<std::vector<std::string>> snapshot_ids(const Store& store) {
  auto folder = open_folder(store);
  if (!folder && folder.error().code == ENOENT) return std::vector<std::string>();
  if (!folder) return propagate(folder);
  auto names = tree::list(folder->get(), kFolder);
  if (!names) return names;
  // A record that was being written when its writer died has another name.
  std::erase_if(*names, [](const std::string& name) { return !is_run_id(name); });
  std::sort(names->begin(), names->end());
  return names;
}

bool is_snapshot(const Store& store, const std::string& id) {
  auto folder = open_folder(store);
  if (!folder || !is_run_id(id)) return false;
  const auto node = tree::look(folder->get(), id);
  return node && *node;
}

Result<Snapshot> load_snapshot(const Store& store, const std::string& id) {
  std::string wanted = id;
  if (id == "last") {
    auto ids = snapshot_ids(store);
    if (!ids) return propagate(ids);
    if (ids->empty()) return fail("there is no snapshot yet; mixguard snapshot create", ENOENT);
    wanted = ids->back();
  }
  if (!is_snapshot(store, wanted))
    return fail("there is no snapshot " + id + "; mixguard snapshot list", ENOENT);
  auto folder = open_folder(store);
  if (!folder) return propagate(folder);
  auto text = tree::read_file(folder->get(), wanted);
  if (!text) return propagate(text);
  const auto document = unsealed(*text);
  auto snapshot = document ? from_json(*document) : std::nullopt;
  if (!snapshot) return fail("read snapshot " + wanted + ": its record is damaged", EBADMSG);
  snapshot->id = std::move(wanted);
  return std::move(*snapshot);
}

Result<void> remove_snapshot(const Store& store, const std::string& id) {
  auto folder = open_folder(store);
  if (!folder) return propagate(folder);
  if (::unlinkat(folder->get(), id.c_str(), 0) < 0) return tree::fail_errno("remove snapshot", id);
  return tree::sync(folder->get(), kFolder);
}

}  // namespace mixguard::guard
