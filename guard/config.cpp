// SPDX-License-Identifier: Apache-2.0
#include "guard/config.hpp"

#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "guard/digest.hpp"
#include "guard/files.hpp"

namespace mixguard::guard {
namespace {

using policy::Layer;
using policy::Ruleset;

constexpr const char* kSystemDirectory = "/etc/mixguard/policy.d";

struct SourceFile {
  std::string path;   // to open
  std::string shown;  // to show
  Layer layer = Layer::kProject;
};

Result<std::vector<SourceFile>> system_files() {
  std::vector<SourceFile> files;
  const std::unique_ptr<DIR, DirectoryCloser> directory(::opendir(kSystemDirectory));
  if (!directory) {
    if (errno == ENOENT || errno == ENOTDIR) return files;
    return fail(std::string("open ") + kSystemDirectory + ": " + std::strerror(errno), errno);
  }
  while (const dirent* entry = ::readdir(directory.get())) {
    const std::string name = entry->d_name;
    if (!name.ends_with(".toml") || name.starts_with('.')) continue;
    const std::string path = join_path(kSystemDirectory, name);
    files.push_back({path, path, Layer::kSystem});
  }
  std::sort(files.begin(), files.end(),
            [](const auto& a, const auto& b) { return a.path < b.path; });
  return files;
}

class Loader {
 public:
  tl::expected<LoadedPolicy, ConfigTrouble> load(const std::string& project_root,
                                                 const std::string& named_file);

 private:
  void complain(std::string line) { trouble_.lines.push_back(std::move(line)); }
  // The text of `file`, entered into the revision; nullopt when it is absent or cannot be read
  // (then complained about).
  std::optional<std::string> read(const SourceFile& file);
  std::optional<Ruleset> parse(const SourceFile& file, std::string_view text);
  void add(const SourceFile& file, bool named);
  void enter(const SourceFile& file, std::string_view text, bool named);
  void add_project_file(const std::string& project_root);

  std::vector<Ruleset> layers_;
  std::optional<UntrustedPolicy> untrusted_;
  std::optional<Ruleset> untrusted_rules_;
  std::string digested_;
  ConfigTrouble trouble_;
};

std::optional<std::string> Loader::read(const SourceFile& file) {
  // The files above the project are obeyed without being asked for, so nobody else may be able to
  // write them.
  Result<std::optional<std::string>> text =
      file.layer == Layer::kProject ? read_file(file.path) : read_own_file(file.path);
  if (!text) {
    complain(text.error().message);
    return std::nullopt;
  }
  return *text;
}

std::optional<Ruleset> Loader::parse(const SourceFile& file, std::string_view text) {
  auto parsed = policy::parse_ruleset(text, file.shown, file.layer);
  if (parsed) return std::move(*parsed);
  for (const policy::PolicyError& error : parsed.error()) complain(error.to_string());
  return std::nullopt;
}

void Loader::add(const SourceFile& file, bool named) {
  const std::optional<std::string> text = read(file);
  if (!text) {
    if (named && trouble_.lines.empty()) complain(file.path + ": there is no such policy file");
    return;
  }
  enter(file, *text, named);
}

void Loader::enter(const SourceFile& file, std::string_view text, bool named) {
  std::optional<Ruleset> rules = parse(file, text);
  if (!rules) return;
  rules->named_explicitly = named;
  layers_.push_back(std::move(*rules));
  digested_ += std::string(to_string(file.layer)) + "\n" + sha256_hex(text) + "\n";
}

void Loader::add_project_file(const std::string& project_root) {
  const SourceFile file{join_path(project_root, kProjectPolicyName), kProjectPolicyName,
                        Layer::kProject};
  const std::optional<std::string> text = read(file);
  if (!text) return;
  const Result<Trust> trust = trust_of(file.path, *text);
  if (!trust) return complain(trust.error().message);
  if (*trust == Trust::kTrusted) return enter(file, *text, false);
  untrusted_ = UntrustedPolicy{file.path, *trust, std::nullopt};
  // An untrusted file cannot make mixguard unusable either: its mistakes are not ours yet.
  if (auto parsed = policy::parse_ruleset(*text, file.shown, file.layer))
    untrusted_rules_ = std::move(*parsed);
}

tl::expected<LoadedPolicy, ConfigTrouble> Loader::load(const std::string& project_root,
                                                       const std::string& named_file) {
  const Result<std::vector<SourceFile>> system = system_files();
  if (!system) return tl::unexpected(ConfigTrouble{{system.error().message}});
  for (const SourceFile& file : *system) add(file, false);
  if (const std::string directory = config_directory(); !directory.empty()) {
    const std::string path = join_path(directory, "policy.toml");
    add({path, path, Layer::kUser}, false);
  }
  if (!named_file.empty()) {
    add({named_file, named_file, Layer::kProject}, true);
  } else if (!project_root.empty()) {
    add_project_file(project_root);
  }
  if (!trouble_.lines.empty()) return tl::unexpected(std::move(trouble_));

  auto built = policy::Policy::build(layers_);
  if (!built) {
    for (const policy::PolicyError& error : built.error()) complain(error.to_string());
    return tl::unexpected(std::move(trouble_));
  }
  LoadedPolicy loaded{std::move(*built), {}, std::move(untrusted_)};
  if (loaded.untrusted && untrusted_rules_) {
    layers_.push_back(std::move(*untrusted_rules_));
    if (auto with_it = policy::Policy::build(layers_))
      loaded.untrusted->as_if_trusted = std::move(*with_it);
  }
  if (loaded.policy.has_builtin()) loaded.identity.layers.push_back("builtin");
  for (const Ruleset& rules : loaded.policy.layers())
    loaded.identity.layers.emplace_back(to_string(rules.layer));
  loaded.identity.revision = "sha256:" + sha256_hex(digested_ + MIXGUARD_VERSION);
  return loaded;
}

}  // namespace

tl::expected<LoadedPolicy, ConfigTrouble> load_policy(const std::string& project_root,
                                                      const std::string& named_file) {
  return Loader().load(project_root, named_file);
}

}  // namespace mixguard::guard
