// SPDX-License-Identifier: Apache-2.0
//
// What the builtin catalogue says of tasks of libraries and tools, and which flags it knows.
#include <algorithm>

#include "policy/builtin.hpp"
#include "tests/policy/support.hpp"

namespace mixguard::policy::test {
namespace {

bool has_flag(std::string_view task, std::string_view name) {
  const catalog::Task* entry = find_builtin(task);
  REQUIRE(entry != nullptr);
  return std::any_of(entry->flags.begin(), entry->flags.end(),
                     [&](const catalog::Flag& flag) { return flag.name == name; });
}

TEST_CASE("generators and checks of libraries are everyday work") {
  const auto line = GENERATE(
      as<std::string>(), "mix ash.gen.domain MyApp.Support",
      "mix ash.gen.resource MyApp.Support.Ticket -u id -a subject:string:required:public "
      "-r belongs_to:author:MyApp.Author --extend postgres,MyApp.Extension",
      "mix ash.gen.enum MyApp.Status open,closed", "mix ash.codegen add_tickets", "mix ash.migrate",
      "mix ash_postgres.migrate --tenants --step 2",
      "mix ash_postgres.generate_migrations add_tickets --dry-run",
      "mix ash_postgres.gen.resources MyApp.Support --tables public.tickets,users",
      "mix ash_phoenix.gen.html MyApp.Support MyApp.Support.Ticket",
      "mix igniter.gen.task my_app.seed", "mix igniter.refactor.rename_module MyApp.A MyApp.B",
      "mix igniter.refactor.rename_function MyApp.A.f/1 MyApp.A.g/1 --deprecate soft",
      "mix phoenix_live_view.upgrade 1.0.0 1.1.0", "mix absinthe.schema.sdl schema.graphql",
      "mix spark.formatter --extensions MyApp.Dsl --check", "mix sbom.cyclonedx -t json",
      "mix expo.msgfmt priv/gettext/de/LC_MESSAGES/default.po", "mix recode.gen.config",
      "mix usage_rules.docs Enum.map/2", "mix boundary.ex_doc_groups",
      "mix phx.gen.schema Blog.Post posts title slug:string:unique",
      "mix phx.gen.notifier Accounts User welcome reset_password",
      "mix phx.gen.embedded Blog.Post a:string");
  INFO(line);
  CHECK(verdicts(line) == "allow allow ask deny");
}

TEST_CASE("installers that fetch and run code of others, and what destroys, ask") {
  const auto line = GENERATE(
      as<std::string>(), "mix igniter.install ash_postgres", "mix igniter.install ash@3.4 --yes",
      "mix igniter.add req", "mix igniter.upgrade --all", "mix igniter.new my_app --install ash",
      "mix ash.install", "mix ash_postgres.install -r MyApp.Repo -y", "mix tidewave.install",
      "mix usage_rules.sync AGENTS.md --all", "mix nimble_parsec.compile lib/parser.ex.exs",
      "mix ash_postgres.drop", "mix ash_postgres.rollback -n 1", "mix ash.tear_down",
      "mix ash_postgres.squash_snapshots", "mix nerves.clean --all", "mix burn",
      "mix firmware.unpack", "mix nerves.system.shell", "mix certdata",
      "mix absinthe.schema.json --json-codec Jason");
  INFO(line);
  CHECK(verdicts(line) == "ask ask ask deny");
}

TEST_CASE("firmware and native libraries are built for production too") {
  const auto line =
      GENERATE(as<std::string>(), "mix firmware --verbose", "mix firmware.image my_app.img",
               "mix compile.nerves_package", "mix nerves.deps.get", "mix nerves.artifact system",
               "mix elixir_make.precompile", "mix compile --no-optional-deps");
  INFO(line);
  CHECK(verdicts(line) == "allow allow allow allow");
}

TEST_CASE("what publishes, and what brings code from anywhere into ~/.mix, is denied everywhere") {
  const auto line = GENERATE(as<std::string>(), "mix hex.publish package --yes",
                             "mix hex.retire x 1.0.0 security", "mix hex.owner add x y",
                             "mix hex.user key generate", "mix local.public_keys x.pem",
                             "mix archive.install hex phx_new", "mix archive.install http://x/y.ez",
                             "mix archive.uninstall ../../x", "mix escript.install hex x");
  INFO(line);
  CHECK(verdicts(line) == "deny deny deny deny");
}

TEST_CASE("what is installed from a file of the project, or by Mix itself, is asked for") {
  const auto line =
      GENERATE(as<std::string>(), "mix archive.install x-0.1.0.ez", "mix archive.uninstall x-0.1.0",
               "mix escript.install tool", "mix local.hex --force", "mix local.rebar --if-missing");
  INFO(line);
  CHECK(verdicts(line) == "ask ask ask deny");
}

TEST_CASE("a flag that runs, obeys or leaves the project is refused") {
  const auto [line, expected] = GENERATE(table<std::string, std::string>({
      {"mix sobelow --diff x", "deny E_FLAG_UNKNOWN"},
      {"mix compile --erl-config x", "deny E_FLAG_UNKNOWN"},
      {"mix compile.elixir --tracer MyApp.Tracer", "deny E_FLAG_UNKNOWN"},
      {"mix source MyApp --open", "deny E_FLAG_UNKNOWN"},
      {"mix burn --device /dev/sda", "deny E_FLAG_UNKNOWN"},
      {"mix burn -d /dev/sda", "deny E_FLAG_UNKNOWN"},
      {"mix igniter.new x --with phx.new", "deny E_FLAG_UNKNOWN"},
      {"mix igniter.new x --local ../igniter", "deny E_FLAG_UNKNOWN"},
      {"mix igniter.install x --scribe /tmp/x", "deny E_FLAG_UNKNOWN"},
      {"mix igniter.install x@github:someone/x", "deny E_ARG"},
      {"mix igniter.install x@path:../x", "deny E_ARG"},
      {"mix deps.partition --port 4000", "deny E_FLAG_UNKNOWN"},
      {"mix phx.new x --dev", "deny E_FLAG_UNKNOWN"},
      {"mix coveralls --token x", "deny E_FLAG_UNKNOWN"},
      {"mix tailwind.install https://example.com/x", "deny E_ARG"},
      {"mix usage_rules.docs System.halt(1)", "deny E_META"},
      {"mix usage_rules.sync ../AGENTS.md", "deny E_PATH"},
      {"mix nimble_parsec.compile /tmp/x.exs", "deny E_PATH"},
      {"mix ash_postgres.migrate --migrations-path /tmp/x", "deny E_PATH"},
      {"mix ash_postgres.rollback --step -1", "deny E_FLAG_TYPE"},
      {"mix expo.msguniq -o /tmp/x x.po", "deny E_PATH"},
      {"mix firmware.unpack -o ..", "deny E_PATH"},
      {"mix nerves.artifact.details --copy-fwup-conf /tmp/x", "deny E_PATH"},
      {"mix xref trace priv/x.exs", "deny E_ARG"},
  }));
  INFO(line);
  CHECK(outcome(builtin(), line) == expected);
}

TEST_CASE("a place of one's own choice to write asks") {
  const auto line =
      GENERATE(as<std::string>(), "mix ash.manifest.dump -o x.json",
               "mix ash.generate_livebook --filename x.livemd", "mix sbom.cyclonedx -o bom.json",
               "mix firmware --output x", "mix app.tree --output x.dot",
               "mix credo --working-dir lib", "mix check --manifest x.txt");
  INFO(line);
  CHECK(verdicts(line).starts_with("ask "));
}

TEST_CASE("flags belong to the tasks that take them") {
  CHECK(has_flag("profile.fprof", "callers"));
  CHECK_FALSE(has_flag("profile.cprof", "callers"));
  CHECK_FALSE(has_flag("profile.fprof", "mix-exs"));
  CHECK(has_flag("test", "force"));
  CHECK_FALSE(has_flag("test", "no-listeners"));
  CHECK_FALSE(has_flag("run", "optional-deps"));
  CHECK(has_flag("compile", "optional-deps"));
  CHECK_FALSE(has_flag("esbuild.install", "assets"));
  CHECK(outcome(builtin(), "mix coveralls -b") == "deny E_FLAG_UNKNOWN");
  CHECK(outcome(builtin(), "mix deps.get --only dev --only test") == "deny E_FLAG_DUP");
  CHECK(outcome(builtin(), "mix xref callers MyApp.Repo") == "allow");
  CHECK(outcome(builtin(), "mix xref trace lib/my_app/repo.ex") == "allow");
}

TEST_CASE("a translation's plural form may hold what shells give a meaning to") {
  const Decision decision = decide(builtin(),
                                   {"mix", "gettext.merge", "priv/gettext", "--plural-forms-header",
                                    "nplurals=3; plural=(n==1 ? 0 : n%10>=2 && n%10<=4 ? 1 : 2);"},
                                   facts());
  CHECK(outcome(decision) == "allow");
}

}  // namespace
}  // namespace mixguard::policy::test
