// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/transaction.hpp"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

namespace fs = std::filesystem;
using testing::in_overlay;
using testing::lines;
using testing::Project;
using testing::read_file;
using testing::run;
using testing::Times;
using testing::write_file;
using Lines = std::vector<std::string>;

const Lines kAll = {"**"};

TEST_CASE("a commit brings exactly what the command wrote") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "old");
  project.write("lib/gone.ex", "bye");
  project.write("lib/moved.ex", "moved");
  project.write("bin/tool", "#!");
  project.write("same.txt", "same");
  const Store store = project.store();
  const auto done = run(store, kAll, [] {
    write_file("lib/a.ex", "new");
    write_file("lib/b.ex", "created");
    fs::remove("lib/gone.ex");
    fs::rename("lib/moved.ex", "lib/there.ex");
    ::chmod("bin/tool", 0755);
    fs::create_symlink("lib/a.ex", "link");
    fs::create_directory("empty");
  });
  CHECK(lines(done.set) == Lines{"modified bin/tool", "created empty", "modified lib/a.ex",
                                 "created lib/b.ex", "deleted lib/gone.ex", "deleted lib/moved.ex",
                                 "created lib/there.ex", "created link"});
  CHECK(done.late.empty());
  CHECK(project.read("lib/a.ex") == "new");
  CHECK(project.read("lib/b.ex") == "created");
  CHECK_FALSE(project.has("lib/gone.ex"));
  CHECK_FALSE(project.has("lib/moved.ex"));
  CHECK(project.read("lib/there.ex") == "moved");
  CHECK((fs::status(project.at("bin/tool")).permissions() & fs::perms::owner_exec) !=
        fs::perms::none);
  CHECK(fs::read_symlink(project.at("link")) == "lib/a.ex");
  CHECK(fs::is_empty(project.at("empty")));
  CHECK(testing::overlay_residue(project.root()).empty());
  CHECK(read_file(done.upper + "/lib/a.ex") == "old");
  CHECK(read_file(done.upper + "/lib/gone.ex") == "bye");
  CHECK_FALSE(testing::exists(store.run_path(done.run_id) + "/work"));
}

TEST_CASE("nothing changes before the commit, and a discard leaves no trace") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "old");
  const Store store = project.store();
  const auto before = project.state();
  auto transaction = Transaction::begin(store, new_run_id(), {});
  REQUIRE(transaction);
  in_overlay(project.root(), transaction->upper(), transaction->work(), [] {
    write_file("lib/a.ex", "new");
    fs::remove_all("lib");
    write_file("deep/er/x", "x");
    fs::permissions("deep", fs::perms::none);
  });
  REQUIRE(transaction->changes({"test", kAll}));
  CHECK(project.state() == before);
  REQUIRE(transaction->discard());
  CHECK(project.state() == before);
  CHECK(store.runs()->empty());
  REQUIRE(store.empty_trash([] { return false; }));
  CHECK(fs::is_empty(project.root() + "/.mixguard/trash"));
  CHECK(fs::is_empty(project.root() + "/.mixguard/active"));
}

// As the kernel makes it, in its full depth.
void close_inside(const std::string& work) {
  fs::create_directories(work + "/work/incompat/volatile");
  for (const char* closed : {"/work/incompat/volatile", "/work/incompat", "/work"})
    ::chmod((work + closed).c_str(), 0);
}

TEST_CASE("no directory in the trash is closed to its owner, whatever the kernel made") {
  Project project;
  Project outside;
  const Store store = project.store();
  auto transaction =
      Transaction::begin(store, new_run_id(), {}, {{outside.root(), {"**"}, {}}}, "_build");
  REQUIRE(transaction);
  const std::vector<Transaction::Overlay> others = transaction->overlays_outside();
  close_inside(transaction->work());
  close_inside(others.at(0).work);
  SECTION("discarded") { REQUIRE(transaction->discard()); }
  SECTION("committed") {
    write_file(transaction->upper() + "/a", "new");
    write_file(others.at(0).upper + "/a", "new");
    const auto set = transaction->changes({"test", kAll});
    REQUIRE(set);
    REQUIRE(transaction->commit(*set));
    REQUIRE(outside.read("a") == "new");
  }
  SECTION("given up and found by a recovery") {
    transaction = fail("gone");
    REQUIRE(recover(store)->size() == 1);
  }
  int innermost = 0;
  for (const auto& entry : fs::recursive_directory_iterator(project.at(".mixguard/trash"))) {
    if (!entry.is_directory()) continue;
    INFO(entry.path());
    CHECK((entry.status().permissions() & fs::perms::owner_all) == fs::perms::owner_all);
    if (entry.path().filename() == "volatile") ++innermost;
  }
  CHECK(innermost == 2);
}

TEST_CASE("types may change both ways") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("file_to_dir", "f");
  project.write("dir_to_file/x", "x");
  project.write("dir_to_link/x", "x");
  fs::create_symlink("file_to_dir", project.at("link_to_file"));
  const Store store = project.store();
  const auto done = run(store, kAll, [] {
    fs::remove("file_to_dir");
    write_file("file_to_dir/inside", "i");
    fs::remove_all("dir_to_file");
    write_file("dir_to_file", "now a file");
    fs::remove_all("dir_to_link");
    fs::create_symlink("file_to_dir", "dir_to_link");
    fs::remove("link_to_file");
    write_file("link_to_file", "plain");
  });
  CHECK(lines(done.set) == Lines{"modified dir_to_file", "deleted dir_to_file/x",
                                 "modified dir_to_link", "deleted dir_to_link/x",
                                 "modified file_to_dir", "created file_to_dir/inside",
                                 "modified link_to_file"});
  CHECK(project.read("file_to_dir/inside") == "i");
  CHECK(project.read("dir_to_file") == "now a file");
  CHECK(fs::read_symlink(project.at("dir_to_link")) == "file_to_dir");
  CHECK_FALSE(fs::is_symlink(project.at("link_to_file")));
  CHECK(read_file(done.upper + "/dir_to_link/x") == "x");
}

TEST_CASE("a directory that was deleted and made again is replaced as a whole") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("deps/a/old.ex", "old");
  project.write("deps/a/same.ex", "same");
  project.write("deps/a/sub/deep.ex", "deep");
  project.write("untouched/x", "x");
  fs::create_directory(project.at("hollow"));
  const Store store = project.store();
  const auto done = run(store, {"deps/**"}, [] {
    fs::remove_all("deps/a");
    write_file("deps/a/new.ex", "new");
    write_file("deps/a/same.ex", "same!");
    fs::remove("hollow");
    fs::create_directory("hollow");
  });
  CHECK(lines(done.set) == Lines{"modified deps/a", "created deps/a/new.ex",
                                 "deleted deps/a/old.ex", "modified deps/a/same.ex",
                                 "deleted deps/a/sub", "deleted deps/a/sub/deep.ex"});
  CHECK(project.read("deps/a/new.ex") == "new");
  CHECK(project.read("deps/a/same.ex") == "same!");
  CHECK_FALSE(project.has("deps/a/old.ex"));
  CHECK_FALSE(project.has("deps/a/sub"));
  CHECK(testing::overlay_residue(project.root()).empty());
  SECTION("and the next overlay sees it as it is") {
    run(store, kAll, [] {
      if (read_file("deps/a/new.ex") != "new") throw std::runtime_error("new.ex");
      if (testing::exists("deps/a/old.ex")) throw std::runtime_error("old.ex");
    });
  }
}

TEST_CASE("a replaced directory is withheld whole when one loss in it is not allowed") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("priv/keep.txt", "keep");
  project.write("priv/a.sql", "old");
  project.write("gone/a.sql", "a");
  project.write("gone/b.txt", "b");
  const Store store = project.store();
  const auto before = project.state();
  const auto done = run(store, {"priv", "priv/*.sql", "gone", "gone/*.sql"}, [] {
    fs::remove_all("priv");
    write_file("priv/a.sql", "new");
    fs::remove_all("gone");
  });
  CHECK(lines(done.set) == Lines{"quarantine gone", "quarantine gone/a.sql",
                                 "quarantine gone/b.txt", "quarantine priv",
                                 "quarantine priv/a.sql", "quarantine priv/keep.txt"});
  CHECK(project.state() == before);
  CHECK(read_file(store.run_path(done.run_id) + "/quarantine/priv/a.sql") == "new");
}

TEST_CASE("names may hold any bytes and have any length") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  const std::string newline = "new\nline";
  const std::string invalid = "\xff\xfe\x80";
  const std::string longest(255, 'n');
  const std::string dash = "-rf ";
  for (const auto& name : {newline, invalid, longest, dash}) project.write(name, "old");
  const Store store = project.store();
  const auto done = run(store, kAll, [&] {
    for (const auto& name : {newline, invalid, longest}) write_file(name, "new");
    fs::remove(dash);
    write_file("dir/" + invalid + "/" + newline, "created");
  });
  CHECK(done.set.changes.size() == 7);
  for (const auto& name : {newline, invalid, longest}) CHECK(project.read(name) == "new");
  CHECK_FALSE(project.has(dash));
  CHECK(project.read("dir/" + invalid + "/" + newline) == "created");
}

TEST_CASE("a path may be longer than any system call takes") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  const Store store = project.store();
  const auto dig = [](char letter, int depth) {
    return [step = std::string(200, letter), depth] {
      for (int i = 0; i < depth; ++i) {
        if (::mkdir(step.c_str(), 0755) < 0 || ::chdir(step.c_str()) < 0)
          throw std::runtime_error("dig");
      }
      write_file("bottom", "deep");
    };
  };
  const auto done = run(store, kAll, dig('d', 40));
  CHECK(done.set.changes.size() == 41);
  CHECK(done.set.changes.back().path.size() > 8000);
  CHECK(project.has(std::string(200, 'd')));
  SECTION("but not so long that it only serves to exhaust") {
    const auto deeper = run(store, {"none"}, dig('e', 400));
    CHECK(deeper.set.changes.size() < 100);
    CHECK_FALSE(deeper.set.has(Disposition::kCommit));
  }
}

TEST_CASE("hard links stay links on either side") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "shared");
  fs::create_hard_link(project.at("a"), project.at("b"));
  fs::create_hard_link(project.at("a"), project.at("c"));
  const Store store = project.store();
  const auto done = run(store, kAll, [] {
    write_file("a", "changed");
    write_file("b", "changed too");
    write_file("new1", "n");
    fs::create_hard_link("new1", "new2");
  });
  CHECK(done.late.empty());
  CHECK(project.read("a") == "changed");
  CHECK(project.read("b") == "changed too");
  CHECK(project.read("c") == "shared");
  CHECK(fs::hard_link_count(project.at("new1")) == 2);
}

TEST_CASE("what the task may not write goes to the quarantine and the rest is committed") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("lib/a.ex", "a");
  project.write("_build/dev/x", "x");
  const Store store = project.store();
  const auto done = run(store, {"_build/**", "new/deep/*.txt"}, [] {
    write_file("lib/a.ex", "evil");
    write_file("_build/dev/x", "y");
    write_file("_build/dev/y", "y");
    fs::create_symlink("/etc/passwd", "_build/dev/link");
    write_file("new/deep/ok.txt", "ok");
    write_file("new/deep/not.md", "no");
    write_file("other/x", "x");
  });
  CHECK(lines(done.set) == Lines{"quarantine _build/dev/link", "modified _build/dev/x",
                                 "created _build/dev/y", "quarantine lib/a.ex", "created new",
                                 "created new/deep", "quarantine new/deep/not.md",
                                 "created new/deep/ok.txt", "quarantine other",
                                 "quarantine other/x"});
  CHECK(done.set.changes[3].why == "not among what `test` may write");
  CHECK(project.read("lib/a.ex") == "a");
  CHECK(project.read("_build/dev/x") == "y");
  CHECK(project.read("new/deep/ok.txt") == "ok");
  CHECK_FALSE(project.has("new/deep/not.md"));
  CHECK_FALSE(project.has("other"));
  const std::string quarantine = store.run_path(done.run_id) + "/quarantine/";
  CHECK(read_file(quarantine + "lib/a.ex") == "evil");
  CHECK(read_file(quarantine + "new/deep/not.md") == "no");
  CHECK(read_file(quarantine + "other/x") == "x");
  CHECK_FALSE(testing::exists(done.upper + "/lib"));
}

TEST_CASE("what runs the next time a person works here is never committed") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write(".git/config", "[core]");
  project.write(".git/HEAD", "ref");
  const Store store = project.store();
  const auto done = run(store, {"**", ".envrc"}, [] {
    write_file(".git/config", "[core] fsmonitor = evil");
    write_file(".git/hooks/pre-commit", "evil");
    write_file(".git/HEAD", "other");
    write_file(".mixguard.toml", "default = 'allow'");
    write_file(".vscode/tasks.json", "{}");
    write_file("apps/x/.git/config", "x");
    write_file("apps/y/.git/HEAD", "harmless");
    write_file("apps/y/.git/config", "not so");
    write_file("apps/z/.git", "gitdir: /elsewhere");
    write_file("deps/dep/.git/config", "a git dependency needs it");
    write_file(".envrc", "named literally");
  });
  CHECK(lines(done.set) == Lines{"created .envrc",
                                 "modified .git/HEAD",
                                 "quarantine .git/config",
                                 "quarantine .git/hooks",
                                 "quarantine .git/hooks/pre-commit",
                                 "quarantine .mixguard.toml",
                                 "quarantine .vscode",
                                 "quarantine .vscode/tasks.json",
                                 "created apps",
                                 "created apps/x",
                                 "quarantine apps/x/.git",
                                 "quarantine apps/x/.git/config",
                                 "created apps/y",
                                 "created apps/y/.git",
                                 "created apps/y/.git/HEAD",
                                 "quarantine apps/y/.git/config",
                                 "created apps/z",
                                 "quarantine apps/z/.git",
                                 "created deps",
                                 "created deps/dep",
                                 "created deps/dep/.git",
                                 "created deps/dep/.git/config"});
  CHECK(project.read(".git/config") == "[core]");
  CHECK_FALSE(project.has(".git/hooks/pre-commit"));
}

TEST_CASE("sockets, fifos, privileges and symlinks that lead out are not kept") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a/b/c", "c");
  const Store store = project.store();
  const auto done = run(store, kAll, [&] {
    ::mkfifo("fifo", 0644);
    const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    address.sun_path[0] = 's';
    ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    write_file("suid", "x");
    ::chmod("suid", 04755);
    fs::create_symlink("../x", "out");
    fs::create_symlink("/etc", "absolute");
    fs::create_symlink("a/b/../../..", "winding");
    fs::create_symlink("../c", "a/b/inside");
    fs::create_symlink(project.root() + "/a", "own");
  });
  CHECK(lines(done.set) == Lines{"created a/b/inside", "quarantine absolute", "quarantine fifo",
                                 "quarantine out", "created own", "quarantine s", "quarantine suid",
                                 "quarantine winding"});
  CHECK_FALSE(project.has("fifo"));
}

TEST_CASE("hidden paths do not exist for the command and are never touched") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write(".env", "secret");
  project.write("config/.env.dev", "secret");
  project.write("config/dev.exs", "config");
  ::chmod(project.at("config").c_str(), 0750);
  const Store store = project.store();
  const std::vector<std::string> hidden = {".env", "config/.env.dev", "none/such"};
  SECTION("not seen") {
    const auto done = run(
        store, kAll,
        [] {
          if (testing::exists(".env") || testing::exists("config/.env.dev") ||
              testing::exists(".mixguard") || testing::exists("none"))
            throw std::runtime_error("seen");
          if (!testing::exists("config/dev.exs")) throw std::runtime_error("hides too much");
        },
        hidden);
    CHECK(done.set.changes.empty());
    CHECK(store.runs()->empty());
  }
  SECTION("what the command makes there is quarantined") {
    const auto done = run(
        store, kAll,
        [] {
          write_file(".env", "mine");
          write_file(".mixguard/log.jsonl", "forged");
        },
        hidden);
    CHECK(lines(done.set) ==
          Lines{"quarantine .env", "quarantine .mixguard", "quarantine .mixguard/log.jsonl"});
    CHECK(project.read(".env") == "secret");
  }
  SECTION("a directory with one in it cannot be deleted") {
    const auto done = run(store, kAll, [] { fs::remove_all("config"); }, hidden);
    CHECK(lines(done.set) ==
          Lines{"quarantine config", "quarantine config/.env.dev", "quarantine config/dev.exs"});
    CHECK(project.read("config/.env.dev") == "secret");
  }
}

TEST_CASE("what somebody changed meanwhile is theirs, and ours is kept aside") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  for (const char* name : {"edited", "replaced", "deleted", "both", "dir/x", "dir2/x", "other"})
    project.write(name, "base");
  const Store store = project.store();
  const auto done = run(
      store, kAll,
      [] {
        for (const char* name : {"edited", "replaced", "deleted", "both", "other"})
          write_file(name, "ours");
        write_file("appeared", "ours");
        fs::remove_all("dir");
        fs::remove_all("dir2");
      },
      {},
      [&] {
        project.write("edited", "theirs");
        project.write("replaced.tmp", "theirs");
        fs::rename(project.at("replaced.tmp"), project.at("replaced"));
        fs::remove(project.at("deleted"));
        project.write("appeared", "theirs");
        project.write("dir/x", "theirs");
        project.write("dir2/y", "theirs");
      });
  CHECK(lines(done.set) == Lines{"conflict appeared", "modified both", "conflict deleted",
                                 "conflict dir", "conflict dir/x", "conflict dir2",
                                 "conflict dir2/x", "conflict dir2/y", "conflict edited",
                                 "modified other", "conflict replaced"});
  CHECK(project.read("edited") == "theirs");
  CHECK(project.read("replaced") == "theirs");
  CHECK(project.read("appeared") == "theirs");
  CHECK(project.read("dir/x") == "theirs");
  CHECK(project.read("both") == "ours");
  const std::string quarantine = store.run_path(done.run_id) + "/quarantine/";
  CHECK(read_file(quarantine + "edited") == "ours");
  CHECK(read_file(quarantine + "deleted") == "ours");
}

TEST_CASE("a change between the listing and the commit is a conflict as well") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "base");
  project.write("b", "base");
  const Store store = project.store();
  auto transaction = Transaction::begin(store, new_run_id(), {});
  REQUIRE(transaction);
  in_overlay(project.root(), transaction->upper(), transaction->work(), [] {
    write_file("a", "ours");
    write_file("b", "ours");
    write_file("c", "ours");
  });
  const auto set = transaction->changes({"test", kAll});
  REQUIRE(set);
  project.write("a", "theirs");
  project.write("c", "theirs");
  REQUIRE(transaction->commit(*set));
  CHECK(transaction->late_conflicts().size() == 2);
  CHECK(project.read("a") == "theirs");
  CHECK(project.read("b") == "ours");
  CHECK(project.read("c") == "theirs");
}

TEST_CASE("a copy without a change is no change") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("a", "same");
  project.write("b", "same");
  const Store store = project.store();
  const auto before = project.state();
  const auto done = run(store, kAll, [] {
    const int fd = ::open("a", O_RDWR);  // overlayfs copies the file for this alone
    ::close(fd);
    ::chmod("b", 0600);
    ::chmod("b", 0644);
  });
  CHECK(done.set.changes.empty());
  CHECK(project.state() == before);
  CHECK(store.runs()->empty());
}

TEST_CASE("a directory's mode is a change of its own") {
  if (!testing::can_mount_overlays()) return;
  Project project;
  project.write("dir/x", "x");
  project.write("kept/x", "x");
  const Store store = project.store();
  const auto done = run(store, {"dir", "new/**"}, [] {
    ::chmod("dir", 0700);
    ::chmod("kept", 0700);
    write_file("new/readonly/x", "x");
    ::chmod("new/readonly/x", 0400);
    ::chmod("new/readonly", 0500);
  });
  CHECK(lines(done.set) == Lines{"mode dir", "quarantine kept", "created new",
                                 "created new/readonly", "created new/readonly/x"});
  CHECK(fs::status(project.at("dir")).permissions() == fs::perms::owner_all);
  CHECK(fs::status(project.at("new/readonly")).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_exec));
  CHECK(testing::overlay_residue(project.root()).empty());
}

}  // namespace
}  // namespace mixguard::guard
