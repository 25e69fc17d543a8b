// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/pack_scan.hpp"

#include <algorithm>
#include <optional>
#include <string_view>

namespace mixguard::guard {
namespace {

constexpr std::size_t kWindow = std::size_t{1} << 20;

class Scan {
 public:
  Scan(int fd, PackNumber number, std::uint64_t end) : fd_(fd), number_(number), end_(end) {}

  Result<void> run(std::uint64_t from, const PackVisitor& visitor) {
    for (std::uint64_t at = from; at < end_;) {
      auto next = step(at, visitor);
      if (!next) return propagate(next);
      at = *next;
    }
    return {};
  }

 private:
  // Where to go on behind what lies here.
  Result<std::uint64_t> step(std::uint64_t at, const PackVisitor& visitor) {
    auto start = bytes(at, RecordHeader::kSize);
    if (!start) return propagate(start);
    const auto header = decode_header(*start);
    if (!header) return pass_over(at, visitor);
    auto record = bytes(at, header->record_size());
    if (!record) return propagate(record);
    const std::uint64_t end = std::min(at + header->record_size(), end_);
    const std::string flaw = flaw_of(*header, record->substr(RecordHeader::kSize));
    auto visited = flaw.empty()
                       ? visitor.record(header->id, Location{number_, at, header->kept})
                       : visitor.flaw({at, end, "object " + to_hex(header->id) + ": " + flaw});
    if (!visited) return propagate(visited);
    return end;
  }

  Result<std::uint64_t> pass_over(std::uint64_t at, const PackVisitor& visitor) {
    auto next = next_header(at + 1);
    if (!next) return propagate(next);
    const std::string what = std::to_string(*next - at) + " bytes that are no record";
    if (auto visited = visitor.flaw({at, *next, what}); !visited) return propagate(visited);
    return *next;
  }

  // The next sound header, or the end.
  Result<std::uint64_t> next_header(std::uint64_t from) {
    while (from < end_) {
      auto window = bytes(from, kWindow);
      if (!window) return propagate(window);
      for (std::size_t at = window->find(RecordHeader::kMagic); at != std::string_view::npos;
           at = window->find(RecordHeader::kMagic, at + 1)) {
        if (decode_header(window->substr(at))) return from + at;
      }
      if (window->size() < RecordHeader::kSize) break;
      // A header across the border is whole in the next window.
      from += window->size() - (RecordHeader::kSize - 1);
    }
    return end_;
  }

  // Up to `size` bytes, fewer at the end; a view until the next call.
  Result<std::string_view> bytes(std::uint64_t from, std::size_t size) {
    size = std::min<std::uint64_t>(size, end_ - from);
    if (from < window_at_ || from + size > window_at_ + window_.size()) {
      const std::size_t wanted = std::min<std::uint64_t>(std::max(size, kWindow), end_ - from);
      auto read = read_pack(fd_, number_, from, wanted);
      if (!read) return propagate(read);
      window_ = std::move(*read);
      window_at_ = from;
    }
    return std::string_view(window_).substr(from - window_at_, size);
  }

  int fd_;
  PackNumber number_;
  std::uint64_t end_;
  std::string window_;
  std::uint64_t window_at_ = 0;
};

}  // namespace

Result<void> scan_pack(int fd, PackNumber number, std::uint64_t from, std::uint64_t to,
                       const PackVisitor& visitor) {
  return Scan(fd, number, to).run(from, visitor);
}

}  // namespace mixguard::guard
