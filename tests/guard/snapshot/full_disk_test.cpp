// SPDX-License-Identifier: Apache-2.0

// With no space left everything fails with a clear error, the project stays as it was, and with
// space again all is in order.

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "guard/audit/log.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/preimage.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/transaction.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

using testing::exists;
using testing::expect;
using testing::noise;
using testing::on_small_disk;
using testing::Project;
using testing::read_file;
using testing::write_file;

template <typename T>
void expect_full(const Result<T>& result) {
  expect(!result, "went on without space");
  expect(result.error().code == ENOSPC, result.error().message);
  expect(result.error().message.ends_with(": No space left on device"), result.error().message);
}

constexpr const char* kSmall = "2m,nr_inodes=200";

// Takes all the space there is, or all the inodes; gives it back when it goes.
enum class Shortage { kSpace, kInodes };
class Filler {
 public:
  Filler(std::string path, Shortage shortage) : path_(std::move(path)) {
    shortage == Shortage::kSpace ? take_space() : take_inodes();
  }
  ~Filler() { std::filesystem::remove_all(path_); }
  Filler(const Filler&) = delete;
  Filler& operator=(const Filler&) = delete;

 private:
  void take_space() const {
    const int fd = ::open(path_.c_str(), O_WRONLY | O_CREAT, 0600);
    const std::string block(4096, 'x');
    while (::write(fd, block.data(), block.size()) > 0) {
    }
    ::close(fd);
  }
  void take_inodes() const {
    ::mkdir(path_.c_str(), 0700);
    for (int i = 0;; ++i) {
      const std::string name = path_ + "/" + std::to_string(i);
      if (::mknod(name.c_str(), S_IFREG | 0600, 0) < 0) break;
    }
    expect(errno == ENOSPC, "there are inodes left");
  }

  std::string path_;
};

TEST_CASE("a commit on a full disk leaves the project as it was") {
  if (!testing::can_mount_overlays()) return;
  const Shortage shortage = GENERATE(Shortage::kSpace, Shortage::kInodes);
  Project project;
  on_small_disk(project.root(), kSmall, [&] {
    project.write("a", "old");
    const Store store = project.store();
    {
      auto transaction = Transaction::begin(store, new_run_id(), {});
      expect(transaction.has_value(), "begin");
      write_file(transaction->upper() + "/a", "new");
      write_file(transaction->upper() + "/b", "new");
      // Put aside first, which takes an inode; later on the whiteout of the store gives one back.
      write_file(transaction->upper() + "/refused", "new");
      const auto set = transaction->changes({"test", {"a", "b"}});
      expect(set.has_value(), "changes");
      const Filler filler(store.path() + "/filler", shortage);
      expect_full(transaction->commit(*set));
      expect(!transaction->intended(), "intended");
      expect(read_file(project.at("a")) == "old" && !exists(project.at("b")), "project changed");
    }
    const auto recovered = recover(store);
    expect(recovered && recovered->size() == 1, "recover");
    expect(recovered->front().outcome == Recovery::Outcome::kDiscarded, "outcome");
    expect(read_file(project.at("a")) == "old" && !exists(project.at("b")), "project changed");
    expect(store.runs()->empty(), "litter");
  });
}

TEST_CASE("a run does not begin on a full disk") {
  if (!testing::can_mount_overlays()) return;
  const Shortage shortage = GENERATE(Shortage::kSpace, Shortage::kInodes);
  Project project;
  on_small_disk(project.root(), kSmall, [&] {
    project.write("a", std::string(100000, 'a'));
    const Store store = project.store();
    {
      const Filler filler(store.path() + "/filler", shortage);
      expect_full(Transaction::begin(store, new_run_id(), {}));
      expect_full(Preimage::capture(store, new_run_id(), {"a"}));
    }
    expect(recover(store).has_value(), "recover");
    expect(store.runs()->empty(), "litter");
  });
}

TEST_CASE("a rollback on a full disk changes nothing and works afterwards") {
  if (!testing::can_mount_overlays()) return;
  const Shortage shortage = GENERATE(Shortage::kSpace, Shortage::kInodes);
  Project project;
  on_small_disk(project.root(), kSmall, [&] {
    project.write("a", "old");
    const Store store = project.store();
    auto transaction = Transaction::begin(store, new_run_id(), {});
    write_file(transaction->upper() + "/a", "new");
    expect(transaction->commit(*transaction->changes({"test", {"**"}})).has_value(), "commit");
    {
      const Filler filler(store.path() + "/filler", shortage);
      expect_full(rollback(store, "last", {}));
      expect(read_file(project.at("a")) == "new", "project changed");
    }
    expect(recover(store).has_value(), "recover");
    expect(rollback(store, "last", {}).has_value(), "rollback");
    expect(read_file(project.at("a")) == "old", "not rolled back");
  });
}

TEST_CASE("objects that do not fit are refused, and kept once there is space") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  on_small_disk(project.root(), "8m", [&] {
    const Store store = project.store();
    auto objects = Objects::open(store);
    expect(objects.has_value(), "open");
    const auto first = objects->put("first");
    expect(first && objects->commit(), "first");
    std::vector<ObjectId> taken;
    {
      const Filler filler(store.path() + "/filler", Shortage::kSpace);
      // What was put is gathered in memory for a while.
      auto put = objects->put(noise(300000, 0));
      for (unsigned i = 1; put && i < 10; ++i) {
        taken.push_back(*put);
        put = objects->put(noise(300000, i));
      }
      expect_full(put);
      expect_full(objects->commit());
      expect(objects->get(*first) == "first", "get");
    }
    expect(taken.size() > 2, "nothing was gathered");
    const auto later = objects->put("later");
    expect(later && objects->commit(), "commit");
    taken.push_back(*later);
    taken.push_back(*first);
    const auto again = Objects::open(store);
    expect(again && again->notes().empty(), "notes");
    for (const ObjectId& id : taken) expect(again->get(id).has_value(), "lost");
    expect(again->check()->damage.empty(), "damage");
  });
}

TEST_CASE("what filled the disk before it was committed does not lock its store") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  on_small_disk(project.root(), "8m", [&] {
    const Store store = project.store();
    std::vector<ObjectId> taken;
    {
      auto objects = Objects::open(store);
      expect(objects && objects->put("first") && objects->commit(), "first");
      for (unsigned i = 0; i < 8000; ++i) {
        const auto id = objects->put(noise(1000, i));
        if (!id) break;
        taken.push_back(*id);
      }
      expect_full(objects->commit());
    }
    auto filler = std::make_unique<Filler>(store.path() + "/filler", Shortage::kSpace);
    auto objects = Objects::open(store);
    expect(objects.has_value(), objects ? "" : objects.error().message);
    expect(!objects->notes().empty(), "notes");
    expect(objects->get(object_id_of("first")) == "first", "first is lost");
    expect(objects->get(taken.front()) == noise(1000, 0), "what was written is not found");
    expect(objects->check()->damage.empty(), "damage");
    expect(objects->put(noise(100000, 9000)).has_value(), "put");
    expect_full(objects->commit());
    filler.reset();
    expect(::mount("tmpfs", project.root().c_str(), "tmpfs", MS_REMOUNT, "size=16m") == 0, "grow");
    expect(objects->commit().has_value(), "commit");
    objects = Objects::open(store);
    expect(objects && objects->notes().empty(), "notes afterwards");
    expect(objects->has(taken.front()), "what was written is not indexed");
    expect(objects->check()->damage.empty(), "damage afterwards");
  });
}

TEST_CASE("a compaction that does not fit loses nothing") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  on_small_disk(project.root(), "8m", [&] {
    const Store store = project.store();
    auto objects = Objects::open(store);
    const auto large = objects->put(noise(2000000, 1));
    const auto live = objects->put(noise(1000000, 2));
    expect(large && live && objects->commit(), "commit");
    const auto is_live = [&](const ObjectId& id) { return id == *live; };
    {
      const Filler filler(store.path() + "/filler", Shortage::kSpace);
      expect_full(objects->compact(is_live));
      expect(objects->get(*live).has_value(), "get");
      const auto again = Objects::open(store);
      expect(again.has_value(), again ? "" : again.error().message);
      expect(again->get(*live).has_value(), "get after open");
    }
    objects = Objects::open(store);
    expect(objects && objects->compact(is_live).value_or(0) >= 2000000, "compact");
    expect(objects->get(*live) == noise(1000000, 2), "lost");
    expect(objects->check()->damage.empty(), "damage");
  });
}

TEST_CASE("a record that does not fit is not written in part") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  on_small_disk(project.root(), kSmall, [&] {
    const Store store = project.store();
    auto log = AuditLog::open(store);
    expect(log && log->append("begun", nlohmann::ordered_json::object()), "append");
    {
      const Filler filler(store.path() + "/filler", Shortage::kSpace);
      const std::string large(100000, 'x');
      expect_full(log->append("ended", {{"out", large}}));
      const auto check = log->verify();
      expect(check && check->records == 1 && !check->torn_tail && check->damage.empty(), "log");
    }
    expect(log->append("ended", nlohmann::ordered_json::object()).value_or(0) == 2, "append again");
    expect(log->verify()->damage.empty(), "chain");
  });
}

}  // namespace
}  // namespace mixguard::guard
