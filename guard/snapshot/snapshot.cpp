// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/snapshot.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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
  json outside = json::array();
  for (const auto& [path, top] : snapshot.outside)
    outside.push_back({bytes_to_json(path), entry_to_json(top)});
  return {{"version", 1},
          {"time", snapshot.time},
          {"label", bytes_to_json(snapshot.label)},
          {"top", entry_to_json(snapshot.top)},
          {"outside", std::move(outside)},
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
  for (const json& value : member("outside")) {
    const bool pair = value.is_array() && value.size() == 2;
    auto path = pair ? bytes_from_json(value[0]) : std::nullopt;
    auto entry = pair ? entry_from_json(value[1]) : std::nullopt;
    if (!path || !path->starts_with('/') || !entry) return std::nullopt;
    snapshot.outside.emplace_back(std::move(*path), std::move(*entry));
  }
  for (const json& value : member("uncovered")) {
    const bool pair = value.is_array() && value.size() == 2 && value[1].is_number_unsigned();
    auto path = pair ? bytes_from_json(value[0]) : std::nullopt;
    if (!path || value[1] > static_cast<unsigned>(Uncovered::kTorn)) return std::nullopt;
    snapshot.uncovered.emplace_back(std::move(*path), static_cast<Uncovered>(value[1].get<int>()));
  }
  return snapshot;
}

// Durable, the folder's own name too.
Result<sandbox::UniqueFd> make_folder(const Store& store) {
  auto folder = open_folder(store);
  if (folder || folder.error().code != ENOENT) return folder;
  if (::mkdirat(store.fd(), kFolder, S_IRWXU) < 0) return tree::fail_errno("make", kFolder);
  auto home = tree::open_dir(store.fd(), "");
  if (!home) return home;
  if (auto synced = tree::sync(home->get(), store.path()); !synced) return propagate(synced);
  return open_folder(store);
}

Result<void> save(const Store& store, const Snapshot& snapshot) {
  auto folder = make_folder(store);
  if (!folder) return propagate(folder);
  return tree::write_file(folder->get(), snapshot.id, sealed(to_json(snapshot)), true);
}

// Captures the root, and adds what it counts to the snapshot.
Result<Entry> add_tree(const Store& store, Objects& objects, const CaptureRoot& root,
                       Snapshot& snapshot, const OnStep& on_step) {
  const std::size_t before = snapshot.files;
  const auto in_tree = [&](std::size_t files, std::size_t) { on_step(before + files, 0); };
  auto captured = capture(store, objects, root, "", on_step ? OnStep(in_tree) : OnStep());
  if (!captured) return propagate(captured);
  if (!captured->top)
    return fail("capture " + (root.name.empty() ? "the project" : root.name) + ": it is gone",
                ENOENT);
  snapshot.files += captured->files;
  snapshot.directories += captured->directories;
  snapshot.bytes += captured->bytes;
  for (auto& [path, why] : captured->uncovered)
    snapshot.uncovered.emplace_back(full_path(root.name, path), why);
  return std::move(*captured->top);
}

}  // namespace

Result<Snapshot> look_at_all(const Store& store, Objects& objects,
                             const std::vector<std::string>& outside, const OnStep& on_step) {
  Snapshot snapshot;
  auto project = add_tree(store, objects, {store.project_fd(), ""}, snapshot, on_step);
  if (!project) return propagate(project);
  snapshot.top = std::move(*project);
  for (const std::string& path : outside) {
    const sandbox::UniqueFd root(
        ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!root) return tree::fail_errno("open", path);
    auto top = add_tree(store, objects, {root.get(), path}, snapshot, on_step);
    if (!top) return propagate(top);
    snapshot.outside.emplace_back(path, std::move(*top));
  }
  return snapshot;
}

Result<Snapshot> create_snapshot(const Store& store, Objects& objects, const std::string& label,
                                 const std::vector<std::string>& outside, const OnStep& on_step) {
  auto id = store.next_id();
  if (!id) return propagate(id);
  const std::int64_t time = microseconds_now();
  auto snapshot = look_at_all(store, objects, outside, on_step);
  if (!snapshot) return snapshot;
  snapshot->id = std::move(*id);
  snapshot->time = time;
  snapshot->label = label;
  if (auto saved = save(store, *snapshot); !saved) return propagate(saved);
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
