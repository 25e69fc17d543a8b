// SPDX-License-Identifier: Apache-2.0
//
// What is read back of records that anyone with the user's rights may have changed: the entry of
// the trust list, an approval, and the audit log.

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

#include "guard/approvals.hpp"
#include "guard/audit/log.hpp"
#include "guard/digest.hpp"
#include "guard/files.hpp"
#include "guard/trust.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {

using namespace mixguard;
using guard::AuditLog;
using guard::LogCheck;

// A project with a store, and a state directory. Removed at the end of the process.
class World {
 public:
  World() {
    std::string name = std::filesystem::temp_directory_path().string() + "/mixguard-fuzz-XXXXXX";
    fuzz::claim(::mkdtemp(name.data()) != nullptr, "a directory can be made");
    root_ = name;
    ::setenv("XDG_STATE_HOME", (root_ + "/state").c_str(), 1);
    std::filesystem::create_directories(root_ + "/state/mixguard/trust");
    std::filesystem::create_directories(root_ + "/state/mixguard/approvals");
    std::filesystem::create_directories(project());
  }
  ~World() { std::filesystem::remove_all(root_); }
  World(const World&) = delete;
  World& operator=(const World&) = delete;

  [[nodiscard]] std::string project() const { return root_ + "/project"; }
  [[nodiscard]] std::string approval(const std::string& id) const {
    return root_ + "/state/mixguard/approvals/" + id;
  }
  [[nodiscard]] std::string entry_of(const std::string& path) const {
    return root_ + "/state/mixguard/trust/" + guard::sha256_hex(path);
  }

 private:
  std::string root_;
};

void write(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
}

void claim_trust(const World& world, const std::string& text) {
  const std::string policy = "/home/u/shop/.mixguard.toml";
  const std::string content = "version = 1\n";
  write(world.entry_of(policy), text);
  const auto trust = guard::trust_of(policy, content);
  const bool is_right = text == content;
  fuzz::claim(trust.has_value(), "an entry can be read");
  fuzz::claim((*trust == guard::Trust::kTrusted) == is_right, "only the text itself is trusted");
}

void claim_approvals(const World& world, const std::string& text) {
  const std::string id = "0123456789ab";
  write(world.approval(id), text);
  fuzz::claim(guard::list_approvals().has_value(), "approvals can be listed");
  const auto found = guard::find_approval(id);
  fuzz::claim(found.has_value(), "an approval can be looked for");
  fuzz::claim(!*found || (*found)->id == id, "an approval has the id of what it is for");
}

LogCheck check(const AuditLog& log) {
  auto checked = log.verify();
  fuzz::claim(checked.has_value(), "a log can be checked");
  return std::move(*checked);
}

void claim_tail(const AuditLog& log, const LogCheck& checked) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{3}}) {
    const auto tail = log.tail(count);
    fuzz::claim(tail.has_value(), "a log has a tail");
    fuzz::claim(tail->size() == std::min<std::size_t>(count, checked.records),
                "a tail has as many records as there are");
  }
}

void claim_log(const guard::Store& store, const std::string& text) {
  write(store.path() + "/log.jsonl", text);
  auto log = AuditLog::open(store);
  fuzz::claim(log.has_value(), "a log can be opened");
  const LogCheck before = check(*log);
  claim_tail(*log, before);
  const auto appended = log->append("decided", {{"n", 1}});
  const LogCheck after = check(*log);
  if (!appended) {
    fuzz::claim(!before.damage.empty(), "only a damaged log takes no record");
    return;
  }
  fuzz::claim(after.records == before.records + 1, "a record is added");
  fuzz::claim(!after.torn_tail, "a torn tail is gone after a record was added");
  fuzz::claim(after.damage.size() == before.damage.size(), "adding a record damages none");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const World kWorld;
  static const auto kStore = guard::Store::open(kWorld.project());
  fuzz::claim(kStore.has_value(), "a store can be made");
  const std::string text = fuzz::text_of(data, size);
  claim_trust(kWorld, text);
  claim_approvals(kWorld, text);
  claim_log(*kStore, text);
  return 0;
}
