// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/write_policy.hpp"

#include <catch2/catch.hpp>

namespace mixguard::guard {
namespace {

TEST_CASE("a path is writable only when a pattern says so") {
  const WritePolicy policy{"compile", {"_build/**", "priv/*.sql"}};
  CHECK_FALSE(path_refusal(policy, "_build/dev/x"));
  CHECK_FALSE(path_refusal(policy, "priv/structure.sql"));
  CHECK(path_refusal(policy, "priv/a/b.sql"));
  CHECK(path_refusal(policy, "lib/a.ex") == "not among what `compile` may write");
  CHECK(path_refusal({"none", {}}, "x"));
}

TEST_CASE("a wildcard never opens what a tool would run") {
  const WritePolicy all{"test", {"**"}};
  for (const char* path : {".git/hooks/pre-commit",
                           ".git/config",
                           ".git/config.worktree",
                           "apps/a/.git/config",
                           "apps/a/.git/hooks/x",
                           ".git/modules/m/hooks/x",
                           ".gitmodules",
                           ".mixguard.toml",
                           ".mixguard/log.jsonl",
                           ".envrc",
                           ".vscode/tasks.json",
                           ".idea/x",
                           ".claude/settings.json",
                           ".codex/x",
                           ".mcp.json",
                           ".bashrc",
                           ".zshenv",
                           "apps/a/.git",
                           "apps/a/.envrc",
                           "apps/a/.vscode/tasks.json",
                           "apps/a/.mixguard.toml"})
    CHECK(path_refusal(all, path).value_or("").starts_with("never committed: "));
  for (const char* path : {".git/HEAD", "lib/.envrc.ex", "deps/d/.git/config", ".github/x"})
    CHECK_FALSE(path_refusal(all, path));
}

TEST_CASE("naming a path literally opens it") {
  CHECK_FALSE(path_refusal({"setup", {".envrc"}}, ".envrc"));
  CHECK_FALSE(path_refusal({"setup", {".vscode/tasks.json"}}, ".vscode/tasks.json"));
  CHECK(path_refusal({"setup", {".vscode/*"}}, ".vscode/*"));
}

TEST_CASE("a symlink must stay in the project whatever lies on its way") {
  const auto leaves = [](const char* path, const char* target) {
    return leads_outside("/p/root", path, target);
  };
  CHECK_FALSE(leaves("_build/dev/lib/a/priv", "../../../../deps/a/priv"));
  CHECK_FALSE(leaves("link", "lib/./a.ex"));
  CHECK_FALSE(leaves("a/link", ".."));
  CHECK_FALSE(leaves("link", "/p/root/lib"));
  CHECK_FALSE(leaves("link", "/p/root"));
  CHECK(leaves("link", ".."));
  CHECK(leaves("a/link", "../../x"));
  CHECK(leaves("link", "/etc/passwd"));
  CHECK(leaves("link", "/p/rootless"));
  CHECK(leaves("link", "/p/root/../x"));
  CHECK(leaves("link", "a/b/c/up/.."));
}

TEST_CASE("privileged and special objects cannot be kept") {
  const auto refused = [](mode_t mode) {
    return object_refusal("/p", "x", mode, "", {}).has_value();
  };
  CHECK_FALSE(refused(S_IFREG | 0755));
  CHECK_FALSE(refused(S_IFDIR | S_ISGID | 0755));
  CHECK(refused(S_IFREG | S_ISUID | 0755));
  CHECK(refused(S_IFREG | S_ISGID | 0755));
  CHECK(refused(S_IFIFO | 0644));
  CHECK(refused(S_IFSOCK | 0644));
  CHECK(refused(S_IFCHR | 0644));
  CHECK(refused(S_IFBLK | 0644));
}

}  // namespace
}  // namespace mixguard::guard
