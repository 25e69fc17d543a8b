// SPDX-License-Identifier: Apache-2.0
#include "guard/audit/log.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <ctime>
#include <functional>
#include <nlohmann/json.hpp>

#include "guard/digest.hpp"
#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using nlohmann::ordered_json;
using sandbox::UniqueFd;
using tree::fail_errno;

constexpr const char* kName = "log.jsonl";
constexpr std::size_t kBlock = 16384;
constexpr std::array<std::string_view, 4> kReserved = {"seq", "time", "event", "prev"};

const std::string& first_previous() {
  static const std::string zeros(64, '0');
  return zeros;
}

// Held while the file is read or written; another process' writes come before or after.
class FileLock {
 public:
  static Result<FileLock> take(int fd, int how, const std::string& path) {
    while (::flock(fd, how) < 0) {
      if (errno != EINTR) return fail_errno("lock", path);
    }
    return FileLock(fd);
  }
  FileLock(FileLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  FileLock& operator=(FileLock&&) = delete;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock() {
    if (fd_ >= 0) ::flock(fd_, LOCK_UN);
  }

 private:
  explicit FileLock(int fd) : fd_(fd) {}
  int fd_;
};

Result<off_t> size_of(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) < 0) return fail_errno("look at", path);
  return info.st_size;
}

Result<std::string> read_range(int fd, off_t from, off_t to, const std::string& path) {
  std::string bytes(static_cast<std::size_t>(to - from), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count =
        ::pread(fd, bytes.data() + done, bytes.size() - done, from + static_cast<off_t>(done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read", path);
    if (count == 0) return fail("read " + path + ": it was cut while being read", EIO);
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

// The offset just behind the last newline before `end`, or 0; reads backwards.
Result<off_t> behind_last_newline(int fd, off_t end, const std::string& path) {
  while (end > 0) {
    const off_t from = std::max<off_t>(0, end - static_cast<off_t>(kBlock));
    auto block = read_range(fd, from, end, path);
    if (!block) return propagate(block);
    const std::size_t newline = block->rfind('\n');
    if (newline != std::string::npos) return from + static_cast<off_t>(newline) + 1;
    end = from;
  }
  return 0;
}

// The line that ends with the newline just before `end`, without it.
Result<std::string> line_before(int fd, off_t end, const std::string& path) {
  auto start = behind_last_newline(fd, end - 1, path);
  if (!start) return propagate(start);
  return read_range(fd, *start, end - 1, path);
}

struct Link {
  std::uint64_t sequence = 0;
  std::string previous;
};

std::optional<Link> read_link(const std::string& line) {
  const auto record = ordered_json::parse(line, nullptr, false);
  if (!record.is_object()) return std::nullopt;
  const auto sequence = record.find("seq");
  const auto previous = record.find("prev");
  if (sequence == record.end() || !sequence->is_number_unsigned() || previous == record.end() ||
      !previous->is_string())
    return std::nullopt;
  return Link{sequence->get<std::uint64_t>(), previous->get<std::string>()};
}

// What a crash while writing leaves behind: the beginning of a record, or, after a power cut, the
// space for one without its content. Nothing else is ever cut off.
bool is_torn_record(std::string_view tail, bool after_records) {
  constexpr std::string_view kStart = R"({"seq":)";
  if (after_records && tail.find_first_not_of('\0') == std::string_view::npos) return true;
  return tail.substr(0, kStart.size()) == kStart.substr(0, tail.size());
}

// The members of `json` as text, without the braces; bytes that are not UTF-8 are replaced.
std::string members(const ordered_json& json) {
  std::string text = json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
  return text.substr(1, text.size() - 2);
}

Result<std::string> compose(std::uint64_t sequence, std::string_view event,
                            const ordered_json& body, const std::string& previous) {
  if (!body.is_object()) return fail("write the record: its body is not a JSON object", EINVAL);
  for (const std::string_view key : kReserved) {
    if (body.contains(key))
      return fail("write the record: `" + std::string(key) + "` is the record's own member",
                  EINVAL);
  }
  std::string line = "{" + members({{"seq", sequence},
                                    {"time", record_time(std::chrono::system_clock::now())},
                                    {"event", std::string(event)}});
  if (!body.empty()) line += "," + members(body);
  return line + "," + members({{"prev", previous}}) + "}";
}

// Calls `take` with every whole line, without its newline, and returns what follows the last.
Result<std::string> each_line(int fd, off_t size, const std::string& path,
                              const std::function<void(const std::string&)>& take) {
  std::string rest;
  for (off_t at = 0; at < size;) {
    const off_t end = std::min(size, at + static_cast<off_t>(kBlock));
    auto block = read_range(fd, at, end, path);
    if (!block) return propagate(block);
    at = end;
    std::size_t from = 0;
    for (std::size_t newline = block->find('\n'); newline != std::string::npos;
         newline = block->find('\n', from)) {
      take(rest.append(*block, from, newline - from));
      rest.clear();
      from = newline + 1;
    }
    rest.append(*block, from, std::string::npos);
  }
  return rest;
}

// Recomputes the chain line by line.
class Checker {
 public:
  void take(const std::string& line) {
    ++check_.records;
    const auto link = read_link(line);
    if (!link) {
      damage(check_.records, "not a record");
      ++expected_;
    } else {
      judge(*link);
      expected_ = link->sequence + 1;
    }
    previous_readable_ = link.has_value();
    check_.head = sha256_hex(line);
  }

  // `rest` is what follows the last newline.
  [[nodiscard]] LogCheck finish(const std::string& rest) {
    check_.torn_tail = !rest.empty() && is_torn_record(rest, check_.records > 0);
    if (!rest.empty() && !check_.torn_tail) damage(check_.records + 1, "not a record");
    std::sort(check_.damage.begin(), check_.damage.end(),
              [](const LogDamage& a, const LogDamage& b) { return a.line < b.line; });
    return std::move(check_);
  }

 private:
  void judge(const Link& link) {
    if (link.sequence > expected_) {
      damage(check_.records, "records " + std::to_string(expected_) + " to " +
                                 std::to_string(link.sequence - 1) + " are missing before it");
    } else if (link.sequence < expected_) {
      damage(check_.records, "out of order: record " + std::to_string(link.sequence) + " where " +
                                 std::to_string(expected_) + " belongs");
    } else if (link.previous != (check_.head.empty() ? first_previous() : check_.head)) {
      // The sequence goes on, so it is the line before that is not what it was. An unreadable one
      // has been reported already.
      if (check_.records == 1) damage(1, "does not begin the chain");
      if (check_.records > 1 && previous_readable_)
        damage(check_.records - 1, "changed after it was written");
    }
  }

  void damage(std::uint64_t line, std::string what) {
    check_.damage.push_back({line, std::move(what)});
  }

  LogCheck check_;
  std::uint64_t expected_ = 1;
  bool previous_readable_ = true;
};

}  // namespace

std::string record_time(std::chrono::system_clock::time_point time) {
  const auto ms = std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  std::array<char, 32> date{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 8> fraction{};
  std::snprintf(fraction.data(), fraction.size(), ".%03uZ", static_cast<unsigned>(ms % 1000));
  return std::string(date.data()) + fraction.data();
}

Result<AuditLog> AuditLog::open(const Store& store) {
  AuditLog log;
  log.path_ = store.path() + "/" + kName;
  // O_NONBLOCK: a fifo in its place must not hold us up.
  log.file_.reset(::openat(
      store.fd(), kName, O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  if (!log.file_) return fail_errno("open", log.path_);
  struct stat info{};
  if (::fstat(log.file_.get(), &info) < 0) return fail_errno("look at", log.path_);
  if (!S_ISREG(info.st_mode)) return fail("open " + log.path_ + ": not a regular file", EINVAL);
  if (info.st_size > 0) return log;
  auto dir = tree::open_dir(store.fd(), "");
  if (!dir) return propagate(dir);
  if (auto synced = tree::sync(dir->get(), store.path()); !synced) return propagate(synced);
  return log;
}

tl::unexpected<Error> AuditLog::damaged(const std::string& how) const {
  return fail("append to " + path_ + ": " + how +
                  "; look at it with mixguard audit verify, and move it away to begin a new record",
              EBADMSG);
}

Result<std::uint64_t> AuditLog::append(std::string_view event, const ordered_json& body) {
  auto lock = FileLock::take(file_.get(), LOCK_EX, path_);
  if (!lock) return propagate(lock);
  auto size = size_of(file_.get(), path_);
  if (!size) return propagate(size);
  auto end = behind_last_newline(file_.get(), *size, path_);
  if (!end) return propagate(end);
  if (*end != *size) {
    auto tail = read_range(file_.get(), *end, *size, path_);
    if (!tail) return propagate(tail);
    if (!is_torn_record(*tail, *end > 0)) return damaged("its end is damaged, and not by a crash");
    if (::ftruncate(file_.get(), *end) < 0) return fail_errno("cut the torn tail of", path_);
  }
  std::uint64_t sequence = 1;
  std::string previous = first_previous();
  if (*end > 0) {
    auto last = line_before(file_.get(), *end, path_);
    if (!last) return propagate(last);
    const auto link = read_link(*last);
    if (!link) return damaged("its last record is damaged");
    sequence = link->sequence + 1;
    previous = sha256_hex(*last);
  }
  auto line = compose(sequence, event, body, previous);
  if (!line) return propagate(line);
  line->push_back('\n');
  const ssize_t count = ::write(file_.get(), line->data(), line->size());
  if (count != static_cast<ssize_t>(line->size())) {
    if (count >= 0) errno = ENOSPC;
    const auto failed = fail_errno("write", path_);
    // What is left of it would be cut off by the next append anyway.
    [[maybe_unused]] const int cut = ::ftruncate(file_.get(), *end);
    return failed;
  }
  if (::fdatasync(file_.get()) < 0) return fail_errno("sync", path_);
  return sequence;
}

Result<std::vector<LogRecord>> AuditLog::tail(std::size_t count) const {
  auto lock = FileLock::take(file_.get(), LOCK_SH, path_);
  if (!lock) return propagate(lock);
  auto size = size_of(file_.get(), path_);
  if (!size) return propagate(size);
  auto end = behind_last_newline(file_.get(), *size, path_);
  if (!end) return propagate(end);
  std::vector<LogRecord> records;
  while (*end > 0 && records.size() < count) {
    auto line = line_before(file_.get(), *end, path_);
    if (!line) return propagate(line);
    *end -= static_cast<off_t>(line->size()) + 1;
    const auto link = read_link(*line);
    records.push_back({link ? link->sequence : 0, std::move(*line)});
  }
  std::reverse(records.begin(), records.end());
  return records;
}

Result<LogCheck> AuditLog::verify() const {
  auto lock = FileLock::take(file_.get(), LOCK_SH, path_);
  if (!lock) return propagate(lock);
  auto size = size_of(file_.get(), path_);
  if (!size) return propagate(size);
  Checker checker;
  auto rest =
      each_line(file_.get(), *size, path_, [&](const std::string& line) { checker.take(line); });
  if (!rest) return propagate(rest);
  return checker.finish(*rest);
}

Result<void> write_down(const Store& store, std::string_view event, const ordered_json& body) {
  Result<AuditLog> log = AuditLog::open(store);
  if (!log) return propagate(log);
  if (auto appended = log->append(event, body); !appended) return propagate(appended);
  return {};
}

}  // namespace mixguard::guard
