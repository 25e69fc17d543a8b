// SPDX-License-Identifier: Apache-2.0
#pragma once

// Numbers and strings one after the other, as the store's binary records have them: little-endian,
// strings with their length before and a NUL behind them, so that a name can be handed to the
// kernel where it lies.

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <type_traits>

namespace mixguard::guard {

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__);

template <typename Number>
void put_number(std::string& bytes, Number value) {
  static_assert(std::is_trivially_copyable_v<Number>);
  bytes.append(reinterpret_cast<const char*>(&value), sizeof value);
}

inline void put_text(std::string& bytes, std::string_view text) {
  put_number(bytes, static_cast<std::uint32_t>(text.size()));
  bytes.append(text).push_back('\0');
}

// Takes from the front. After the first thing that is not there, good() is false and everything
// else is empty.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : rest_(bytes) {}

  template <typename Number>
  Number number() {
    static_assert(std::is_trivially_copyable_v<Number>);
    Number value{};
    const std::string_view raw = take(sizeof value);
    if (good_) std::memcpy(&value, raw.data(), sizeof value);
    return value;
  }
  // Ends with a NUL that is not part of it.
  std::string_view text() {
    const auto size = number<std::uint32_t>();
    const std::string_view raw = take(std::size_t{size} + 1);
    if (!good_ || raw.back() != '\0') return spoil();
    return raw.substr(0, size);
  }
  [[nodiscard]] bool good() const { return good_; }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view spoil() {
    good_ = false;
    return {};
  }
  std::string_view take(std::size_t size) {
    good_ = good_ && size <= rest_.size();
    if (!good_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view rest_;
  bool good_ = true;
};

}  // namespace mixguard::guard
