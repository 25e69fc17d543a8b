// SPDX-License-Identifier: Apache-2.0
#include "guard/binding.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
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
constexpr std::size_t kMostBytes = 64U << 20;

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

  Result<void> add_what_matters() { return walk("", false); }

  // An absolute path of the command line, with all below it; what is not there yet is bound as
  // such.
  Result<void> add_named(const std::string& path) {
    if (real_path(path).empty()) {
      digests_[path] = "absent";
      return {};
    }
    return add_tree(path);
  }

  // The file that a plain command runs.
  Result<void> add_program(const std::string& path) {
    const auto content = guard::read_file(path, kMostBytes);
    if (!content) return propagate(content);
    digests_[path] = *content ? sha256_hex(**content) : "absent";
    return {};
  }

  [[nodiscard]] Json summary() const {
    std::string all;
    for (const auto& [path, digest] : digests_) {
      all.append(path).append(1, '\0').append(digest).append(1, '\0');
    }
    return {{"count", digests_.size()}, {"sha256", sha256_hex(all)}};
  }

 private:
  // What lies at the absolute path, wherever links lead to, as long as it is in the project.
  Result<void> add_tree(const std::string& path) {
    const std::string real = real_path(path);
    if (!is_within(real, root_))
      return fail(path + " lies outside of the project, and its content cannot be bound");
    if (!trees_.insert(real).second) return {};
    return walk(real == root_ ? "" : real.substr(root_.size() + 1), true);
  }

  Result<void> walk(const std::string& top, bool all) {
    const tree::UniqueFd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!root) return tree::fail_errno("open", root_);
    tree::Parents parents(root.get());
    return tree::walk(
        root.get(), top, [&](const std::string& path, const Node& node) -> Result<Walk> {
          if (node.is_dir()) return !all && is_passed_over(path) ? Walk::kPast : Walk::kOn;
          // A link may stand for a directory that matters.
          const bool is_wanted = all || matters(path) || (node.is_link() && matters(path + "/"));
          if (!is_wanted) return Walk::kOn;
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
    if (node.is_link()) return add_link(*parent, path, name);
    if (!node.is_file()) {
      digests_[path] = "special";
      return {};
    }
    const Result<std::string> content = tree::read_file(*parent, name);
    return content ? add_content(path, *content) : propagate(content);
  }

  Result<void> add_content(const std::string& path, const std::string& content) {
    bytes_ += content.size();
    if (bytes_ > kMostBytes) return fail("more than 64 MiB to bind", EFBIG);
    digests_[path] += sha256_hex(content);
    return {};
  }

  // Where it leads, and what is there.
  Result<void> add_link(int parent, const std::string& path, const std::string& name) {
    const Result<std::string> target = tree::read_link(parent, name);
    if (!target) return propagate(target);
    digests_[path] = "-> " + *target + " ";
    const std::string real = real_path(join_path(root_, path));
    struct stat info{};
    if (real.empty() || ::stat(real.c_str(), &info) != 0) return {};
    if (S_ISDIR(info.st_mode)) return add_tree(real);
    const auto content = guard::read_file(real, kLargestFile);
    if (!content) return propagate(content);
    return *content ? add_content(path, **content) : Result<void>();
  }

  std::string root_;
  std::map<std::string, std::string> digests_;  // by path
  std::set<std::string> trees_;                 // walked whole
  std::size_t bytes_ = 0;
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
  Files bound(judgement.project.root);
  if (judgement.project.found()) {
    if (auto added = bound.add_what_matters(); !added) return propagate(added);
    for (const policy::Part& part : decision.parts) {
      for (const policy::PathArgument& argument : part.paths) {
        if (auto added = bound.add_named(argument.path); !added) return propagate(added);
      }
    }
  }
  if (decision.program.starts_with('/')) {
    if (auto added = bound.add_program(decision.program); !added) return propagate(added);
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
              {"files", bound.summary()}};
}

std::string digest_of(const Json& binding) { return sha256_hex(binding.dump()); }

std::string id_of(const Json& binding) { return digest_of(binding).substr(0, 12); }

}  // namespace mixguard::guard
