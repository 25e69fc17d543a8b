// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/packs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

#include "guard/snapshot/tree.hpp"

namespace mixguard::guard {
namespace {

using sandbox::UniqueFd;
using tree::fail_errno;

constexpr std::size_t kGatherUpTo = std::size_t{1} << 20;
constexpr std::size_t kMostOpen = 16;

constexpr std::string_view kDirectory = "packs";
constexpr std::string_view kEnding = ".pack";
constexpr std::size_t kDigits = 8;

std::string file_name(PackNumber number) {
  std::string digits = std::to_string(number);
  digits.insert(0, kDigits - std::min(kDigits, digits.size()), '0');
  return digits.append(kEnding);
}

std::optional<PackNumber> number_of(std::string_view name) {
  if (name.size() != kDigits + kEnding.size() || !name.ends_with(kEnding)) return {};
  PackNumber number = 0;
  const char* end = name.data() + kDigits;
  const auto parsed = std::from_chars(name.data(), end, number);
  if (parsed.ec != std::errc() || parsed.ptr != end) return {};
  return number;
}

Result<void> sync_content(int fd, PackNumber number) {
  if (::fdatasync(fd) < 0) return fail_errno("sync", pack_path(number));
  return {};
}

}  // namespace

std::string pack_path(PackNumber number) {
  return std::string(kDirectory) + "/" + file_name(number);
}

std::string to_string(const Location& at) {
  return pack_path(at.pack) + " at " + std::to_string(at.offset);
}

Result<PackDirectory> PackDirectory::open(const Store& store) {
  const std::string name(kDirectory);
  const bool made = ::mkdirat(store.fd(), name.c_str(), 0700) == 0;
  if (!made && errno != EEXIST) return fail_errno("make", store.path() + "/" + name);
  auto dir = tree::open_dir(store.fd(), name);
  if (!dir) return propagate(dir);
  if (made) {
    auto above = tree::open_dir(store.fd(), "");
    if (!above) return propagate(above);
    if (auto synced = tree::sync(above->get(), store.path()); !synced) return propagate(synced);
  }
  return PackDirectory(std::move(*dir));
}

Result<std::map<PackNumber, std::uint64_t>> PackDirectory::sizes() const {
  auto names = tree::list(dir_.get(), kDirectory);
  if (!names) return propagate(names);
  std::map<PackNumber, std::uint64_t> sizes;
  for (const std::string& name : *names) {
    const auto number = number_of(name);
    if (!number) continue;
    auto node = tree::look(dir_.get(), name);
    if (!node) return propagate(node);
    if (*node && (*node)->is_file()) sizes[*number] = static_cast<std::uint64_t>((*node)->size);
  }
  return sizes;
}

Result<std::shared_ptr<const UniqueFd>> PackDirectory::read(PackNumber number) {
  if (const auto found = open_.find(number); found != open_.end()) return found->second;
  auto fd = tree::open_file(dir_.get(), file_name(number));
  if (!fd) return propagate(fd);
  if (open_.size() == kMostOpen) open_.clear();
  return open_[number] = std::make_shared<const UniqueFd>(std::move(*fd));
}

Result<UniqueFd> PackDirectory::append(PackNumber number, std::uint64_t size) {
  const int flags = O_WRONLY | O_NOFOLLOW | O_CLOEXEC | (size == 0 ? O_CREAT : 0);
  UniqueFd fd(::openat(dir_.get(), file_name(number).c_str(), flags, 0600));
  if (!fd) return fail_errno("open", pack_path(number));
  auto node = tree::look_at(fd.get(), pack_path(number));
  if (!node) return propagate(node);
  if (static_cast<std::uint64_t>(node->size) != size)
    return fail("write " + pack_path(number) + ": somebody else has written to it", EBUSY);
  return fd;
}

Result<void> PackDirectory::truncate(PackNumber number, std::uint64_t size) {
  const UniqueFd fd(
      ::openat(dir_.get(), file_name(number).c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd) return fail_errno("open", pack_path(number));
  if (::ftruncate(fd.get(), static_cast<off_t>(size)) < 0)
    return fail_errno("cut", pack_path(number));
  return tree::sync(fd.get(), pack_path(number));
}

Result<void> PackDirectory::remove(PackNumber number) {
  open_.erase(number);
  if (::unlinkat(dir_.get(), file_name(number).c_str(), 0) < 0)
    return fail_errno("remove", pack_path(number));
  return {};
}

Result<void> PackDirectory::sync() { return tree::sync(dir_.get(), kDirectory); }

Result<std::string> read_pack(int fd, PackNumber number, std::uint64_t from, std::size_t size) {
  std::string bytes(size, '\0');
  for (std::size_t done = 0; done < size;) {
    const ssize_t count =
        ::pread(fd, bytes.data() + done, size - done, static_cast<off_t>(from + done));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return fail_errno("read", pack_path(number));
    if (count == 0) return fail("read " + pack_path(number) + ": it ends too early", EBADMSG);
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

Result<Location> PackWriter::append(std::string_view header, std::string_view kept) {
  if (auto room = make_room(header.size() + kept.size()); !room) return propagate(room);
  const Location at{number_, size(), static_cast<std::uint32_t>(kept.size())};
  gathered_.append(header).append(kept);
  return at;
}

Result<void> PackWriter::make_room(std::size_t record) {
  if (size() > 0 && size() + record > kFull) return begin_new();
  if (gathered_.size() >= kGatherUpTo) return flush();
  return {};
}

std::optional<std::string> PackWriter::gathered(const Location& at) const {
  // What lies behind our own end, somebody else has written.
  if (at.pack != number_ || at.offset < written_ || at.end() > size()) return {};
  return gathered_.substr(at.offset - written_, at.record_size());
}

Result<void> PackWriter::open() {
  if (fd_) return {};
  auto fd = directory_->append(number_, written_);
  if (!fd) return propagate(fd);
  made_ = written_ == 0;
  fd_ = std::move(*fd);
  return {};
}

Result<void> PackWriter::flush() {
  if (gathered_.empty()) return {};
  if (auto opened = open(); !opened) return opened;
  unsynced_ = true;
  // What a failure leaves behind is written over by the next attempt, or cut by the next open().
  auto written =
      tree::write_at(fd_.get(), gathered_, static_cast<std::int64_t>(written_), pack_path(number_));
  if (!written) return written;
  written_ += gathered_.size();
  gathered_.clear();
  return {};
}

Result<void> PackWriter::sync() {
  if (lost_) return tl::unexpected<Error>(*lost_);
  if (auto flushed = flush(); !flushed) return flushed;
  auto synced = unsynced_ ? sync_content(fd_.get(), number_) : Result<void>();
  if (synced && made_) synced = directory_->sync();
  if (!synced) {
    lost_ = synced.error();
    return synced;
  }
  unsynced_ = made_ = false;
  return {};
}

Result<void> PackWriter::begin_new() {
  if (auto synced = sync(); !synced) return synced;
  fd_.reset();
  ++number_;
  written_ = 0;
  return {};
}

}  // namespace mixguard::guard
