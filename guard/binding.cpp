// SPDX-License-Identifier: Apache-2.0
#include "guard/binding.hpp"

#include <fcntl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <string_view>

#include "guard/digest.hpp"
#include "guard/files.hpp"
#include "guard/snapshot/json_bytes.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using Json = nlohmann::json;
using tree::Node;
using tree::Walk;

constexpr std::size_t kMostFiles = 4'096;
constexpr std::int64_t kLargestFile = 16LL << 20;

constexpr std::array<std::string_view, 5> kPassedOver = {"_build", "deps", "node_modules", ".git",
                                                         ".mixguard"};

bool is_passed_over(const std::string& path) {
  return std::find(kPassedOver.begin(), kPassedOver.end(), tree::split(path).name) !=
         kPassedOver.end();
}

// Whether what lies there changes what a Mix command does, whatever the command.
bool matters(std::string_view path) {
  const std::string name = tree::split(std::string(path)).name;
  if (name == "mix.exs" || name == "mix.lock") return true;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos;) {
    const std::string_view directory = path.substr(0, slash);
    if (directory.ends_with("migrations") || directory == "config" ||
        directory.ends_with("/config")) {
      return true;
    }
    slash = path.find('/', slash + 1);
  }
  return false;
}

class Files {
 public:
  explicit Files(std::string root) : root_(std::move(root)) {}

  Result<void> add_what_matters() {
    return walk("", [](const std::string& path) { return matters(path); });
  }

  // An absolute path of the command line; what is not there yet is bound as such.
  Result<void> add_named(const std::string& path) {
    const std::string real = real_path(path);
    if (real.empty()) {
      digests_[path] = "absent";
      return {};
    }
    if (!is_within(real, root_)) {
      return fail(path + " lies outside of the project, and its content cannot be bound");
    }
    const std::string inside = real == root_ ? "" : real.substr(root_.size() + 1);
    return walk(inside, [](const std::string&) { return true; });
  }

  [[nodiscard]] Json summary() const {
    std::string all;
    for (const auto& [path, digest] : digests_) {
      all.append(path).append(1, '\0').append(digest).append(1, '\0');
    }
    return {{"count", digests_.size()}, {"sha256", sha256_hex(all)}};
  }

 private:
  Result<void> walk(const std::string& top, const std::function<bool(const std::string&)>& wanted) {
    const tree::UniqueFd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return tree::fail_errno("open", root_);
    tree::Parents parents(root.get());
    return tree::walk(root.get(), top,
                      [&](const std::string& path, const Node& node) -> Result<Walk> {
                        if (node.is_dir())
                          return path != top && is_passed_over(path) ? Walk::kPast : Walk::kOn;
                        if (!wanted(path)) return Walk::kOn;
                        if (auto added = add(parents, path, node); !added) return propagate(added);
                        return Walk::kOn;
                      });
  }

  Result<void> add(tree::Parents& parents, const std::string& path, const Node& node) {
    if (digests_.size() == kMostFiles) return fail("more than 4,096 files to bind");
    if (node.size > kLargestFile) return fail(path + " is larger than 16 MiB", EFBIG);
    const Result<int> parent = parents.of(path);
    if (!parent) return propagate(parent);
    const std::string name = tree::split(path).name;
    if (node.is_file()) {
      const Result<std::string> content = tree::read_file(*parent, name);
      if (!content) return propagate(content);
      digests_[path] = sha256_hex(*content);
    } else if (node.is_link()) {
      return add_link(*parent, path, name);
    } else {
      digests_[path] = "special";
    }
    return {};
  }

  // Where it leads, and the file there.
  Result<void> add_link(int parent, const std::string& path, const std::string& name) {
    const Result<std::string> target = tree::read_link(parent, name);
    if (!target) return propagate(target);
    const auto content = guard::read_file(join_path(root_, path), kLargestFile);
    digests_[path] = "-> " + *target + " " + (content && *content ? sha256_hex(**content) : "");
    return {};
  }

  std::string root_;
  std::map<std::string, std::string> digests_;  // by path
};

Json environment_json(const policy::Decision& decision) {
  Json environment = Json::object();
  for (const policy::EnvVariable& variable : decision.environment) {
    environment[variable.name] = variable.secret ? Json{{"sha256", sha256_hex(variable.value)}}
                                                 : bytes_to_json(variable.value);
  }
  return environment;
}

Json words_json(const std::vector<std::string>& words) {
  Json list = Json::array();
  for (const std::string& word : words) list.push_back(bytes_to_json(word));
  return list;
}

}  // namespace

Result<Json> bind(const Judgement& judgement, const RequestOptions& options, bool dry_run) {
  const policy::Decision& decision = judgement.decision;
  Json files = nullptr;
  if (judgement.project.found()) {
    Files bound(judgement.project.root);
    if (auto added = bound.add_what_matters(); !added) return propagate(added);
    for (const policy::Part& part : decision.parts) {
      for (const policy::PathArgument& argument : part.paths) {
        if (auto added = bound.add_named(argument.path); !added) return propagate(added);
      }
    }
    files = bound.summary();
  }
  const bool is_live = decision.confinement.mode == policy::RunMode::kLive;
  return Json{{"argv", words_json(options.argv)},
              {"canonical", words_json(decision.canonical)},
              {"program", bytes_to_json(decision.program)},
              {"toolchain", bytes_to_json(judgement.toolchain.mix.real)},
              {"home", bytes_to_json(environment_variable("HOME").value_or(""))},
              {"cwd", bytes_to_json(judgement.project.cwd)},
              {"project", bytes_to_json(judgement.project.root)},
              {"environment", environment_json(decision)},
              {"policy", decision.policy.revision},
              {"mode", is_live ? "live" : "transaction"},
              {"dry_run", dry_run},
              {"files", std::move(files)}};
}

std::string digest_of(const Json& binding) { return sha256_hex(binding.dump()); }

std::string id_of(const Json& binding) { return digest_of(binding).substr(0, 12); }

}  // namespace mixguard::guard
