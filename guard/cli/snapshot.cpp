// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/snapshot.hpp"

#include <unistd.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>

#include "guard/audit/log.hpp"
#include "guard/cli/judged.hpp"
#include "guard/cli/quarantine.hpp"
#include "guard/cli/verb.hpp"
#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/output/console.hpp"
#include "guard/output/progress.hpp"
#include "guard/output/run_json.hpp"
#include "guard/output/text_diff.hpp"
#include "guard/outside.hpp"
#include "guard/snapshot/check.hpp"
#include "guard/snapshot/json_bytes.hpp"
#include "guard/snapshot/restore.hpp"
#include "guard/snapshot/retention.hpp"
#include "guard/snapshot/run.hpp"
#include "guard/snapshot/tree_diff.hpp"
#include "policy/quantity.hpp"

namespace mixguard::guard::cli {
namespace {

using Json = nlohmann::ordered_json;

using UseObjects = std::function<Result<int>(const Store&, Objects&)>;

// The store, held, and its objects.
int with_objects(const Invocation& invocation, Console& console, const UseObjects& use,
                 Unfinished unfinished = Unfinished::kStops) {
  const auto open = [&](const Store& store, const auto&) -> Result<int> {
    Result<Objects> objects = Objects::open(store);
    if (!objects) return propagate(objects);
    for (const std::string& note : objects->notes()) console.warn(note);
    return use(store, *objects);
  };
  return with_held_store(invocation, console, open, unfinished);
}

std::string time_text(std::int64_t microseconds) {
  return record_time(
      std::chrono::system_clock::time_point(std::chrono::microseconds(microseconds)));
}

Json uncovered_json(const Snapshot& snapshot) {
  Json list = Json::array();
  for (const auto& [path, why] : snapshot.uncovered)
    list.push_back({{"path", bytes_to_json(path)}, {"why", to_string(why)}});
  return list;
}

Json outside_json(const Snapshot& snapshot) {
  Json list = Json::array();
  for (const auto& [path, top] : snapshot.outside) list.push_back(Json(bytes_to_json(path)));
  return list;
}

Json snapshot_json(const Snapshot& snapshot) {
  return {{"id", snapshot.id},
          {"kind", "snapshot"},
          {"time", time_text(snapshot.time)},
          {"label", snapshot.label},
          {"files", snapshot.files},
          {"directories", snapshot.directories},
          {"bytes", snapshot.bytes},
          {"outside", outside_json(snapshot)},
          {"uncovered", uncovered_json(snapshot)}};
}

std::string facts(const Snapshot& snapshot) {
  return counted(snapshot.files, "file") + " in " + counted(snapshot.directories, "folder") + ", " +
         readable_size(snapshot.bytes);
}

void say_uncovered(const Snapshot& snapshot, const Console& console) {
  constexpr std::size_t kMost = 20;
  for (std::size_t i = 0; i < std::min(kMost, snapshot.uncovered.size()); ++i) {
    const auto& [path, why] = snapshot.uncovered[i];
    console.say("not kept: " + uncovered_text(printable(path), why));
  }
  if (snapshot.uncovered.size() > kMost)
    console.say("not kept: " + std::to_string(snapshot.uncovered.size() - kMost) +
                " more; mixguard snapshot show " + snapshot.id + " --json");
}

// The directories outside of the project that belong to it.
std::vector<std::string> beside(const Store& store, const Console& console) {
  Project project;
  project.root = project.cwd = store.project_root();
  std::vector<std::string> notes;
  std::vector<std::string> paths =
      directories_beside(project, environment_variable("HOME").value_or(""), notes);
  for (const std::string& note : notes) console.note(note);
  return paths;
}

// --- create ---

int create(const Invocation& invocation, const std::string& label, Console& console) {
  return with_objects(
      invocation, console, [&](const Store& store, Objects& objects) -> Result<int> {
        if (store.project_root().empty())
          return fail("there is no project here to keep; name one with --project DIR", ENOENT);
        const auto outside = beside(store, console);
        Progress progress(console, "captured", 0);
        const Result<Snapshot> snapshot =
            create_snapshot(store, objects, label, outside,
                            [&](std::size_t files, std::size_t) { progress.at(files); });
        progress.end();
        if (!snapshot) return propagate(snapshot);
        const Json body = snapshot_json(*snapshot);
        Json record = body;
        record.erase("time");  // the record has its own
        if (auto written = write_down(store, "snapshot", record); !written)
          return propagate(written);
        if (console.json()) {
          console.document(dump_pretty(body));
          return kExitOk;
        }
        console.document("snapshot " + snapshot->id + ": " + facts(*snapshot));
        say_uncovered(*snapshot, console);
        return kExitOk;
      });
}

// --- list ---

struct Listed {
  std::string id;
  Json json;
  std::string line;
};

Listed listed_snapshot(const Store& store, const std::string& id) {
  Listed listed{id, {}, {}};
  if (const auto snapshot = load_snapshot(store, id)) {
    listed.json = snapshot_json(*snapshot);
    listed.line = time_text(snapshot->time) + "  snapshot    " + facts(*snapshot) +
                  (snapshot->label.empty() ? "" : "  " + printable(snapshot->label));
  } else {
    listed.json = {{"id", id}, {"kind", "snapshot"}, {"damaged", snapshot.error().message}};
    listed.line = time_text(time_of_run_id(id)) + "  snapshot    " + snapshot.error().message;
  }
  return listed;
}

constexpr std::array<std::string_view, 5> kKinds = {"run", "rollback", "run", "restore",
                                                    "acceptance"};
constexpr std::array<std::string_view, 5> kStates = {"not ended", "not ended", "not ended", "done",
                                                     "rolled back"};

Listed listed_run(const Store& store, const std::string& id) {
  Listed listed{id, {}, {}};
  const std::string time = time_text(time_of_run_id(id));
  const auto journal = read_journal(store, id);
  if (!journal) {
    listed.json = {{"id", id}, {"kind", "run"}, {"damaged", journal.error().message}};
    listed.line = time + "  run         " + journal.error().message;
    return listed;
  }
  const std::string kind(kKinds.at(static_cast<std::size_t>(journal->kind)));
  const std::string state(kStates.at(static_cast<std::size_t>(journal->state)));
  RollbackReport report;
  report_ops(journal->ops, report);
  const std::size_t paths = report.undone.changes.size();
  listed.json = {{"id", id}, {"kind", kind}, {"time", time}, {"state", state}, {"paths", paths}};
  listed.line = time + "  " + kind + std::string(12 - kind.size(), ' ') + counted(paths, "path") +
                ", " + state;
  return listed;
}

int list(const Invocation& invocation, Console& console) {
  return with_store(invocation, console, [&](const Store& store) -> Result<int> {
    const auto snapshots = snapshot_ids(store);
    if (!snapshots) return propagate(snapshots);
    const auto runs = store.runs();
    if (!runs) return propagate(runs);
    std::vector<Listed> all;
    for (const std::string& id : *snapshots) all.push_back(listed_snapshot(store, id));
    for (const std::string& id : *runs) all.push_back(listed_run(store, id));
    std::sort(all.begin(), all.end(), [](const Listed& a, const Listed& b) { return a.id < b.id; });
    Json list = Json::array();
    for (Listed& one : all) {
      if (!console.json()) console.document(one.id + "  " + one.line);
      list.push_back(std::move(one.json));
    }
    if (console.json()) console.document(dump_pretty({{"kept", std::move(list)}}));
    if (all.empty())
      console.say(
          "nothing is kept yet; each guarded command that changes something is, and what "
          "mixguard snapshot create is called for");
    return kExitOk;
  });
}

// --- show ---

struct ShowArguments {
  std::string id = "last";
  std::string path;
  bool quarantine = false;
};

// By a project-relative path, or an absolute one of a directory outside.
Result<std::optional<Entry>> find_in(const Objects& objects, const Snapshot& snapshot,
                                     const std::string& path) {
  for (const auto& [root, top] : snapshot.outside) {
    if (!tree::is_at_or_below(path, root)) continue;
    return find_entry(objects, top, tree::path_below(path, root));
  }
  if (path.starts_with('/')) return std::optional<Entry>();
  return find_entry(objects, snapshot.top, path);
}

// A directory's names, or a file as it is.
Result<int> show_path(const Objects& objects, const Snapshot& snapshot, const std::string& path,
                      Console& console) {
  const auto entry = find_in(objects, snapshot, path);
  if (!entry) return propagate(entry);
  if (!*entry) return fail("there is no " + path + " in snapshot " + snapshot.id, ENOENT);
  if ((*entry)->is_dir()) {
    const auto listing = get_listing(objects, (*entry)->content);
    if (!listing) return propagate(listing);
    for (const Entry& child : *listing)
      console.document(printable(child.name) + (child.is_dir() ? "/" : ""));
    return kExitOk;
  }
  if (!(*entry)->is_kept()) return fail(uncovered_text(path, (*entry)->uncovered), EINVAL);
  if ((*entry)->is_link()) {
    console.document((*entry)->target);
    return kExitOk;
  }
  if (console.json()) return fail("a file is printed as it is; leave --json out", EINVAL);
  const auto print = [&](std::string_view piece) -> Result<void> {
    console.bytes(piece);
    return {};
  };
  auto printed = read_content(objects, (*entry)->content, (*entry)->size, print);
  if (!printed) return propagate(printed);
  return kExitOk;
}

void show_run(const Journal& journal, const std::string& id, Console& console) {
  RollbackReport report;
  report_ops(journal.ops, report);
  if (console.json()) {
    console.document(dump_pretty({{"id", id},
                                  {"kind", kKinds.at(static_cast<std::size_t>(journal.kind))},
                                  {"state", kStates.at(static_cast<std::size_t>(journal.state))},
                                  {"paths", changes_json(report.undone)},
                                  {"skipped", report.skipped}}));
    return;
  }
  console.document(describe_changes(report.undone, "run " + id));
  for (const std::string& path : report.skipped) console.document("left alone " + printable(path));
}

int show(const Invocation& invocation, const ShowArguments& arguments, Console& console) {
  if (arguments.quarantine) return show_quarantine(invocation, arguments.id, console);
  return with_objects(
      invocation, console, [&](const Store& store, Objects& objects) -> Result<int> {
        if (arguments.id != "last" && !is_snapshot(store, arguments.id)) {
          const auto journal = read_journal(store, arguments.id);
          if (!journal) return propagate(journal);
          show_run(*journal, arguments.id, console);
          return kExitOk;
        }
        const auto snapshot = load_snapshot(store, arguments.id);
        if (!snapshot) return propagate(snapshot);
        if (!arguments.path.empty())
          return show_path(objects, *snapshot, in_project(store, arguments.path), console);
        if (console.json()) {
          console.document(dump_pretty(snapshot_json(*snapshot)));
          return kExitOk;
        }
        console.document("snapshot " + snapshot->id + " of " + time_text(snapshot->time) +
                         (snapshot->label.empty() ? "" : ", " + printable(snapshot->label)) + ": " +
                         facts(*snapshot));
        for (const auto& [path, why] : snapshot->uncovered)
          console.document("not kept: " + uncovered_text(printable(path), why));
        return kExitOk;
      });
}

// --- diff ---

struct DiffArguments {
  std::string a = "last";
  std::string b;  // empty: the project as it is
  std::vector<std::string> paths;
};

std::string what_it_is(const std::optional<Entry>& entry) {
  if (!entry) return "nothing";
  if (entry->is_dir()) return "directory";
  if (entry->is_link()) return "-> " + printable(entry->target);
  if (!entry->is_file()) return "special file";
  return readable_size(static_cast<std::uint64_t>(entry->size));
}

// Up to this size a file is read to see whether it is text.
constexpr std::int64_t kLongestText = std::int64_t{1} << 20;

bool may_be_text(const std::optional<Entry>& entry) {
  return !entry || (entry->is_file() && entry->is_kept() && entry->size <= kLongestText);
}

// Nothing when the two are no texts, or equal but for the mode or time.
Result<std::optional<std::string>> texts_diff(const Objects& objects,
                                              const Difference& difference) {
  const auto& [path, before, after] = difference;
  const bool same = before && after && before->content == after->content;
  if (same || !may_be_text(before) || !may_be_text(after)) return std::optional<std::string>();
  std::array<std::string, 2> texts;
  for (const auto& [entry, text] : {std::pair(&before, &texts[0]), std::pair(&after, &texts[1])}) {
    if (!*entry) continue;
    auto content = get_content(objects, (*entry)->content);
    if (!content) return propagate(content);
    *text = std::move(*content);
    if (!is_text(*text)) return std::optional<std::string>();
  }
  return text_diff(path, texts[0], texts[1]);
}

Json side_json(const std::optional<Entry>& entry) {
  if (!entry) return nullptr;
  Json json = {{"mode", entry->mode}, {"size", entry->size}, {"mtime", entry->mtime}};
  if (entry->is_link()) json["target"] = bytes_to_json(entry->target);
  if (!entry->content.empty() && !entry->is_dir()) json["content"] = to_hex(entry->content.id);
  return json;
}

// Directories on both sides, or the same file with something else about it.
bool same_content(const Difference& difference) {
  if (difference.attributes_only()) return true;
  const auto& [path, before, after] = difference;
  return before && after && before->is_kept() && after->is_kept() && before->is_file() &&
         after->is_file() && before->content == after->content && before->size == after->size;
}

std::string looks_of(const Entry& before, const Entry& after) {
  if (before.xattrs != after.xattrs) return "its attributes";
  if (before.mode == after.mode) return "its time";
  const auto octal = [](mode_t mode) {
    std::array<char, 8> text{};
    std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
    return std::string(text.data());
  };
  return octal(before.permissions()) + ", then " + octal(after.permissions());
}

class DiffPrinter {
 public:
  DiffPrinter(const Objects& objects, Console& console) : objects_(objects), console_(console) {}

  Result<void> print(const Difference& difference) {
    if (!difference.is_change()) return {};
    ++count_;
    auto diff = texts_diff(objects_, difference);
    if (!diff) return propagate(diff);
    if (console_.json()) {
      list_.push_back({{"path", bytes_to_json(difference.path)},
                       {"kind", to_string(change_of(difference).kind)},
                       {"before", side_json(difference.before)},
                       {"after", side_json(difference.after)},
                       {"diff", *diff ? Json(**diff) : Json(nullptr)}});
    } else {
      print_text(difference, *diff);
    }
    return {};
  }

  int finish() {
    if (console_.json()) console_.document(dump_pretty({{"differences", std::move(list_)}}));
    if (count_ == 0) console_.say("no difference");
    return kExitOk;
  }

 private:
  void print_text(const Difference& difference, const std::optional<std::string>& diff) {
    std::string text(to_string(change_of(difference).kind));
    text += std::string(10 - text.size(), ' ') + printable(difference.path);
    if (same_content(difference)) {
      text += "  (" + looks_of(*difference.before, *difference.after) + ")";
    } else if (!diff) {
      text +=
          "  (" + what_it_is(difference.before) + ", then " + what_it_is(difference.after) + ")";
    } else if (!diff->empty()) {
      text += "\n" + diff->substr(0, diff->size() - 1);
    }
    console_.document(text);
  }

  const Objects& objects_;
  Console& console_;
  Json list_ = Json::array();
  std::size_t count_ = 0;
};

// What lies there now, in the same directories.
Result<Snapshot> other_side_of(const Store& store, Objects& objects, const std::string& id,
                               const Snapshot& like) {
  if (!id.empty()) return load_snapshot(store, id);
  std::vector<std::string> outside;
  for (const auto& [path, top] : like.outside) {
    if (::access(path.c_str(), F_OK) == 0) outside.push_back(path);
  }
  return look_at_all(store, objects, outside);
}

int diff(const Invocation& invocation, const DiffArguments& arguments, Console& console) {
  return with_objects(
      invocation, console, [&](const Store& store, Objects& objects) -> Result<int> {
        const auto a = load_snapshot(store, arguments.a);
        if (!a) return propagate(a);
        const auto b = other_side_of(store, objects, arguments.b, *a);
        if (!b) return propagate(b);
        DiffPrinter printer(objects, console);
        const auto visit = [&](const Difference& one) { return printer.print(one); };
        std::vector<std::string> paths = arguments.paths;
        if (paths.empty()) {
          paths.emplace_back();
          for (const auto& [path, top] : a->outside) paths.push_back(path);
        }
        for (const std::string& written : paths) {
          const std::string path = in_project(store, written);
          const auto before = find_in(objects, *a, path);
          if (!before) return propagate(before);
          const auto after = find_in(objects, *b, path);
          if (!after) return propagate(after);
          if (auto done = compare(objects, path, *before, *after, visit); !done)
            return propagate(done);
        }
        return printer.finish();
      });
}

// --- prune ---

struct PruneArguments {
  Retention retention;
  std::string older_than;
  std::string max_size;
};

int prune(const Invocation& invocation, PruneArguments& arguments, Console& console) {
  if (const auto age = policy::parse_duration(arguments.older_than)) {
    arguments.retention.not_before = microseconds_now() - static_cast<std::int64_t>(*age) * 1'000;
  }
  if (const auto size = policy::parse_size(arguments.max_size)) arguments.retention.bytes = *size;
  const auto forget = [&](const Store& store, Objects& objects) -> Result<int> {
    const auto pruned = guard::prune(store, objects, arguments.retention);
    if (!pruned) return propagate(pruned);
    const Json body = {{"removed", pruned->removed}, {"freed", pruned->freed}};
    if (!arguments.retention.dry_run) {
      if (auto written = write_down(store, "pruned", body); !written) return propagate(written);
    }
    for (const std::string& why : pruned->kept_back) console.warn(why);
    if (console.json()) {
      console.document(dump_pretty(body));
    } else {
      console.document((arguments.retention.dry_run ? "would forget " : "forgot ") +
                       counted(pruned->removed.size(), "item") + ", " +
                       readable_size(pruned->freed) + " freed");
      for (const std::string& id : pruned->removed) console.say(id);
    }
    return kExitOk;
  };
  return with_objects(invocation, console, forget, Unfinished::kIsSaid);
}

// --- check ---

void print_check(const StoreCheck& checked, Console& console) {
  Json damage = Json::array();
  for (const ObjectDamage& one : checked.damage) {
    damage.push_back({{"where", one.where}, {"what", one.what}});
    if (!console.json()) console.error(printable(one.where) + ": " + printable(one.what));
  }
  if (console.json()) {
    console.document(dump_pretty({{"objects", checked.objects},
                                  {"bytes", checked.bytes},
                                  {"snapshots", checked.snapshots},
                                  {"runs", checked.runs},
                                  {"intact", checked.damage.empty()},
                                  {"damage", std::move(damage)}}));
  } else if (checked.damage.empty()) {
    console.document(counted(checked.objects, "object") + " (" + readable_size(checked.bytes) +
                     "), " + counted(checked.snapshots, "snapshot") + " and " +
                     counted(checked.runs, "run") + ", all intact");
  }
}

int check(const Invocation& invocation, bool repair, Console& console) {
  const auto look = [&](const Store& store, const auto&) -> Result<int> {
    Result<StoreCheck> checked = StoreCheck{};
    {
      auto objects = Objects::open(store);
      if (!objects) return propagate(objects);
      for (const std::string& note : objects->notes()) console.warn(note);
      checked = check_store(store, *objects);
    }
    if (!checked) return propagate(checked);
    print_check(*checked, console);
    if (checked->lost_objects && repair) {
      if (auto dropped = Objects::drop_index(store); !dropped) return propagate(dropped);
      console.say("the next snapshot keeps anew what the project still has of that");
    } else if (checked->lost_objects) {
      console.say(
          "to have the next snapshot keep anew what the project still has of that: mixguard "
          "snapshot check --repair");
    }
    return checked->damage.empty() ? kExitOk : kExitInternal;
  };
  return with_held_store(invocation, console, look, Unfinished::kIsSaid);
}

void define_store_check(CLI::App& verb, Invocation& invocation) {
  const auto repair = std::make_shared<bool>(false);
  CLI::App* sub = add_verb(
      verb, invocation, "check", "Read all that is kept and report every damage",
      [&invocation, repair](Console& console) { return check(invocation, *repair, console); });
  sub->add_flag("--repair", *repair,
                "Then let the next snapshot keep anew what is damaged and still in the project");
}

void define_create(CLI::App& verb, Invocation& invocation) {
  const auto label = std::make_shared<std::string>();
  CLI::App* sub = add_verb(
      verb, invocation, "create", "Keep all of the project as it is now",
      [&invocation, label](Console& console) { return create(invocation, *label, console); });
  sub->add_option("--label", *label, "What to call it");
}

void define_show(CLI::App& verb, Invocation& invocation) {
  const auto arguments = std::make_shared<ShowArguments>();
  CLI::App* sub = add_verb(
      verb, invocation, "show", "What a snapshot or a run holds; one file of a snapshot",
      [&invocation, arguments](Console& console) { return show(invocation, *arguments, console); });
  sub->add_option("ID", arguments->id, "A snapshot or a run (default: last, the newest snapshot)");
  sub->add_option("PATH", arguments->path, "A file, which is printed, or a directory to list")
      ->transform(written_path());
  sub->add_flag("--quarantine", arguments->quarantine,
                "Of a run: what was not committed, and why (mixguard accept ID PATH lets it in)");
}

void define_diff(CLI::App& verb, Invocation& invocation) {
  const auto arguments = std::make_shared<DiffArguments>();
  CLI::App* sub = add_verb(
      verb, invocation, "diff", "What changed since a snapshot, or between two",
      [&invocation, arguments](Console& console) { return diff(invocation, *arguments, console); });
  sub->add_option("A", arguments->a, "A snapshot (default: last, the newest)");
  sub->add_option("B", arguments->b, "Another one (default: the project as it is)");
  sub->add_option("--path", arguments->paths, "Only this path and what is below it; repeatable")
      ->transform(written_path());
}

CLI::Validator parsed_by(std::optional<std::uint64_t> (*parse)(std::string_view),
                         const char* like) {
  return {[parse, like](std::string& text) {
            return parse(text) ? std::string() : "\"" + text + "\" is not like " + like;
          },
          ""};
}

void define_prune(CLI::App& verb, Invocation& invocation) {
  const auto arguments = std::make_shared<PruneArguments>();
  CLI::App* sub = add_verb(verb, invocation, "prune",
                           "Forget snapshots and runs, and free what nothing needs any more",
                           [&invocation, arguments](Console& console) {
                             return prune(invocation, *arguments, console);
                           });
  sub->add_option("ID", arguments->retention.ids, "Forget these");
  sub->add_option("--keep", arguments->retention.count, "Forget all but the newest N")
      ->type_name("N");
  sub->add_option("--older-than", arguments->older_than, "Forget what is older (30d, 12h)")
      ->type_name("AGE")
      ->check(parsed_by(&policy::parse_duration, "30d or 12h"));
  sub->add_option("--max-size", arguments->max_size,
                  "Forget the oldest until the store is no larger (2GiB)")
      ->type_name("SIZE")
      ->check(parsed_by(&policy::parse_size, "2GiB or 500MiB"));
  sub->add_flag("--dry-run", arguments->retention.dry_run, "Show what would be forgotten");
}

}  // namespace

void define_snapshot(CLI::App& app, Invocation& invocation) {
  CLI::App* verb = app.add_subcommand("snapshot", "State kept by runs or by hand");
  verb->require_subcommand(1);
  define_create(*verb, invocation);
  add_verb(*verb, invocation, "list", "What is kept, oldest first",
           [&](Console& console) { return list(invocation, console); });
  define_show(*verb, invocation);
  define_diff(*verb, invocation);
  define_prune(*verb, invocation);
  define_store_check(*verb, invocation);
}

}  // namespace mixguard::guard::cli
