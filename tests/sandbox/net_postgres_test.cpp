// SPDX-License-Identifier: Apache-2.0
// A real PostgreSQL outside, reached from inside through a relay: over TCP and over its socket.
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "support/host.hpp"
#include "support/mode.hpp"
#include "support/net_world.hpp"

using mixguard::test::Box;
using mixguard::test::eventually;
using mixguard::test::free_port;
using mixguard::test::has_view;
using mixguard::test::Meanwhile;
using mixguard::test::Probe;

namespace {

// The directory of initdb and postgres of the newest version, or empty.
std::string server_programs() {
  std::vector<std::string> found;
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", error)) {
    const std::string programs = entry.path().string() + "/bin";
    if (Box::exists(programs + "/initdb")) found.push_back(programs);
  }
  std::sort(found.begin(), found.end());
  return found.empty() ? std::string() : found.back();
}

// PostgreSQL refuses to run as root.
void become_ordinary() {
  if (::geteuid() != 0) return;
  if (::setgroups(0, nullptr) != 0 || ::setgid(65534) != 0 || ::setuid(65534) != 0) ::_exit(1);
}

int run(const std::vector<std::string>& words) {
  become_ordinary();
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  const int nowhere = ::open("/dev/null", O_RDWR);
  ::dup2(nowhere, STDOUT_FILENO);
  ::dup2(nowhere, STDERR_FILENO);
  if (::chdir("/") != 0) return 126;
  ::setenv("LC_ALL", "C", 1);
  ::execv(argv[0], argv.data());
  return 127;
}

class Cluster {
 public:
  Cluster(const std::string& programs, const std::string& directory)
      : directory_(directory), port_(free_port()) {
    std::filesystem::create_directories(data());
    std::filesystem::permissions(directory, std::filesystem::perms(0777));
    if (::geteuid() == 0) {
      // The box itself must be passed through.
      std::filesystem::permissions(std::filesystem::path(directory).parent_path(),
                                   std::filesystem::perms(0755));
      REQUIRE(::chown(data().c_str(), 65534, 65534) == 0);
    }
    REQUIRE(Meanwhile([&] {
              return run({programs + "/initdb", "-D", data(), "-U", "tester", "-A", "trust", "-N",
                          "--no-locale"});
            }).wait() == 0);
    server_.emplace([&] {
      return run({programs + "/postgres", "-D", data(), "-p", port_, "-k", directory_, "-c",
                  "listen_addresses=127.0.0.1", "-c", "fsync=off", "-c", "shared_buffers=1MB"});
    });
    // The socket is there before the server lets anybody in.
    REQUIRE(eventually([&] {
      return Meanwhile([&] {
               return run({programs + "/pg_isready", "-q", "-h", directory_, "-p", port_});
             }).wait() == 0;
    }));
  }
  // Killed, it would leave its shared memory behind.
  ~Cluster() { server_->stop(SIGQUIT); }
  Cluster(const Cluster&) = delete;
  Cluster& operator=(const Cluster&) = delete;
  std::string data() const { return directory_ + "/data"; }
  std::string socket() const { return directory_ + "/.s.PGSQL." + port_; }
  const std::string& directory() const { return directory_; }
  const std::string& port() const { return port_; }

 private:
  std::string directory_, port_;
  std::optional<Meanwhile> server_;
};

Probe query(Box& box, const std::string& programs, const std::string& host, const Cluster& cluster,
            const std::string& sql) {
  return box.run_program(programs + "/psql",
                         {"-X", "-q", "-A", "-t", "-h", host, "-p", cluster.port(), "-U", "tester",
                          "-c", sql, "postgres"});
}

}  // namespace

TEST_CASE("net_unix_path: PostgreSQL is reached over TCP and over its listed socket", "[net]") {
  Box box;
  if (!has_view(box)) return;
  const std::string programs = server_programs();
  if (programs.empty()) {
    WARN("skipped: no PostgreSQL server (apt install postgresql)");
    return;
  }
  const Cluster cluster(programs, box.path("pg"));
  const std::string local = "unix:" + cluster.socket();
  const std::string tcp = "127.0.0.1:" + cluster.port();

  box.confinement.net = {tcp};
  CHECK(query(box, programs, "127.0.0.1", cluster, "select 40 + 2").output == "42\n");
  CHECK(query(box, programs, "localhost", cluster, "select 40 + 2").output == "42\n");
  CHECK(query(box, programs, cluster.directory(), cluster, "select 1").outcome.code != 0);

  box.confinement.net = {local};
  CHECK(query(box, programs, cluster.directory(), cluster, "select 40 + 2").output == "42\n");
  CHECK(query(box, programs, "127.0.0.1", cluster, "select 1").outcome.code != 0);

  // Ten megabytes out and back, counted by the server.
  const Probe many =
      query(box, programs, cluster.directory(), cluster, "select repeat('x', 10000000)");
  CHECK(std::count(many.output.begin(), many.output.end(), 'x') == 10'000'000);

  box.confinement.net = {};
  CHECK(query(box, programs, "127.0.0.1", cluster, "select 1").outcome.code != 0);
}
