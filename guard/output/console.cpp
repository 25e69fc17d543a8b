// SPDX-License-Identifier: Apache-2.0
#include "guard/output/console.hpp"

#include <spdlog/fmt/fmt.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "guard/exit_code.hpp"
#include "guard/files.hpp"
#include "guard/output/decision_json.hpp"
#include "policy/text.hpp"

namespace mixguard::guard {
namespace {

// Synchronous and unbuffered: nothing is lost when the next step is a clone or a crash. The record
// never goes this way.
spdlog::logger& diagnostics() {
  static const std::unique_ptr<spdlog::logger> logger = [] {
    auto made = std::make_unique<spdlog::logger>("mixguard",
                                                 std::make_shared<spdlog::sinks::stderr_sink_st>());
    made->set_pattern("mixguard: %v");
    made->set_level(spdlog::level::trace);
    made->flush_on(spdlog::level::trace);
    return made;
  }();
  return *logger;
}

// Length of the well-formed UTF-8 character at the start of `text`, 0 when there is none.
std::size_t utf8_length(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t length = lead < 0x80                   ? 1
                             : lead >= 0xc2 && lead < 0xe0 ? 2
                             : (lead & 0xf0) == 0xe0       ? 3
                             : lead >= 0xf0 && lead < 0xf5 ? 4
                                                           : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 0;
  }
  // C1 controls (U+0080 to U+009F) drive terminals as ESC sequences do.
  if (lead == 0xc2 && static_cast<unsigned char>(text[1]) < 0xa0) return 0;
  return length;
}

}  // namespace

void Console::error(std::string_view text) {
  diagnostics().error("{}", text);
  errors_.emplace_back(text);
}
void Console::warn(std::string_view text) const { diagnostics().warn("{}", text); }
void Console::say(std::string_view text) const {
  if (!quiet_) diagnostics().info("{}", text);
}
void Console::note(std::string_view text) const {
  if (verbose_) diagnostics().debug("{}", text);
}
void Console::plain(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stderr);
  if (!text.ends_with('\n')) std::fputc('\n', stderr);
}
void Console::listing(std::string_view text) const {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    plain("  " + printable(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}
void Console::document(std::string_view text) {
  documented_ = true;
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (!text.ends_with('\n')) std::fputc('\n', stdout);
}

void Console::bytes(std::string_view content) {
  std::fwrite(content.data(), 1, content.size(), stdout);
}

int Console::close(int code) {
  if (json_ && !documented_) {
    document(dump_pretty({{"exit_code", code}, {"errors", errors_}}));
  }
  errno = 0;
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  error(std::string("standard output: ") + std::strerror(errno == 0 ? EIO : errno));
  return code == kExitOk ? kExitInternal : code;
}

std::string printable(std::string_view text) {
  std::string result;
  while (!text.empty()) {
    const auto byte = static_cast<unsigned char>(text.front());
    const std::size_t length = byte < 0x20 || byte == 0x7f ? 0 : utf8_length(text);
    if (length == 0) {
      result += byte == '\n' ? "\\n" : byte == '\t' ? "\\t" : fmt::format("\\x{:02x}", byte);
      text.remove_prefix(1);
      continue;
    }
    std::string_view rest = text.substr(0, length);
    const auto code_point = policy::take_code_point(rest);
    if (code_point && policy::is_invisible(*code_point)) {
      result += policy::code_point_name(*code_point);
    } else {
      result.append(text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  return result;
}

std::string counted(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

std::vector<std::string> describe_withheld(const ChangeSet& set) {
  constexpr std::size_t kLines = 20;
  std::vector<std::string> lines;
  std::size_t more = 0;
  const auto& all = set.changes;
  for (auto change = all.begin(); change != all.end();) {
    if (change->disposition == Disposition::kCommit) {
      ++change;
      continue;
    }
    const auto covered = [&](const Change& other) {
      return other.disposition != Disposition::kCommit && change->directory &&
             is_within(other.path, change->path);
    };
    const auto next = std::find_if_not(std::next(change), all.end(), covered);
    const auto below = static_cast<std::size_t>(next - change) - 1;
    if (lines.size() == kLines) {
      more += 1 + below;
    } else {
      lines.push_back(fmt::format(
          "{}: {}{}{} ({})",
          change->disposition == Disposition::kConflict ? "conflict" : "not committed",
          printable(change->path), change->directory ? "/" : "",
          below == 0 ? std::string() : " with " + counted(below, "path") + " in it", change->why));
    }
    change = next;
  }
  if (more != 0) lines.push_back("not committed: " + counted(more, "more path"));
  return lines;
}

std::string readable_size(std::uint64_t bytes) {
  constexpr std::array<const char*, 5> kUnits = {" B", " KiB", " MiB", " GiB", " TiB"};
  std::uint64_t tenths = bytes * 10;
  std::size_t unit = 0;
  for (; unit + 1 < kUnits.size() && tenths >= 10 * 1024; ++unit) tenths /= 1024;
  std::string text = std::to_string(tenths / 10);
  if (unit != 0) text += "." + std::to_string(tenths % 10);
  return text + kUnits.at(unit);
}

std::string describe_changes(const ChangeSet& set, std::string_view heading) {
  std::string text = fmt::format("{} {}", counted(set.changes.size(), "path"), heading);
  for (const Change& change : set.changes) {
    text += fmt::format("\n  {:<9} {}{}", to_string(change.kind), printable(change.path),
                        change.directory ? "/" : "");
    if (change.disposition != Disposition::kCommit) text += fmt::format("   ({})", change.why);
  }
  return text;
}

std::vector<std::string> describe_network(const sandbox::NetworkReport& report) {
  std::vector<std::string> lines;
  for (const sandbox::NetworkReport::Refused& attempt : report.refused) {
    const std::string destination = printable(attempt.destination);
    const bool was_looked_up = destination.find(':') == std::string::npos;
    lines.push_back((was_looked_up ? "refused: to look up " : "refused: a connection to ") +
                    destination + " (" + attempt.why + "); to allow it: [net] allow = [\"" +
                    destination + (was_looked_up ? ":443\"], with the port it needs" : "\"]"));
  }
  if (report.more_refused != 0)
    lines.push_back("refused: " + counted(report.more_refused, "connection") + " to others");
  for (const sandbox::NetworkReport::Relayed& endpoint : report.relayed) {
    if (endpoint.failed == 0) continue;
    lines.push_back(endpoint.endpoint + " was not reached outside: " + endpoint.why);
  }
  if (report.over_limit != 0) {
    lines.push_back("refused: " + counted(report.over_limit, "connection") +
                    " beyond the number that is relayed at once");
  }
  return lines;
}

}  // namespace mixguard::guard
