// SPDX-License-Identifier: Apache-2.0
#include "guard/learn.hpp"

#include <algorithm>
#include <cerrno>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>

#include "guard/files.hpp"
#include "guard/mix_files.hpp"
#include "guard/request.hpp"

namespace mixguard::guard {
namespace {

using Json = nlohmann::ordered_json;
using Words = std::vector<std::string>;

constexpr std::size_t kContext = 3;

std::string text_of(const Json& object, const char* key) {
  const auto found = object.is_object() ? object.find(key) : object.end();
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

Words words_of(const Json& record) {
  Words words;
  const auto found = record.find("canonical");
  if (found == record.end() || !found->is_array()) return words;
  for (const Json& word : *found) {
    if (!word.is_string()) return {};
    words.push_back(word.get<std::string>());
  }
  return words;
}

// The effective MIX_ENV: that of the parts, which is said even where the child gets none.
std::string mix_env_of(const Json& record) {
  const auto parts = record.find("parts");
  if (parts != record.end() && parts->is_array() && !parts->empty() &&
      parts->front().contains("env")) {
    return text_of(parts->front()["env"], "MIX_ENV");
  }
  return "";
}

class Collector {
 public:
  Collector(const Project& project, const policy::Policy& rules)
      : project_(project), rules_(rules) {}

  void take(const Json& record) {
    const Words argv = words_of(record);
    if (argv.empty()) return;
    std::string cwd = text_of(record, "cwd");
    if (!is_within(cwd, project_.root)) cwd = project_.root;
    const std::string env = mix_env_of(record);
    const std::string program = text_of(record, "program");
    const std::string reason = text_of(record, "reason");
    const auto [at, is_new] =
        places_.emplace(std::tuple(argv, cwd, env, program, reason), denials_.size());
    if (is_new) denials_.push_back({argv, facts_of(cwd, env, program), reason, 0, "", ""});
    policy::Denial& denial = denials_[at->second];
    const std::string time = text_of(record, "time");
    ++denial.count;
    if (denial.first.empty() || time < denial.first) denial.first = time;
    denial.last = std::max(denial.last, time);
  }

  std::vector<policy::Denial> take_all() { return std::move(denials_); }

 private:
  policy::Facts facts_of(const std::string& cwd, const std::string& env,
                         const std::string& program) {
    policy::Facts facts;
    facts.project_root = project_.root;
    facts.cwd = cwd;
    facts.environment_is_complete = false;
    if (!env.empty()) facts.environment.push_back("MIX_ENV=" + env);
    if (program.starts_with('/')) {
      facts.program_path = program;
      facts.same_file_as_program = same_files(program, facts.project_root, rules_);
    }
    const auto [files, is_new] = mix_files_.try_emplace(cwd);
    if (is_new) files->second = read_mix_files(cwd, project_.root);
    facts.mix_exs = files->second;
    return facts;
  }

  const Project& project_;
  const policy::Policy& rules_;
  std::map<std::string, std::vector<policy::MixExs>> mix_files_;  // by directory
  std::map<std::tuple<Words, std::string, std::string, std::string, std::string>, std::size_t>
      places_;
  std::vector<policy::Denial> denials_;
};

// With their newlines.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

void add_line(char mark, std::string_view line, std::string& out) {
  out += mark;
  out += line;
  if (!line.ends_with('\n')) out += "\n\\ No newline at end of file\n";
}

std::string hunk_range(std::size_t first, std::size_t count) {
  return std::to_string(count == 0 ? 0 : first) + "," + std::to_string(count);
}

}  // namespace

Result<std::vector<policy::Denial>> recorded_denials(const AuditLog& log, const Project& project,
                                                     const policy::Policy& rules,
                                                     const std::string& since) {
  const auto check = log.verify();
  if (!check) return propagate(check);
  if (!check->damage.empty()) {
    return fail("the record is damaged, and nothing is learned from it; see: mixguard audit verify",
                EBADMSG);
  }
  const auto records = log.tail(std::numeric_limits<std::size_t>::max());
  if (!records) return propagate(records);
  Collector collector(project, rules);
  for (const LogRecord& line : *records) {
    const Json record = Json::parse(line.json, nullptr, false);
    if (text_of(record, "event") != "decided" || text_of(record, "time") < since) continue;
    collector.take(record);
  }
  return collector.take_all();
}

std::string append_diff(const std::string& name, const std::optional<std::string>& old,
                        std::string_view now) {
  const std::vector<std::string_view> before = lines_of(old ? *old : std::string_view());
  const std::vector<std::string_view> after = lines_of(now);
  // A last line without its newline is another line once something follows it.
  const bool is_torn = !before.empty() && !before.back().ends_with('\n');
  const std::size_t kept = before.size() - (is_torn ? 1 : 0);
  const std::size_t start = kept - std::min(kept, kContext);
  std::string out = old ? "--- a/" + name + "\n" : "--- /dev/null\n";
  out += "+++ b/" + name + "\n@@ -" + hunk_range(start + 1, before.size() - start) + " +" +
         hunk_range(start + 1, after.size() - start) + " @@\n";
  for (std::size_t i = start; i < kept; ++i) add_line(' ', before[i], out);
  if (is_torn) add_line('-', before.back(), out);
  for (std::size_t i = kept; i < after.size(); ++i) add_line('+', after[i], out);
  return out;
}

}  // namespace mixguard::guard
