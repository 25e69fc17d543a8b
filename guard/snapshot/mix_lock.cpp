// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/mix_lock.hpp"

#include <algorithm>
#include <set>

namespace mixguard::guard {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '@' || c == '?' || c == '!';
}

// What stands between the strings of a value: atoms, numbers, keywords and what holds them.
bool is_plain(char c) {
  return is_word(c) || is_blank(c) || c == ':' || c == '.' || c == '-' || c == '+';
}

char closing_of(char c) { return c == '{' ? '}' : c == '[' ? ']' : '\0'; }

class LockParser {
 public:
  explicit LockParser(std::string_view text) : text_(text) {}

  Result<MixLock> parse() {
    MixLock lock;
    if (text_.find("\r\n") != std::string_view::npos) lock.newline = "\r\n";
    skip_blanks();
    if (!take("%{")) return trouble("the start of a map, %{");
    std::set<std::string> names;
    for (skip_blanks(); !take("}"); skip_blanks()) {
      auto entry = this->entry();
      if (!entry) return propagate(entry);
      if (!names.insert(entry->name).second)
        return fail(where() + ": a second entry for " + entry->name);
      lock.entries.push_back(std::move(*entry));
      skip_blanks();
      if (!take(",") && peek() != '}') return trouble("a comma or the end of the map");
    }
    skip_blanks();
    if (at_ != text_.size()) return trouble("the end of the file");
    return lock;
  }

 private:
  [[nodiscard]] char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }

  bool take(std::string_view token) {
    if (!text_.substr(at_).starts_with(token)) return false;
    at_ += token.size();
    return true;
  }

  void skip_blanks() {
    while (at_ < text_.size() && is_blank(text_[at_])) ++at_;
  }

  [[nodiscard]] std::string where() const {
    const auto lines =
        std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(at_), '\n');
    return "line " + std::to_string(lines + 1);
  }
  [[nodiscard]] tl::unexpected<Error> trouble(const std::string& expected) const {
    return fail(where() + ": expected " + expected);
  }

  Result<LockEntry> entry() {
    const std::size_t begin = at_;
    auto name = key();
    if (!name) return propagate(name);
    skip_blanks();
    if (auto read = value(); !read) return propagate(read);
    std::string_view text = text_.substr(begin, at_ - begin);
    while (is_blank(text.back())) text.remove_suffix(1);
    return LockEntry{std::move(*name), std::string(text)};
  }

  // "jason": as Mix writes it, or jason: as the formatter does.
  Result<std::string> key() {
    const bool quoted = take("\"");
    const std::size_t begin = at_;
    while (is_word(peek())) ++at_;
    const std::string name(text_.substr(begin, at_ - begin));
    if (name.empty() || (quoted && !take("\"")) || !take(":"))
      return trouble("the name of a dependency");
    return name;
  }

  Result<void> value() {
    std::string open;  // the brackets that are to be closed, innermost last
    const std::size_t begin = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (open.empty() && (c == ',' || c == '}')) break;
      if (c == '"') {
        if (auto read = string(); !read) return read;
        continue;
      }
      if (const char closing = closing_of(c); closing != '\0') {
        open += closing;
      } else if (!open.empty() && c == open.back()) {
        open.pop_back();
      } else if (!is_plain(c) && c != ',') {
        return trouble("a value written out");
      }
      ++at_;
    }
    if (at_ == begin || !open.empty()) return trouble("a whole value");
    return {};
  }

  Result<void> string() {
    for (++at_; at_ < text_.size(); ++at_) {
      const char c = text_[at_];
      if (c == '"') {
        ++at_;
        return {};
      }
      if (c == '\n' || text_.substr(at_).starts_with("#{")) break;
      if (c == '\\') ++at_;
    }
    at_ = std::min(at_, text_.size());
    return trouble("a string written out");
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::optional<std::string> MixLock::text_of(std::string_view name) const {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const LockEntry& entry) { return entry.name == name; });
  if (found == entries.end()) return std::nullopt;
  return found->text;
}

void MixLock::set(const std::string& name, const std::optional<std::string>& text) {
  const auto found = std::find_if(entries.begin(), entries.end(),
                                  [&](const LockEntry& entry) { return entry.name == name; });
  if (found != entries.end()) {
    text ? static_cast<void>(found->text = *text) : static_cast<void>(entries.erase(found));
  } else if (text) {
    const auto place = std::find_if(entries.begin(), entries.end(),
                                    [&](const LockEntry& entry) { return entry.name > name; });
    entries.insert(place, {name, *text});
  }
}

std::string MixLock::text() const {
  std::string text = "%{" + newline;
  for (const LockEntry& entry : entries) text += "  " + entry.text + "," + newline;
  return text + "}" + newline;
}

Result<MixLock> parse_mix_lock(std::string_view text) { return LockParser(text).parse(); }

}  // namespace mixguard::guard
