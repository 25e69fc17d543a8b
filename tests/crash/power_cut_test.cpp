// SPDX-License-Identifier: Apache-2.0

// Cuts the power at the system calls by which a commit, a rollback and a recovery change something,
// on ext4 and xfs: mounted again and recovered, the project is the one from before or the one from
// after, to the byte; and once a call has returned, what it did is there. The control arms lose
// data with the same means.

#include <linux/filter.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <climits>
#include <cstddef>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "guard/audit/log.hpp"
#include "guard/snapshot/objects.hpp"
#include "guard/snapshot/rollback.hpp"
#include "guard/snapshot/transaction.hpp"
#include "tests/crash/support/disk.hpp"
#include "tests/crash/support/scenario.hpp"
#include "tests/crash/support/victim.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::can_cut_power;
using testing::changes_of;
using testing::Cut;
using testing::Disk;
using testing::killed_at;
using testing::Scenario;
using testing::SeenAsDirty;
using testing::start_counting;
using testing::TreeState;
using testing::World;
using testing::write_file;

// A project on a disk of its own, mounted only while something is done there.
class Rig {
 public:
  explicit Rig(const std::string& kind) : disk_(kind, project_.root()) {}

  // Has `prepare` done and the disk as it is then kept.
  void prepare(const std::function<void(const World&)>& prepare) {
    mounted([&] { prepare(project_); });
    disk_.keep();
  }
  void rewind() { disk_.rewind(); }

  void mounted(const std::function<void()>& body) {
    disk_.mount();
    body();
    disk_.unmount();
  }
  // The power goes right before the `step`th change. False: `act` came to its end, and then it
  // goes.
  bool cut_at(int step, Cut how, const std::function<bool()>& act) {
    bool early = false;
    mounted([&] {
      early = killed_at(step, act, [&] { disk_.cut(how); });
      if (!early) disk_.cut(how);
    });
    return early;
  }
  // `act` dies right before its `step`th change and is done again; then the power goes. False: it
  // came to its end the first time.
  bool cut_after_death(int step, Cut how, const std::function<bool()>& act) {
    bool died = false;
    mounted([&] {
      died = killed_at(step, act);
      REQUIRE_FALSE(killed_at(INT_MAX, act));
      disk_.cut(how);
    });
    return died;
  }
  int count(const std::function<bool()>& act) {
    int changes = 0;
    mounted([&] { changes = changes_of(act); });
    return changes;
  }
  TreeState state(testing::Times times) {
    TreeState found;
    mounted([&] { found = project_.state(times); });
    return found;
  }
  [[nodiscard]] const World& project() const { return project_; }

 private:
  World project_;
  Disk disk_;
};

// Cuts at one of `stride` steps of `act`, another one each time; what it leaves must be sound.
class Sweep {
 public:
  Sweep(const std::string& kind, Scenario scenario, int stride)
      : rig_(kind), scenario_(std::move(scenario)), stride_(stride) {
    rig_.prepare(scenario_.prepare);
    before_ = rig_.state(scenario_.times);
    rig_.rewind();
    changes_ = rig_.count([&] { return act(); });
    after_ = rig_.state(scenario_.times);
    REQUIRE(before_ != after_);
    REQUIRE(changes_ > 10);
  }

  void cuts(Cut how, int offset) {
    for (int step = 1 + offset % stride_; step <= changes_; step += stride_) {
      INFO("power cut at step " << step << " of " << changes_);
      rig_.rewind();
      // Waiting for the file system's clock may take more steps or fewer than it did.
      const bool early = rig_.cut_at(step, how, [&] { return act(); });
      check(early ? before_ : after_);
    }
  }

  // Once it has returned it is done: no way back to before.
  void cut_afterwards(Cut how) {
    INFO("power cut after the end");
    rig_.rewind();
    REQUIRE_FALSE(rig_.cut_at(INT_MAX, how, [&] { return act(); }));
    check(after_);
  }

  // The power goes in the middle and again during the recovery.
  void cuts_of_recovery(Cut how) {
    for (int step = stride_; step <= changes_; step += stride_ * 3) {
      const int again = 1 + step * 7 % 23;
      INFO("power cut at step " << step << " of " << changes_ << ", and of recovery at " << again);
      rig_.rewind();
      rig_.cut_at(step, how, [&] { return act(); });
      rig_.cut_at(again, how, [&] { return testing::recover_all(rig_.project()); });
      check(before_);
    }
  }

  // How many cuts leave anything but what they should.
  int broken(Cut how) {
    int count = 0;
    for (int step = 1; step <= changes_; step += stride_) {
      rig_.rewind();
      rig_.cut_at(step, how, [&] { return act(); });
      rig_.mounted([&] { count += is_sound() ? 0 : 1; });
    }
    return count;
  }

 private:
  bool act() const { return scenario_.act(rig_.project()); }

  void check(const TreeState& before) {
    rig_.mounted([&] { testing::check_sound(rig_.project(), before, after_, scenario_.times); });
  }
  bool is_sound() {
    if (!recover(rig_.project().store())) return false;
    const TreeState state = rig_.project().state(scenario_.times);
    return state == before_ || state == after_;
  }

  Rig rig_;
  Scenario scenario_;
  int stride_;
  TreeState before_;
  TreeState after_;
  int changes_ = 0;
};

// Makes what syncs return at once, as if it had.
bool without_syncs() {
  std::array<sock_filter, 6> code = {
      sock_filter{BPF_LD | BPF_W | BPF_ABS, 0, 0, offsetof(seccomp_data, nr)},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 2, 0, SYS_fsync},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 1, 0, SYS_fdatasync},
      sock_filter{BPF_JMP | BPF_JEQ | BPF_K, 0, 1, SYS_syncfs},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ERRNO | 0},
      sock_filter{BPF_RET | BPF_K, 0, 0, SECCOMP_RET_ALLOW},
  };
  sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void sweep(const Scenario& scenario, int stride) {
  testing::use_memory();
  const std::string kind = GENERATE("ext4", "xfs");
  const bool one_by_one = GENERATE(false, true);
  INFO(kind << (one_by_one ? ", objects synced one by one" : ", synced at once"));
  const SeenAsDirty dirty(one_by_one);
  Sweep swept(kind, scenario, stride);
  // Together they come by every step.
  int offset = one_by_one ? 2 : 0;
  for (const Cut how : {Cut::kJournalKept, Cut::kJournalLost}) {
    INFO((how == Cut::kJournalKept ? "journal kept" : "journal lost"));
    swept.cuts(how, offset++);
    swept.cut_afterwards(how);
  }
  swept.cuts_of_recovery(Cut::kJournalKept);
}

TEST_CASE("a commit whose power is cut leaves the tree from before or from after", "[power]") {
  if (can_cut_power()) sweep(testing::commits(), 4);
}

TEST_CASE("a rollback whose power is cut leaves the tree from before or from after", "[power]") {
  if (can_cut_power()) sweep(testing::rollback_of_one(), 4);
}

TEST_CASE("a rollback of some paths whose power is cut leaves one of two trees", "[power]") {
  if (can_cut_power()) sweep(testing::rollback_of_paths(), 8);
}

TEST_CASE("a rollback of several runs whose power is cut leaves one of two trees", "[power]") {
  if (can_cut_power()) sweep(testing::rollback_of_several(), 4);
}

TEST_CASE("going back to a snapshot whose power is cut leaves one of two trees", "[power]") {
  if (can_cut_power()) sweep(testing::restoring(), 8);
}

TEST_CASE("control: the same commit without its syncs loses data in a power cut", "[power]") {
  if (!can_cut_power()) return;
  testing::use_memory();
  const std::string kind = GENERATE("ext4", "xfs");
  const SeenAsDirty dirty(false);
  Scenario scenario = testing::commits();
  scenario.act = [act = scenario.act](const World& project) {
    return without_syncs() && act(project);
  };
  const int broken = Sweep(kind, scenario, 5).broken(Cut::kJournalKept);
  INFO(kind);
  CHECK(broken > 0);
}

TEST_CASE("control: files exchanged without a sync are empty after a power cut", "[power]") {
  if (!can_cut_power()) return;
  testing::use_memory();
  const std::string kind = GENERATE("ext4", "xfs");
  const bool synced = GENERATE(false, true);
  INFO(kind);
  Rig rig(kind);
  const std::string root = rig.project().root();
  constexpr int kFiles = 20;
  rig.prepare([](const World& project) {
    for (int i = 0; i < kFiles; ++i) project.write("f" + std::to_string(i), "old");
  });
  const auto exchange = [&] {
    start_counting();
    for (int i = 0; i < kFiles; ++i) {
      const std::string path = root + "/f" + std::to_string(i);
      write_file(path + ".new", "new");
      const tree::UniqueFd fd(::open((path + ".new").c_str(), O_RDONLY | O_CLOEXEC));
      if (synced && ::fsync(fd.get()) < 0) return false;
      if (::syscall(SYS_renameat2, AT_FDCWD, (path + ".new").c_str(), AT_FDCWD, path.c_str(),
                    RENAME_EXCHANGE) < 0)
        return false;
    }
    return true;
  };
  rig.cut_at(INT_MAX, Cut::kJournalKept, exchange);
  int empty = 0;
  rig.mounted([&] {
    for (int i = 0; i < kFiles; ++i) {
      if (fs::file_size(root + "/f" + std::to_string(i)) == 0) ++empty;
    }
  });
  CHECK(empty == (synced ? 0 : kFiles));
}

// Carries out one run that writes `a`; the rest is left to the patterns.
bool write_a(const World& project, const std::vector<std::string>& patterns) {
  const auto fill = [](const Transaction& run) {
    write_file(run.upper() + "/a", "ours");
    write_file(run.upper() + "/refused", "kept aside");
  };
  return testing::commit_filled(project, {"test", patterns}, fill, start_counting);
}

TEST_CASE("after a power cut the undo set and the quarantine are what they were", "[power]") {
  if (!can_cut_power()) return;
  testing::use_memory();
  const std::string kind = GENERATE("ext4", "xfs");
  const bool one_by_one = GENERATE(false, true);
  const bool commits = GENERATE(true, false);
  INFO(kind << (one_by_one ? ", one by one" : ", at once") << (commits ? "" : ", nothing commits"));
  const SeenAsDirty dirty(one_by_one);
  Rig rig(kind);
  const World& project = rig.project();
  rig.prepare([](const World& at) { REQUIRE(at.store().exists()); });
  const auto act = [&] {
    // Still in memory only, as what an editor has just saved is.
    project.write("a", "theirs, not on disk yet");
    return write_a(project, {commits ? "a" : "none"});
  };
  rig.cut_at(INT_MAX, Cut::kJournalKept, act);
  rig.mounted([&] {
    const Store store = project.store();
    REQUIRE(recover(store));
    REQUIRE(store.runs()->size() == 1);
    CHECK(testing::read_file(store.run_path(store.runs()->front()) + "/quarantine/refused") ==
          "kept aside");
    if (!commits) return;
    CHECK(project.read("a") == "ours");
    REQUIRE(rollback(store, "last", {}));
    CHECK(project.read("a") == "theirs, not on disk yet");
  });
}

TEST_CASE("an object that is put again after a killed put survives a power cut", "[power]") {
  if (!can_cut_power()) return;
  testing::use_memory();
  const std::string kind = GENERATE("ext4", "xfs");
  // Longer than what is gathered in memory.
  const std::string content = testing::noise(std::size_t{2} << 20, 1);
  Rig rig(kind);
  rig.prepare([](const World& project) { REQUIRE(project.store().exists()); });
  const auto keep = [&] {
    const Store store = rig.project().store();
    start_counting();
    auto objects = Objects::open(store);
    return objects && objects->put(content) && objects->commit();
  };
  bool died = true;
  int step = 1;
  for (; died; ++step) {
    INFO(kind << ", killed at step " << step);
    rig.rewind();
    died = rig.cut_after_death(step, Cut::kJournalKept, keep);
    rig.mounted([&] {
      const Objects objects = testing::open_objects(rig.project().store());
      CHECK((objects.get(object_id_of(content)) == content));
      CHECK(objects.check()->damage.empty());
    });
  }
  CHECK(step > 6);
}

// A number that the victim and this process share.
class Shared {
 public:
  Shared()
      : at_(static_cast<int*>(::mmap(nullptr, sizeof(int), PROT_READ | PROT_WRITE,
                                     MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~Shared() { ::munmap(at_, sizeof(int)); }
  Shared(const Shared&) = delete;
  Shared& operator=(const Shared&) = delete;
  int& value() { return *at_; }

 private:
  int* at_;
};

TEST_CASE("a record whose writing has returned survives a power cut, and the chain is whole",
          "[power]") {
  if (!can_cut_power()) return;
  testing::use_memory();
  const std::string kind = GENERATE("ext4", "xfs");
  const Cut how = GENERATE(Cut::kJournalKept, Cut::kJournalLost);
  Rig rig(kind);
  rig.prepare([](const World& project) { REQUIRE(project.store().exists()); });
  Shared written;
  const auto act = [&] {
    written.value() = 0;
    const auto log_of = [](const Store& store) { return AuditLog::open(store); };
    const Store store = rig.project().store();
    start_counting();
    auto log = log_of(store);
    for (int i = 0; log && i < 4; ++i) {
      if (!log->append("ended", {{"out", std::string(3000, 'x')}})) return false;
      ++written.value();
    }
    return log.has_value();
  };
  bool cut = true;
  int step = 1;
  for (; cut; ++step) {
    INFO(kind << ", step " << step);
    rig.rewind();
    cut = rig.cut_at(step, how, act);
    rig.mounted([&] {
      auto log = AuditLog::open(rig.project().store());
      REQUIRE(log);
      const auto found = log->verify();
      REQUIRE(found);
      CHECK(found->damage.empty());
      CHECK(found->records >= static_cast<std::uint64_t>(written.value()));
      REQUIRE(log->append("recovered", nlohmann::ordered_json::object()));
      const auto now = log->verify();
      CHECK((now && now->damage.empty() && !now->torn_tail));
    });
  }
  CHECK(step > 8);
}

}  // namespace
}  // namespace mixguard::guard
