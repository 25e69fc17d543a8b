// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/journal.hpp"

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <type_traits>

#include "guard/snapshot/json_bytes.hpp"

namespace mixguard::guard {
namespace {

using nlohmann::json;

constexpr const char* kName = "journal";
constexpr std::array<std::string_view, 5> kKinds = {"transaction", "rollback", "preimage",
                                                    "restore", "acceptance"};
constexpr std::array<std::string_view, 4> kChanges = {"created", "modified", "deleted", "mode"};
constexpr std::array<std::string_view, 5> kStates = {"begun", "captured", "intent", "done",
                                                     "rolled_back"};

template <typename Enum, std::size_t Size>
std::string_view name_of(const std::array<std::string_view, Size>& names, Enum value) {
  return names.at(static_cast<std::size_t>(value));
}

json to_json(const std::optional<Identity>& identity) {
  if (!identity) return nullptr;
  return {identity->inode, identity->born, identity->ctime,
          identity->mode,  identity->size, identity->mtime};
}

json to_json(const Attributes& attributes) {
  return {attributes.mode, attributes.mtime ? json(*attributes.mtime) : json(),
          attributes.xattrs ? bytes_to_json(*attributes.xattrs) : json()};
}

json to_json(const std::vector<std::string>& paths) {
  json array = json::array();
  for (const std::string& path : paths) array.push_back(bytes_to_json(path));
  return array;
}

json to_json(const Op& op) {
  json object = {{"path", bytes_to_json(op.path)}};
  if (op.attributes) {
    object["attributes"] = {to_json(op.attributes->first), to_json(op.attributes->second)};
  } else {
    object["before"] = to_json(op.before);
    object["after"] = to_json(op.after);
  }
  if (!op.root.empty()) object["root"] = bytes_to_json(op.root);
  if (!op.area.empty()) object["area"] = op.area;
  if (op.touch) object["touch"] = true;
  if (!op.withheld.empty()) object["withheld"] = bytes_to_json(op.withheld);
  return object;
}

json to_json(const std::vector<ExtraRoot>& roots) {
  json array = json::array();
  for (const ExtraRoot& root : roots)
    array.push_back({bytes_to_json(root.path), root.inode, root.born, root.area});
  return array;
}

json to_json(const Change& change) {
  return {{"path", bytes_to_json(change.path)},
          {"change", name_of(kChanges, change.kind)},
          {"conflict", change.disposition == Disposition::kConflict},
          {"directory", change.directory},
          {"why", bytes_to_json(change.why)}};
}

json to_json(const Journal& journal) {
  json ops = json::array();
  for (const Op& op : journal.ops) ops.push_back(to_json(op));
  json quarantined = json::array();
  for (const Change& change : journal.quarantined) quarantined.push_back(to_json(change));
  json outcomes = json::array();
  for (const auto& [run, state] : journal.outcomes)
    outcomes.push_back(json::array({run, name_of(kStates, state)}));
  json closed = json::array();
  for (const auto& [root, path, mode] : journal.closed)
    closed.push_back(json::array({bytes_to_json(path), mode, bytes_to_json(root)}));
  json locks = json::array();
  for (const auto& [path, digests] : journal.locks) {
    json lines = json::array();
    for (const auto& [name, digest] : digests)
      lines.push_back(json::array({bytes_to_json(name), digest}));
    locks.push_back(json::array({bytes_to_json(path), std::move(lines)}));
  }
  return {{"version", 1},
          {"kind", name_of(kKinds, journal.kind)},
          {"state", name_of(kStates, journal.state)},
          {"ends_as", name_of(kStates, journal.ends_as)},
          {"area", journal.area},
          {"undoes", to_json(journal.undoes)},
          {"since", journal.since},
          {"intended", journal.intended},
          {"settled", journal.settled},
          {"touch_time", journal.touch_time},
          {"hidden", to_json(journal.hidden)},
          {"build", bytes_to_json(journal.build)},
          {"extra_roots", to_json(journal.extra_roots)},
          {"ops", std::move(ops)},
          {"quarantined", std::move(quarantined)},
          {"closed", std::move(closed)},
          {"keeps", journal.keeps},
          {"left", to_json(journal.left)},
          {"locks", std::move(locks)},
          {"outcomes", std::move(outcomes)}};
}

// Reads members of one object and remembers whether all of them were there and of their type, so
// that nothing here throws and one check at the end suffices.
class Reader {
 public:
  const json& member(const json& object, const std::string& key) {
    static const json kNothing;
    if (object.is_object() && object.contains(key)) return object[key];
    good_ = false;
    return kNothing;
  }
  const json& item(const json& array, std::size_t index) {
    static const json kNothing;
    if (array.is_array() && index < array.size()) return array[index];
    good_ = false;
    return kNothing;
  }
  template <typename Integer>
  Integer integer(const json& value) {
    if (value.is_number_integer()) return value.get<Integer>();
    good_ = false;
    return 0;
  }
  std::string bytes(const json& value) {
    auto text = bytes_from_json(value);
    if (!text) good_ = false;
    return text.value_or("");
  }
  template <typename Enum, std::size_t Size>
  Enum named(const std::array<std::string_view, Size>& names, const json& value) {
    const std::string name = bytes(value);
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (names.at(i) == name) return static_cast<Enum>(i);
    }
    good_ = false;
    return Enum{};
  }
  bool flag(const json& value) {
    if (value.is_boolean()) return value.get<bool>();
    good_ = false;
    return false;
  }
  void reject() { good_ = false; }
  [[nodiscard]] bool good() const { return good_; }

 private:
  bool good_ = true;
};

std::optional<Identity> read_identity(Reader& reader, const json& value) {
  if (value.is_null()) return std::nullopt;
  Identity identity;
  identity.inode = reader.integer<std::uint64_t>(reader.item(value, 0));
  identity.born = reader.integer<std::int64_t>(reader.item(value, 1));
  identity.ctime = reader.integer<std::int64_t>(reader.item(value, 2));
  identity.mode = reader.integer<mode_t>(reader.item(value, 3));
  constexpr std::size_t kOlder = 4;  // what earlier versions wrote
  if (value.is_array() && value.size() == kOlder) return identity;
  identity.size = reader.integer<std::int64_t>(reader.item(value, 4));
  identity.mtime = reader.integer<std::int64_t>(reader.item(value, 5));
  return identity;
}

Attributes read_attributes(Reader& reader, const json& value) {
  Attributes attributes;
  attributes.mode = reader.integer<mode_t>(reader.item(value, 0));
  const json& mtime = reader.item(value, 1);
  if (!mtime.is_null()) attributes.mtime = reader.integer<std::int64_t>(mtime);
  constexpr std::size_t kOlder = 2;  // what earlier versions wrote
  if (value.is_array() && value.size() == kOlder) return attributes;
  const json& xattrs = reader.item(value, 2);
  if (!xattrs.is_null()) attributes.xattrs = reader.bytes(xattrs);
  return attributes;
}

Op read_op(Reader& reader, const json& value) {
  Op op;
  op.path = reader.bytes(reader.member(value, "path"));
  if (value.is_object() && value.contains("attributes")) {
    const json& pair = value["attributes"];
    op.attributes.emplace(read_attributes(reader, reader.item(pair, 0)),
                          read_attributes(reader, reader.item(pair, 1)));
  } else {
    op.before = read_identity(reader, reader.member(value, "before"));
    op.after = read_identity(reader, reader.member(value, "after"));
    if (!op.before && !op.after) reader.reject();
  }
  if (value.is_object() && value.contains("root")) op.root = reader.bytes(value["root"]);
  if (value.is_object() && value.contains("area")) op.area = reader.bytes(value["area"]);
  op.touch = value.is_object() && value.contains("touch");
  if (value.is_object() && value.contains("withheld"))
    op.withheld = reader.bytes(value["withheld"]);
  return op;
}

Change read_change(Reader& reader, const json& value) {
  Change change;
  change.path = reader.bytes(reader.member(value, "path"));
  change.kind = reader.named<ChangeKind>(kChanges, reader.member(value, "change"));
  change.disposition = reader.flag(reader.member(value, "conflict")) ? Disposition::kConflict
                                                                     : Disposition::kQuarantine;
  change.directory = reader.flag(reader.member(value, "directory"));
  change.why = reader.bytes(reader.member(value, "why"));
  return change;
}

std::vector<std::string> read_paths(Reader& reader, const json& array) {
  std::vector<std::string> paths;
  for (const json& value : array) paths.push_back(reader.bytes(value));
  return paths;
}

ExtraRoot read_root(Reader& reader, const json& value) {
  ExtraRoot root;
  root.path = reader.bytes(reader.item(value, 0));
  root.inode = reader.integer<std::uint64_t>(reader.item(value, 1));
  root.born = reader.integer<std::int64_t>(reader.item(value, 2));
  root.area = reader.bytes(reader.item(value, 3));
  if (!root.path.starts_with('/')) reader.reject();
  return root;
}

LockLines read_lock_lines(Reader& reader, const json& value) {
  LockLines lock{reader.bytes(reader.item(value, 0)), {}};
  for (const json& line : reader.item(value, 1))
    lock.digests.emplace_back(reader.bytes(reader.item(line, 0)),
                              reader.bytes(reader.item(line, 1)));
  return lock;
}

std::optional<Journal> from_json(const json& document) {
  Reader reader;
  const auto member = [&](const char* key) -> const json& { return reader.member(document, key); };
  Journal journal;
  journal.kind = reader.named<RunKind>(kKinds, member("kind"));
  journal.state = reader.named<RunState>(kStates, member("state"));
  journal.ends_as = reader.named<RunState>(kStates, member("ends_as"));
  journal.area = reader.bytes(member("area"));
  journal.undoes = read_paths(reader, member("undoes"));
  journal.since = reader.integer<std::int64_t>(member("since"));
  journal.intended = reader.integer<std::int64_t>(member("intended"));
  journal.settled = reader.integer<std::int64_t>(member("settled"));
  journal.touch_time = reader.integer<std::int64_t>(member("touch_time"));
  journal.hidden = read_paths(reader, member("hidden"));
  // Absent in what older versions wrote.
  if (document.is_object() && document.contains("build"))
    journal.build = reader.bytes(document["build"]);
  if (document.is_object() && document.contains("extra_roots")) {
    for (const json& value : document["extra_roots"])
      journal.extra_roots.push_back(read_root(reader, value));
  }
  for (const json& value : member("ops")) journal.ops.push_back(read_op(reader, value));
  // Journals of earlier versions have none.
  if (document.is_object() && document.contains("quarantined")) {
    for (const json& value : document["quarantined"])
      journal.quarantined.push_back(read_change(reader, value));
  }
  if (document.is_object() && document.contains("closed")) {
    for (const json& value : document["closed"])
      journal.closed.push_back({reader.bytes(reader.item(value, 2)),
                                reader.bytes(reader.item(value, 0)),
                                reader.integer<mode_t>(reader.item(value, 1))});
  }
  if (document.is_object() && document.contains("keeps"))
    journal.keeps = reader.flag(document["keeps"]);
  if (document.is_object() && document.contains("left"))
    journal.left = read_paths(reader, document["left"]);
  if (document.is_object() && document.contains("locks")) {
    for (const json& value : document["locks"])
      journal.locks.push_back(read_lock_lines(reader, value));
  }
  for (const json& value : member("outcomes")) {
    journal.outcomes.emplace_back(reader.bytes(reader.item(value, 0)),
                                  reader.named<RunState>(kStates, reader.item(value, 1)));
  }
  if (!reader.good() || reader.integer<int>(member("version")) != 1) return std::nullopt;
  return journal;
}

}  // namespace

bool same_object(const std::optional<Identity>& identity, const std::optional<tree::Node>& node) {
  if (!identity || !node) return !identity && !node;
  return identity->is(*node);
}

bool same_object(const std::optional<Identity>& a, const std::optional<Identity>& b) {
  return a.has_value() == b.has_value() && (!a || (a->inode == b->inode && a->born == b->born));
}

const std::string& area_of(const Journal& journal, const Op& op) {
  return op.area.empty() ? journal.area : op.area;
}

std::string other_side(const Journal& journal, const Op& op) {
  return tree::join(area_of(journal, op), op.path);
}

std::string full_path(const std::string& root, const std::string& path) {
  return tree::join(root, path);
}

std::string full_path(const Op& op) { return full_path(op.root, op.path); }

Change change_of(const Op& op) {
  Change change;
  change.path = full_path(op);
  change.directory = op.attributes || S_ISDIR(op.after ? op.after->mode : op.before->mode);
  if (op.attributes) {
    change.kind = ChangeKind::kMode;
  } else if (!op.before) {
    change.kind = ChangeKind::kCreated;
  } else if (!op.after) {
    change.kind = ChangeKind::kDeleted;
  }
  return change;
}

Result<std::optional<Journal>> load_journal(int run_dir, const std::string& run_id) {
  auto text = tree::read_file(run_dir, kName);
  if (!text && text.error().code == ENOENT) return std::optional<Journal>();
  if (!text) return propagate(text);
  if (text->empty()) return std::optional<Journal>();
  const auto document = unsealed(*text);
  auto journal = document ? from_json(*document) : std::nullopt;
  if (!journal) return fail("read the journal of run " + run_id + ": it is damaged", EBADMSG);
  return journal;
}

Result<void> save_journal(int run_dir, const Journal& journal, bool durable) {
  return tree::write_file(run_dir, kName, sealed(to_json(journal)), durable);
}

}  // namespace mixguard::guard
