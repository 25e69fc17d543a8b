// SPDX-License-Identifier: Apache-2.0
// Attacks on files: of the home, outside the project, of the project itself.
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <sstream>
#include <thread>

#include "support/attack.hpp"
#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/verdict.hpp"

using namespace mixguard::test;
namespace fs = std::filesystem;

namespace {

constexpr const char* kKey = "-----BEGIN KEY-----";

// A home with what is worth stealing or worth planting in.
void furnish_home(Box& box) {
  fs::create_directories(box.path("home/.ssh"));
  box.write(box.path("home/.ssh/id_rsa"), kKey);
  box.write(box.path("home/.ssh/authorized_keys"), "mine\n");
  box.write(box.path("home/.bashrc"), "# mine\n");
}

Effect mode_changes(const std::string& path) {
  struct stat before{};
  ::stat(path.c_str(), &before);
  return [=](const Probe&) {
    struct stat now{};
    return ::stat(path.c_str(), &now) == 0 && now.st_mode != before.st_mode &&
           ::chmod(path.c_str(), before.st_mode & 07777) == 0;
  };
}

// The file has one more name.
Effect gains_a_name(const std::string& path, const std::string& name) {
  return [=](const Probe&) { return fs::hard_link_count(path) > 1 && fs::remove(name); };
}

Effect becomes(const std::string& path, bool (*what)(const struct stat&)) {
  return [=](const Probe&) {
    struct stat info{};
    return ::lstat(path.c_str(), &info) == 0 && what(info) && ::unlink(path.c_str()) == 0;
  };
}

class Descriptor {
 public:
  Descriptor(const std::string& path, int flags) : fd(::open(path.c_str(), flags)) {
    REQUIRE(fd >= 0);
  }
  ~Descriptor() { ::close(fd); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  const int fd;
};

// Exchanges two names over and over while `action` runs.
void while_swapping(const std::string& a, const std::string& b,
                    const std::function<void()>& action) {
  const pid_t swapper = ::fork();
  if (swapper == 0) {
    for (;;) ::renameat2(AT_FDCWD, a.c_str(), AT_FDCWD, b.c_str(), RENAME_EXCHANGE);
  }
  action();
  ::kill(swapper, SIGKILL);
  ::waitpid(swapper, nullptr, 0);
}

}  // namespace

TEST_CASE("fs_home_key_read: keys in the home directory are out of reach", "[escape]") {
  Box box;
  furnish_home(box);
  if (!can_confine(box)) return;
  const std::string key = box.path("home/.ssh/id_rsa");
  fs::create_symlink(key, box.project("lib/key"));
  const Effect leaks = prints(kKey);
  attack(box, {"direct", {"read", key}, leaks});
  attack(box, {"from_the_project", {"read", "../home/.ssh/id_rsa"}, leaks});
  attack(box, {"own_root", {"read", "/proc/self/root" + key}, leaks});
  attack(box, {"own_directory", {"read", "/proc/self/cwd/../home/.ssh/id_rsa"}, leaks});
  attack(box, {"symlink_in_project", {"read", box.project("lib/key")}, leaks});
  const std::string supervisor = "/proc/" + std::to_string(::getpid());
  attack(box, {"supervisors_root", {"read", supervisor + "/root" + key}, leaks});
  // An ordinary user cannot look through pid 1 outside either: the supervisor's is the control.
  attack(box, {.name = "inits_root",
               .arguments = {"read", "/proc/1/root" + key},
               .effect = leaks,
               .control = Arguments{"read", supervisor + "/root" + key}});
}

TEST_CASE("fs_home_write_persist: nothing is planted in the home directory", "[escape]") {
  Box box;
  furnish_home(box);
  if (!can_confine(box)) return;
  for (const char* name : {".bashrc", ".ssh/authorized_keys"}) {
    const std::string file = box.path("home/") + name;
    attack(box, {name, {"write", file}, changes(file)});
  }
  const std::string autostart = box.path("home/.config/autostart/x");
  attack(box, {"autostart", {"plant", autostart}, makes(autostart)});
  const std::string key = box.path("home/.ssh/id_rsa");
  attack(box, {"mode", {"change_mode", key, "0777"}, mode_changes(key)});
}

TEST_CASE("fs_outside_symlink: a symlink in the project does not lead outside", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string secret = box.path("outside/secret");
  fs::create_symlink(secret, box.project("lib/link"));
  attack(box, {"write_through", {"write", box.project("lib/link")}, changes(secret)});
  attack(box, {"read_through", {"read", box.project("lib/link")}, prints("secret")});
  const std::string planted = box.path("outside/planted");
  // Outside it takes as long as it takes: on a busy machine the two may hardly run at once.
  const auto swap = [&](const std::string& ms) {
    return Arguments{"swap_link", box.project("lib/swap"), box.path("outside"), ms};
  };
  attack(box, {.name = "swapped_while_written",
               .arguments = swap("300"),
               .effect = makes(planted),
               .control = swap("60000")});
  for (const char* path : {"/usr/mixguard-probe", "/mixguard-probe", "/etc/mixguard-probe"}) {
    // An ordinary user could not write them outside either.
    attack(box, {.name = path,
                 .arguments = {"write", path},
                 .effect = makes(path),
                 .without_control = ::geteuid() != 0});
  }
}

TEST_CASE("fs_outside_symlink: what the kernel offers in /proc is read-only", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  // The host's name of core dumps, written back as it is: an effect that harms nobody cannot be
  // seen, so the probe's answer has to do, and the file's content is compared all the same.
  const std::string pattern = "/proc/sys/kernel/core_pattern";
  const std::string before = Box::read(pattern);
  attack(box, {.name = "core_pattern",
               .arguments = {"write", pattern},
               .effect = answers(),
               .without_control = true});
  CHECK(Box::read(pattern) == before);
  attack(box, {.name = "sysrq",
               .arguments = {"write", "/proc/sysrq-trigger"},
               .effect = answers(),
               .without_control = true});
}

TEST_CASE("fs_outside_private: /tmp is private and gone afterwards", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string file = "/tmp/mixguard-probe-" + std::to_string(::getpid());
  attack(box, {"tmp", {"write", file}, makes(file)});
}

TEST_CASE("fs_hardlink_preexisting: a hard link to an outside file is broken before it is written",
          "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string secret = box.path("outside/secret");
  fs::create_hard_link(secret, box.project("lib/hard"));
  attack(box, {"write", {"overwrite", box.project("lib/hard")}, changes(secret)});
  attack(box, {"mode", {"change_mode", box.project("lib/hard"), "0777"}, mode_changes(secret)});
}

TEST_CASE("fs_hardlink_new: no file outside gets a name in the project", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string secret = box.path("outside/secret");
  const std::string name = box.project("lib/name");
  attack(box, {"by_path", {"hard_link", secret, name}, gains_a_name(secret, name)});
  const Descriptor given(secret, O_RDONLY | O_CLOEXEC);
  const Redirected input(STDIN_FILENO, given.fd);
  attack(box, {"by_descriptor", {"link_descriptor", "0", name}, gains_a_name(secret, name)});
}

TEST_CASE("fs_git_hooks_absent: what is planted in .git stays in the view", "[escape]") {
  Box box;
  fs::create_directories(box.project(".git"));
  box.write(box.project(".git/config"), "[core]\n");
  if (!can_confine(box)) return;
  const std::string hook = box.project(".git/hooks/pre-commit");
  attack(box, {"hook", {"plant", hook}, makes(hook)});
  attack(box,
         {"config", {"write", box.project(".git/config")}, changes(box.project(".git/config"))});
  fs::create_directories(box.path("outside/evil.git"));
  const Effect replaced = [&](const Probe&) {
    if (!fs::is_symlink(box.project(".git"))) return false;
    fs::remove(box.project(".git"));
    fs::rename(box.project(".git.aside"), box.project(".git"));
    return true;
  };
  attack(box, {"replaced",
               {"replace_directory", box.project(".git"), box.path("outside/evil.git")},
               replaced});
}

TEST_CASE("fs_project_untouched: the project does not change while the command runs", "[escape]") {
  Box box;
  box.write(box.project("lib/a.ex"), "a\n");
  if (!has_view(box)) return;
  attack(box, {"write", {"write", box.project("lib/a.ex")}, changes(box.project("lib/a.ex"))});
  CHECK(Box::read(box.upper("lib/a.ex")) == "a\npwned\n");  // it did write, into its own view
}

TEST_CASE("fs_setup_symlink_race: a project swapped at the start is refused or the pinned one",
          "[escape]") {
  Box box;
  fs::create_directories(box.path("decoy/lib"));
  box.write(box.path("decoy/mix.exs"), "decoy\n");
  box.write(box.project("mix.exs"), "true\n");
  if (!has_view(box)) return;
  fs::create_directory_symlink(box.path("decoy"), box.path("swap"));
  bool read = false, written = false, control = false;
  int refused = 0, ran = 0;
  const std::string planted = box.path("decoy/lib/planted");
  box.cwd = "/";
  const bool live = GENERATE(false, true);
  if (live) box.go_live();
  while_swapping(box.project(), box.path("swap"), [&] {
    for (int i = 0; i < 40; ++i) {
      const Probe reader = box.run({"read", box.project("mix.exs")});
      const Probe writer = box.run({"write", box.project("lib/planted")});
      for (const Probe* probe : {&reader, &writer}) ++(probe->error.empty() ? ran : refused);
      read = read || reader.output.find("decoy") != std::string::npos;
      written = written || Box::exists(planted);
    }
    for (int i = 0; i < 2000 && !control; ++i) {
      static_cast<void>(box.bare({"write", box.project("lib/planted")}));
      control = fs::remove(planted);
    }
  });
  REQUIRE(control);
  CHECK(ran + refused == 80);
  const std::string kind = live ? "live" : "transaction";
  verdict("read_" + kind, read);
  verdict("write_" + kind, written);
}

TEST_CASE("fs_setup_symlink_race: a project that is another by now stops the run", "[escape]") {
  Box box;
  if (!has_view(box)) return;
  fs::rename(box.project(), box.path("moved"));
  fs::create_directories(box.project("lib"));
  CHECK_THAT(box.run({"write", box.project("lib/x")}).error, Catch::Contains("open_tree"));
  verdict("directory", Box::exists(box.landed("x")));
  fs::remove_all(box.project());
  fs::create_directory_symlink(box.path("outside"), box.project());
  CHECK_THAT(box.run({"write", box.path("outside/x")}).error, Catch::Contains("open_tree"));
  verdict("symlink", Box::exists(box.path("outside/x")));
}

// A directory beside the project that is shown; the descriptor is the test's.
mixguard::sandbox::Tree beside(const Box& box, const mixguard::sandbox::UniqueFd& fd) {
  return {box.path("outside"), box.path("outside"), fd.get(), "", ""};
}

mixguard::sandbox::UniqueFd open_directory(const std::string& path) {
  return mixguard::sandbox::UniqueFd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

TEST_CASE("fs_tree_read_only: a tree without an overlay is read, but for what is masked",
          "[escape]") {
  Box box;
  if (!has_view(box)) return;
  box.write(box.path("outside/.env"), "masked\n");
  const auto fd = open_directory(box.path("outside"));
  box.workspace.trees = {beside(box, fd)};
  box.workspace.masked_files = {box.path("outside/.env")};
  CHECK_THAT(box.run({"read", box.path("outside/secret")}).output, Catch::Contains("secret"));
  verdict("read_masked", box.run({"read", box.path("outside/.env")}).worked());
  CHECK(box.run({"write", box.path("outside/x")}).error.empty());
  verdict("write", Box::exists(box.path("outside/x")));
}

TEST_CASE("fs_tree_overlay: a tree with an overlay is written there alone", "[escape]") {
  Box box;
  if (!has_view(box)) return;
  const auto fd = open_directory(box.path("outside"));
  fs::create_directories(box.path("run/roots/upper"));
  fs::create_directories(box.path("run/roots/work"));
  mixguard::sandbox::Tree tree = beside(box, fd);
  tree.upper = box.path("run/roots/upper");
  tree.work = box.path("run/roots/work");
  box.workspace.trees = {tree};
  const Probe probe = box.run({"write", box.path("outside/x")});
  CHECK(probe.error.empty());
  CHECK(Box::exists(box.path("run/roots/upper/x")));
  verdict("write", Box::exists(box.path("outside/x")));
}

TEST_CASE("fs_tree_race: a tree that is another by now stops the run", "[escape]") {
  Box box;
  if (!has_view(box)) return;
  fs::create_directories(box.path("kept"));
  box.write(box.path("kept/secret"), "secret\n");
  const auto fd = open_directory(box.path("outside"));
  box.workspace.trees = {beside(box, fd)};
  fs::rename(box.path("outside"), box.path("moved"));
  fs::create_directory_symlink(box.path("kept"), box.path("outside"));
  const Probe symlink = box.run({"read", box.path("outside/secret")});
  CHECK_THAT(symlink.error, Catch::Contains("open_tree"));
  verdict("symlink", symlink.output.find("secret") != std::string::npos);
  fs::remove(box.path("outside"));
  fs::rename(box.path("kept"), box.path("outside"));
  const Probe another = box.run({"read", box.path("outside/secret")});
  CHECK_THAT(another.error, Catch::Contains("open_tree"));
  verdict("directory", another.output.find("secret") != std::string::npos);
}

TEST_CASE("fs_setup_symlink_race: a writable path that is a symlink stops the run", "[escape]") {
  Box box;
  if (!has_view(box)) return;
  box.go_live();
  fs::remove(box.project("lib"));
  fs::create_directory_symlink(box.path("outside"), box.project("lib"));
  CHECK_THAT(box.run({"write", box.project("lib/x")}).error, Catch::Contains("open_source"));
  verdict("live_path", Box::exists(box.path("outside/x")));
}

TEST_CASE("fs_fd_inheritance: a descriptor that the caller left open is not inherited",
          "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string secret = box.path("outside/secret");
  const Descriptor file(secret, O_WRONLY | O_APPEND);
  const Descriptor directory(box.path("outside"), O_RDONLY | O_DIRECTORY);
  const Descriptor path(box.path("outside"), O_PATH | O_DIRECTORY);
  attack(box, {"writable", {"write_descriptor", std::to_string(file.fd)}, changes(secret)});
  for (const Descriptor* open : {&directory, &path}) {
    attack(box, {open == &path ? "path" : "directory",
                 {"open_at", std::to_string(open->fd), "secret"},
                 prints("secret")});
  }
}

TEST_CASE("fs_fd_inheritance: what is given for reading is not opened for writing", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string secret = box.path("outside/secret");
  const Descriptor given(secret, O_RDONLY | O_CLOEXEC);
  const Redirected input(STDIN_FILENO, given.fd);
  attack(box, {"reopened", {"reopen", "0"}, changes(secret)});
  // Changed while the run lasts, and as before when it is over.
  attack(box, {"mode_of_given", {"change_mode", "/proc/self/fd/0", "0777"}, mode_changes(secret)});
  attack(box, {"list_of_given", {"grant", "/proc/self/fd/0"}, mode_changes(secret)});
}

TEST_CASE("fs_fd_inheritance: an open file that the caller shares is as before", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const Descriptor log(box.path("outside/secret"), O_WRONLY | O_APPEND | O_CLOEXEC);
  const Redirected input(STDIN_FILENO, log.fd);
  const int before = ::fcntl(log.fd, F_GETFL);
  const Effect flags_change = [&](const Probe&) {
    return ::fcntl(log.fd, F_GETFL) != before && ::fcntl(log.fd, F_SETFL, before) == 0;
  };
  attack(box, {"flags_of_given", {"set_flags", "0", std::to_string(O_NONBLOCK)}, flags_change});
}

TEST_CASE("fs_fd_inheritance: a directory as standard input is refused", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const Descriptor directory(box.path("outside"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  const Redirected input(STDIN_FILENO, directory.fd);
  REQUIRE(prints("secret")(box.bare({"read", "/proc/self/fd/0/secret"})));
  const Probe probe = box.run({"read", "/proc/self/fd/0/secret"});
  CHECK_THAT(probe.error, Catch::Contains("descriptor 0 is a directory"));
  verdict("standard_input", prints("secret")(probe));
}

TEST_CASE("fs_setuid_device: no file gets a privilege and no device is made", "[escape]") {
  Box box;
  if (!can_confine(box)) return;
  const std::string file = box.project("lib/file");
  const std::string landed = box.landed("file");
  const auto both = [&](bool (*what)(const struct stat&)) {
    return either(becomes(landed, what), becomes(file, what));
  };
  const Effect privileged =
      both([](const struct stat& info) { return (info.st_mode & (S_ISUID | S_ISGID)) != 0; });
  for (const char* way : {"setuid_bit", "setuid_path", "setuid_open", "setuid_nameless"}) {
    attack(box, {way, {way, file}, privileged});
    fs::remove(landed);
  }
  // Linux 6.6
  attack(box, {.name = "setuid_newer_call",
               .arguments = {"setuid_newer_call", file},
               .effect = privileged,
               .without_control = !box.bare({"setuid_newer_call", box.path("control")}).worked()});
  fs::remove(landed);
  // Devices and file capabilities are root's.
  const bool root = ::geteuid() == 0;
  attack(box, {.name = "device",
               .arguments = {"device_node", file},
               .effect = both([](const struct stat& info) { return S_ISCHR(info.st_mode); }),
               .without_control = !root});
  fs::remove(landed);
  const Effect capable = [&](const Probe&) {
    for (const std::string& path : {landed, file}) {
      if (::lgetxattr(path.c_str(), "security.capability", nullptr, 0) > 0)
        return ::unlink(path.c_str()) == 0;
    }
    return false;
  };
  attack(box, {.name = "file_capability",
               .arguments = {"file_capability", file},
               .effect = capable,
               .without_control = !root});
}

TEST_CASE("fs_ghost_files: a supervisor that is killed leaves nothing in the tree", "[escape]") {
  Box box;
  box.write(box.project("lib/a.ex"), "a\n");
  if (!can_confine(box)) return;
  const auto names = [](const std::string& directory) {
    std::vector<std::string> all;
    for (const auto& entry : fs::recursive_directory_iterator(directory))
      all.push_back(entry.path().string());
    std::sort(all.begin(), all.end());
    return all;
  };
  const auto project = names(box.project()), home = names(box.path("home"));
  // Of the box: others mount and unmount elsewhere meanwhile.
  const auto mounts_here = [&] {
    std::istringstream all(Box::read("/proc/self/mountinfo"));
    std::string here;
    for (std::string line; std::getline(all, line);) {
      if (line.find(box.path("")) != std::string::npos) here += line + '\n';
    }
    return here;
  };
  const std::string mounts = mounts_here();
  const std::string late = box.project("lib/late");
  // The control arm: without the sandbox a process outlives what started it.
  const pid_t plain = ::fork();
  if (plain == 0) {
    static_cast<void>(box.bare({"survivor", late}));
    ::_exit(0);
  }
  ::waitpid(plain, nullptr, 0);
  REQUIRE(eventually([&] { return fs::remove(late); }));

  const pid_t supervisor = ::fork();
  if (supervisor == 0) {
    static_cast<void>(box.run({"survive_and_sleep", late}));
    ::_exit(0);
  }
  while (Box::read(box.path("stdout")).find("left behind") == std::string::npos) wait_ms(5);
  ::kill(supervisor, SIGKILL);
  ::waitpid(supervisor, nullptr, 0);
  wait_ms(1200);
  verdict("late_write", Box::exists(box.landed("late")) || Box::exists(late));
  verdict("project", names(box.project()) != project);
  verdict("home", names(box.path("home")) != home);
  verdict("mounts", mounts_here() != mounts);
  verdict("processes", any_with_argument(late));
}
