// SPDX-License-Identifier: Apache-2.0
#include "guard/approvals.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/binding.hpp"
#include "guard/files.hpp"
#include "guard/snapshot/json_bytes.hpp"
#include "guard/snapshot/store.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::guard {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kIdDigits = 12;
constexpr std::size_t kMost = 64;

std::int64_t now() {
  return std::chrono::duration_cast<std::chrono::seconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

Result<std::string> directory() {
  const std::string state = state_directory();
  if (state.empty())
    return fail("no place to keep approvals in: neither XDG_STATE_HOME nor HOME is set");
  return state + "/approvals";
}

bool is_id(const std::string& text) {
  return text.size() == kIdDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

Json lineage_json(const std::vector<Process>& lineage) {
  Json list = Json::array();
  for (const Process& one : lineage)
    list.push_back({one.pid, one.parent, one.session, one.terminal, one.started, one.uid});
  return list;
}

std::vector<Process> lineage_from(const Json& list) {
  std::vector<Process> lineage;
  for (const Json& one : list) {
    lineage.push_back({one.at(0).get<pid_t>(), one.at(1).get<pid_t>(), one.at(2).get<pid_t>(),
                       one.at(3).get<int>(), one.at(4).get<std::uint64_t>(),
                       one.at(5).get<uid_t>()});
  }
  return lineage;
}

std::string text_at(const Json& document, const char* key) {
  return bytes_from_json(document.at(key)).value_or("");
}

void read_binding(const Json& binding, Approval& approval) {
  for (const Json& word : binding.at("argv"))
    approval.argv.push_back(bytes_from_json(word).value_or(""));
  approval.cwd = text_at(binding, "cwd");
  approval.project = text_at(binding, "project");
  approval.mode = text_at(binding, "mode");
  approval.is_dry_run = binding.at("dry_run").get<bool>();
  const Json& environment = binding.at("environment");
  if (environment.contains("MIX_ENV")) approval.mix_env = text_at(environment, "MIX_ENV");
  for (const auto& [name, value] : environment.items()) {
    const bool is_secret = value.is_object() && value.contains("sha256");
    approval.environment.push_back(name + "=" +
                                   (is_secret ? "(secret)" : bytes_from_json(value).value_or("")));
  }
  approval.files = binding.at("files").at("count").get<std::size_t>();
}

// The document carries its own digest (unsealed), and the question that of what it is about, so
// that what is shown is what is granted.
std::optional<Approval> parse(const std::string& text) {
  const std::optional<Json> document = unsealed(text);
  if (!document) return std::nullopt;
  try {
    Approval approval;
    const Json& binding = document->at("binding");
    approval.digest = digest_of(binding);
    approval.id = id_of(binding);
    read_binding(binding, approval);
    approval.question = document->at("question").get<std::string>();
    approval.asked = document->at("asked").get<std::int64_t>();
    approval.expires = document->at("expires").get<std::int64_t>();
    approval.asker = lineage_from(document->at("asker"));
    approval.pid_namespace = document->at("pid_namespace").get<std::uint64_t>();
    if (const Json& given = document->at("grant"); !given.is_null()) {
      approval.grant =
          Grant{given.at("at").get<std::int64_t>(), given.at("until").get<std::int64_t>(),
                given.at("uid").get<std::uint32_t>()};
      approval.expires = approval.grant->until;
    }
    return approval;
  } catch (const Json::exception&) {
    return std::nullopt;
  }
}

struct Entry {
  Json document;
  Approval approval;
};

// Nothing when it is not there, damaged or somebody else's.
std::optional<Entry> load(const std::string& path) {
  const auto text = read_own_file(path);
  if (!text || !*text) return std::nullopt;
  auto approval = parse(**text);
  if (!approval) return std::nullopt;
  return Entry{*unsealed(**text), std::move(*approval)};
}

Result<void> forget(const std::string& path) {
  if (::unlink(path.c_str()) == 0 || errno == ENOENT) return {};
  return fail("remove " + path + ": " + std::strerror(errno), errno);
}

// Every one that has not expired, newest first; the others are forgotten on the way.
Result<std::vector<Approval>> sweep(const std::string& directory) {
  std::vector<Approval> kept;
  const std::unique_ptr<DIR, DirectoryCloser> listing(::opendir(directory.c_str()));
  if (!listing && errno == ENOENT) return kept;
  if (!listing) return fail("list " + directory + ": " + std::strerror(errno), errno);
  while (const dirent* entry = ::readdir(listing.get())) {
    if (!is_id(entry->d_name)) continue;
    const std::string path = join_path(directory, entry->d_name);
    auto loaded = load(path);
    if (!loaded) continue;
    if (loaded->approval.expires > now()) {
      kept.push_back(std::move(loaded->approval));
    } else if (auto forgotten = forget(path); !forgotten) {
      return propagate(forgotten);
    }
  }
  std::sort(kept.begin(), kept.end(),
            [](const Approval& a, const Approval& b) { return a.asked > b.asked; });
  return kept;
}

std::optional<Entry> load_current(const std::string& path) {
  auto loaded = load(path);
  if (loaded && loaded->approval.expires <= now()) loaded.reset();
  return loaded;
}

// Questions make room for questions; what was granted stays.
Result<void> make_room(const std::string& directory, const std::vector<Approval>& newest_first) {
  std::size_t questions = 0;
  for (const Approval& approval : newest_first) {
    if (approval.grant || ++questions < kMost) continue;
    if (auto gone = forget(join_path(directory, approval.id)); !gone) return gone;
  }
  return {};
}

bool is_grant_for(const std::optional<Entry>& entry, const std::string& digest) {
  return entry && entry->approval.digest == digest && entry->approval.grant;
}

}  // namespace

Result<Approval> ask(const Json& binding, const std::string& question) {
  const Result<std::string> where = directory();
  if (!where) return propagate(where);
  auto asker = lineage_of(::getpid());
  if (!asker) return propagate(asker);
  auto others = sweep(*where);
  if (!others) return propagate(others);
  if (auto made = make_room(*where, *others); !made) return propagate(made);
  const std::int64_t asked = now();
  const Json document{{"binding", binding},
                      {"question", question},
                      {"asked", asked},
                      {"expires", asked + std::chrono::seconds(kQuestionLasts).count()},
                      {"asker", lineage_json(*asker)},
                      {"pid_namespace", pid_namespace()},
                      {"grant", nullptr}};
  const std::string text = sealed(document);
  std::optional<Approval> approval = parse(text);
  if (!approval) return fail("a question that cannot be read back");
  if (auto written = write_file(join_path(*where, approval->id), text); !written)
    return propagate(written);
  return std::move(*approval);
}

Result<std::optional<Grant>> use_grant(const Json& binding) {
  const Result<std::string> where = directory();
  if (!where) return std::optional<Grant>();  // nowhere to keep one: there is none
  const std::string digest = digest_of(binding);
  const std::string path = join_path(*where, id_of(binding));
  if (!is_grant_for(load_current(path), digest)) return std::optional<Grant>();
  // Only what is ours alone is looked at again: by now the name may be another question's.
  const std::string claimed = path + ".used-" + new_run_id();
  if (::rename(path.c_str(), claimed.c_str()) != 0) {
    if (errno == ENOENT) return std::optional<Grant>();
    return fail("use the approval " + path + ": " + std::strerror(errno), errno);
  }
  const auto loaded = load_current(claimed);
  if (!is_grant_for(loaded, digest)) {
    static_cast<void>(
        ::renameat2(AT_FDCWD, claimed.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE));
    return std::optional<Grant>();
  }
  if (auto forgotten = forget(claimed); !forgotten) return propagate(forgotten);
  const sandbox::UniqueFd parent(::open(where->c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!parent || ::fsync(parent.get()) != 0)
    return fail("fsync " + *where + ": " + std::strerror(errno), errno);
  return loaded->approval.grant;
}

Result<std::vector<Approval>> list_approvals() {
  const Result<std::string> where = directory();
  if (!where) return propagate(where);
  return sweep(*where);
}

Result<std::optional<Approval>> find_approval(const std::string& id) {
  const Result<std::string> where = directory();
  if (!where) return propagate(where);
  if (!is_id(id)) return std::optional<Approval>();
  auto loaded = load_current(join_path(*where, id));
  if (!loaded || loaded->approval.id != id) return std::optional<Approval>();
  return std::optional(std::move(loaded->approval));
}

Result<Grant> grant(const Approval& question, std::chrono::seconds lasts) {
  const Result<std::string> where = directory();
  if (!where) return propagate(where);
  const std::string path = join_path(*where, question.id);
  const auto loaded = load_current(path);
  if (!loaded || loaded->approval.digest != question.digest)
    return fail("question " + question.id + " is gone, or about another command by now", ENOENT);
  const std::int64_t at = now();
  const Grant given{at, at + lasts.count(), ::getuid()};
  Json document = loaded->document;
  document["grant"] = {{"at", given.at}, {"until", given.until}, {"uid", given.uid}};
  if (auto written = write_file(path, sealed(document)); !written) return propagate(written);
  return given;
}

}  // namespace mixguard::guard
