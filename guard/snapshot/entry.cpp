// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/entry.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <utility>

#include "guard/snapshot/json_bytes.hpp"

namespace mixguard::guard {
namespace {

constexpr std::array<std::string_view, 6> kWhy = {"",
                                                  "is a socket, fifo or device",
                                                  "cannot be read",
                                                  "is on another file system",
                                                  "kept changing while it was read",
                                                  "has only a damaged copy in the store"};
constexpr std::uint8_t kSparse = 1;
constexpr std::uint8_t kCut = 2;
// Of a listing, so that other objects are not taken for one.
constexpr std::string_view kMagic = "mixguard listing 1\n";

}  // namespace

std::string_view to_string(Uncovered why) { return kWhy.at(static_cast<std::size_t>(why)); }

std::string uncovered_text(const std::string& path, Uncovered why) {
  return path + " " + std::string(to_string(why));
}

bool same_attributes(const Entry& a, const Entry& b) {
  return a.mode == b.mode && a.owner == b.owner && a.group == b.group && a.mtime == b.mtime &&
         a.xattrs == b.xattrs;
}

bool same_entry(const Entry& a, const Entry& b) {
  return same_attributes(a, b) && a.size == b.size && a.content == b.content &&
         a.target == b.target && a.uncovered == b.uncovered;
}

void encode(const Entry& entry, std::string& bytes) {
  const int flags = (entry.sparse ? kSparse : 0) | (entry.content.cut ? kCut : 0);
  put_text(bytes, entry.name);
  put_number(bytes, static_cast<std::uint8_t>(flags));
  put_number(bytes, static_cast<std::uint8_t>(entry.uncovered));
  put_number(bytes, static_cast<std::uint32_t>(entry.mode));
  put_number(bytes, static_cast<std::uint32_t>(entry.owner));
  put_number(bytes, static_cast<std::uint32_t>(entry.group));
  put_number(bytes, entry.size);
  put_number(bytes, entry.mtime);
  put_number(bytes, entry.links);
  put_number(bytes, entry.content.id.bytes);
  put_text(bytes, entry.target);
  put_text(bytes, entry.xattrs);
}

std::optional<EntryView> view_entry(ByteReader& reader) {
  EntryView view;
  view.name = reader.text();
  const auto flags = reader.number<std::uint8_t>();
  const auto uncovered = reader.number<std::uint8_t>();
  view.mode = reader.number<std::uint32_t>();
  view.owner = reader.number<std::uint32_t>();
  view.group = reader.number<std::uint32_t>();
  view.size = reader.number<std::int64_t>();
  view.mtime = reader.number<std::int64_t>();
  view.links = reader.number<std::uint64_t>();
  view.content.id.bytes = reader.number<decltype(ObjectId::bytes)>();
  view.target = reader.text();
  view.xattrs = reader.text();
  if (!reader.good() || uncovered >= kWhy.size()) return std::nullopt;
  view.sparse = (flags & kSparse) != 0;
  view.content.cut = (flags & kCut) != 0;
  view.uncovered = static_cast<Uncovered>(uncovered);
  return view;
}

std::optional<Entry> decode_entry(ByteReader& reader) {
  const auto view = view_entry(reader);
  if (!view) return std::nullopt;
  Entry entry;
  entry.name = view->name;
  entry.mode = view->mode;
  entry.owner = view->owner;
  entry.group = view->group;
  entry.size = view->size;
  entry.mtime = view->mtime;
  entry.links = view->links;
  entry.sparse = view->sparse;
  entry.uncovered = view->uncovered;
  entry.content = view->content;
  entry.target = view->target;
  entry.xattrs = view->xattrs;
  return entry;
}

nlohmann::json entry_to_json(const Entry& entry) {
  std::string bytes;
  encode(entry, bytes);
  return hex_to_json(bytes);
}

std::optional<Entry> entry_from_json(const nlohmann::json& value) {
  const auto bytes = bytes_from_json(value);
  if (!bytes) return std::nullopt;
  ByteReader reader(*bytes);
  auto entry = decode_entry(reader);
  return entry && reader.at_end() ? std::move(entry) : std::nullopt;
}

bool is_damage(const Error& error) { return error.code == EBADMSG; }

Result<Content> put_listing(Objects& objects, const Listing& listing) {
  std::string bytes(kMagic);
  for (const Entry& entry : listing) encode(entry, bytes);
  return put_content(objects, bytes);
}

Result<Listing> get_listing(const Objects& objects, const Content& content) {
  if (content.empty()) return Listing();
  auto bytes = get_content(objects, content);
  if (!bytes) return propagate(bytes);
  const auto damaged = [&] {
    return fail("object " + to_hex(content.id) + " is no directory's listing", EBADMSG);
  };
  if (!bytes->starts_with(kMagic)) return damaged();
  ByteReader reader(std::string_view(*bytes).substr(kMagic.size()));
  Listing listing;
  while (!reader.at_end()) {
    auto entry = decode_entry(reader);
    if (!entry) return damaged();
    listing.push_back(std::move(*entry));
  }
  return listing;
}

Result<std::optional<Entry>> find_entry(const Objects& objects, const Entry& top,
                                        const std::string& path) {
  Entry at = top;
  std::string_view rest = path;
  while (!rest.empty()) {
    const std::string_view name = rest.substr(0, rest.find('/'));
    rest.remove_prefix(std::min(name.size() + 1, rest.size()));
    if (!at.is_dir() || at.uncovered != Uncovered::kNone) return std::optional<Entry>();
    auto listing = get_listing(objects, at.content);
    if (!listing) return fail(path + ": " + listing.error().message, listing.error().code);
    const auto found = std::find_if(listing->begin(), listing->end(),
                                    [&](const Entry& entry) { return entry.name == name; });
    if (found == listing->end()) return std::optional<Entry>();
    at = std::move(*found);
  }
  return std::optional(std::move(at));
}

}  // namespace mixguard::guard
