// SPDX-License-Identifier: Apache-2.0
#include "guard/snapshot/capture.hpp"

#include <fcntl.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "guard/snapshot/stat_cache.hpp"
#include "guard/snapshot/tree.hpp"
#include "guard/snapshot/xattrs.hpp"

namespace mixguard::guard {
namespace {

using tree::Node;

constexpr const char* kStoreName = ".mixguard";
constexpr std::size_t kMostWaiting = std::size_t{2} << 20;  // bytes of rows
constexpr std::uint64_t kMostUncommitted = 8192;

unsigned thread_count() { return std::clamp(std::thread::hardware_concurrency(), 2U, 8U); }

// Calls `work` in several threads at once, until all have returned; the first error counts.
Result<void> in_parallel(const std::function<Result<void>()>& work) {
  std::mutex mutex;
  Result<void> outcome;
  const auto run = [&] {
    auto done = work();
    const std::scoped_lock lock(mutex);
    if (!done && outcome) outcome = std::move(done);
  };
  std::vector<std::thread> threads;
  for (unsigned i = 1; i < thread_count(); ++i) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
  return outcome;
}

// What several threads have to do, some of which makes more of it.
class WorkList {
 public:
  void push(std::string path) {
    const std::scoped_lock lock(mutex_);
    pending_.push_back(std::move(path));
    changed_.notify_one();
  }

  // Calls `work` for one path after another until there is none and nobody is at one that could
  // make more, or somebody failed.
  Result<void> drain(const std::function<Result<void>(const std::string&)>& work) {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return failed_ || !pending_.empty() || busy_ == 0; });
      if (failed_ || pending_.empty()) break;
      const std::string path = std::move(pending_.back());
      pending_.pop_back();
      ++busy_;
      lock.unlock();
      auto done = work(path);
      lock.lock();
      --busy_;
      failed_ = failed_ || !done;
      if (!done) {
        changed_.notify_all();
        return done;
      }
    }
    changed_.notify_all();
    return {};
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> pending_;
  std::size_t busy_ = 0;
  bool failed_ = false;
};

// With an Entry, or a view of one.
template <typename Known>
bool is_same(const Node& node, const Known& entry) {
  return node.mode == entry.mode && node.owner == entry.owner && node.group == entry.group &&
         node.mtime == entry.mtime && node.size == entry.size;
}

Entry entry_of(const std::string& name, const Node& node) {
  Entry entry;
  entry.name = name;
  entry.mode = node.mode;
  entry.owner = node.owner;
  entry.group = node.group;
  entry.size = node.is_dir() ? 0 : node.size;
  entry.mtime = node.mtime;
  return entry;
}

bool is_gone(int code) { return code == ENOENT || code == ENOTDIR || code == ELOOP; }

using tree::is_denied;

// Reads files into objects.
class Reader {
 public:
  Reader(Objects& objects, std::int64_t moment) : objects_(objects), moment_(moment) {}

  // What lies at the name; nothing when it is gone by now.
  Result<std::optional<CachedEntry>> read(int dir, const std::string& name, const Node& node) {
    if (node.is_file()) return read_file(dir, name, node);
    std::optional<CachedEntry> cached = CachedEntry{stamp_of(node), entry_of(name, node)};
    if (!node.is_link()) {
      cached->entry.uncovered = Uncovered::kSpecial;
      return cached;
    }
    auto target = tree::read_link(dir, name);
    if (!target && target.error().code == ENOENT) return std::optional<CachedEntry>();
    if (!target) return propagate(target);
    cached->entry.target = std::move(*target);
    return cached;
  }

  // A change of the same tick may follow that would leave the same ctime.
  [[nodiscard]] Stamp stamp_of(const Node& node) const {
    return {node.inode, node.ctime < moment_ ? node.ctime : 0};
  }

 private:
  Result<std::optional<CachedEntry>> read_file(int dir, const std::string& name, const Node& seen) {
    auto file = tree::open_file(dir, name);
    // Gone, or no file any more.
    const int code = file ? 0 : file.error().code;
    if (is_gone(code) || code == EINVAL || code == ENXIO) return std::optional<CachedEntry>();
    if (is_denied(code) || code == EXDEV) {
      // Looked at anew each time: who may read it is no matter of the file alone.
      std::optional<CachedEntry> cached = CachedEntry{{seen.inode, 0}, entry_of(name, seen)};
      cached->entry.uncovered = is_denied(code) ? Uncovered::kUnreadable : Uncovered::kElsewhere;
      return cached;
    }
    if (!file) return propagate(file);
    constexpr int kTries = 3;
    std::optional<CachedEntry> cached;
    for (int i = 0; i < kTries; ++i) {
      auto before = tree::look_at(file->get(), name);
      if (!before) return propagate(before);
      auto taken = take(file->get(), name, *before);
      if (!taken) return propagate(taken);
      cached = std::move(*taken);
      auto after = tree::look_at(file->get(), name);
      if (!after) return propagate(after);
      if (before->ctime == after->ctime && before->size == after->size) return cached;
    }
    cached->entry.uncovered = Uncovered::kTorn;
    cached->stamp.ctime = 0;
    return cached;
  }

  Result<CachedEntry> take(int fd, const std::string& name, const Node& node) {
    CachedEntry cached{stamp_of(node), entry_of(name, node)};
    Entry& entry = cached.entry;
    auto content = put_file(objects_, fd, node.size);
    if (!content) return propagate(content);
    entry.content = *content;
    auto xattrs = read_xattrs(fd, name);
    if (!xattrs) return propagate(xattrs);
    entry.xattrs = std::move(*xattrs);
    entry.sparse = node.allocated < node.size;
    if (node.names > 1) entry.links = node.inode;
    return cached;
  }

  Objects& objects_;
  const std::int64_t moment_;
};

class Capture {
 public:
  Capture(Objects& objects, const CaptureRoot& root, StatCache cache, std::string top,
          std::int64_t moment, const OnStep& on_step)
      : objects_(objects),
        root_(root),
        on_step_(on_step),
        cache_(cache),
        top_(std::move(top)),
        reader_(objects, moment) {}

  Result<Captured> run() {
    auto rows = cache_.rows(top_);
    if (!rows) return propagate(rows);
    rows_ = std::move(*rows);
    if (auto verified = verify(); !verified) return propagate(verified);
    if (auto explored = explore(); !explored) return propagate(explored);
    if (auto built = build(); !built) return propagate(built);
    auto& uncovered = captured_.uncovered;
    std::sort(uncovered.begin(), uncovered.end());
    // A directory that is not looked into is known to itself and to the one it is in.
    uncovered.erase(std::unique(uncovered.begin(), uncovered.end()), uncovered.end());
    return std::move(captured_);
  }

 private:
  // --- what is unchanged ---

  Result<void> verify() {
    clean_.resize(rows_.size());
    std::atomic<std::size_t> next = 0;
    return in_parallel([&]() -> Result<void> {
      constexpr std::size_t kBatch = 16;
      Captured counted;
      for (std::size_t first = next.fetch_add(kBatch); first < rows_.size();
           first = next.fetch_add(kBatch)) {
        const std::size_t last = std::min(first + kBatch, rows_.size());
        for (std::size_t i = first; i < last; ++i) clean_[i] = is_clean(rows_[i], counted) ? 1 : 0;
      }
      add(counted);
      return {};
    });
  }

  // A symlink on the way to the directory is no matter: it makes the directory that it is in
  // unclean, and what lies below is not reached from there any more.
  bool is_clean(const CacheRow& row, Captured& counted) const {
    RowReader known(row.row);
    if (!known.good() || known.self().uncovered != Uncovered::kNone) return false;
    const tree::UniqueFd dir(::openat(root_.fd, row.path.empty() ? "." : row.path.c_str(),
                                      O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    if (!dir) return false;
    const auto node = tree::look_at(dir.get(), row.path);
    if (!node || node->device != known.device() || !known.stamp().matches(*node)) return false;
    Captured here;
    here.directories = 1;
    std::string name;
    while (const auto item = known.next()) {
      const EntryView& entry = item->entry;
      if (!S_ISDIR(entry.mode)) {
        name = entry.name;
        const auto found = present(dir.get(), name);
        if (!found || !item->stamp.matches(*found) || !is_same(*found, entry)) return false;
        count(entry.size, here);
      }
      if (entry.uncovered == Uncovered::kNone) continue;
      // Opened, or unmounted: the directory above does not show it.
      if (S_ISDIR(entry.mode)) return false;
      here.uncovered.emplace_back(tree::join(row.path, std::string(entry.name)), entry.uncovered);
    }
    if (!known.good()) return false;
    merge(here, counted);
    return true;
  }

  // Fails also where there is nothing.
  static Result<Node> present(int dir, const std::string& name) {
    auto node = tree::look(dir, name);
    if (!node) return propagate(node);
    if (!*node) return fail("nothing there", ENOENT);
    return **node;
  }

  static void count(std::int64_t size, Captured& counted) {
    ++counted.files;
    counted.bytes += static_cast<std::uint64_t>(size);
  }

  static void note_uncovered(const std::string& path, const Entry& entry, Captured& counted) {
    if (entry.uncovered != Uncovered::kNone) counted.uncovered.emplace_back(path, entry.uncovered);
  }

  static void merge(Captured& from, Captured& to) {
    to.files += from.files;
    to.directories += from.directories;
    to.bytes += from.bytes;
    to.read += from.read;
    std::move(from.uncovered.begin(), from.uncovered.end(), std::back_inserter(to.uncovered));
  }

  void add(Captured& counted) {
    const std::scoped_lock lock(mutex_);
    merge(counted, captured_);
  }

  // --- what is not ---

  const CacheRow* row_of(const std::string& path) const {
    const auto found = std::lower_bound(
        rows_.begin(), rows_.end(), path,
        [](const CacheRow& row, const std::string& wanted) { return row.path < wanted; });
    return found != rows_.end() && found->path == path ? &*found : nullptr;
  }

  [[nodiscard]] bool is_known_clean(const CacheRow* row) const {
    return row != nullptr && clean_[static_cast<std::size_t>(row - rows_.data())] != 0;
  }

  Result<void> explore() {
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      if (clean_[i] == 0) schedule(rows_[i].path);
    }
    if (row_of(top_) == nullptr) {
      auto top = tree::Parents(root_.fd).look(top_);
      if (!top) return propagate(top);
      if (*top && !(*top)->is_dir()) return explore_single(**top);
      if (*top) schedule(top_);
    }
    return in_parallel(
        [&] { return work_.drain([&](const std::string& path) { return visit(path); }); });
  }

  void schedule(const std::string& path) {
    {
      const std::scoped_lock lock(mutex_);
      if (!scheduled_.insert(path).second) return;
    }
    work_.push(path);
  }

  // The top is a file or a link: it has no row.
  Result<void> explore_single(const Node& node) {
    const tree::SplitPath place = tree::split(top_);
    auto dir = tree::open_dir(root_.fd, place.parent);
    if (!dir) return propagate(dir);
    auto read = reader_.read(dir->get(), place.name, node);
    if (!read) return propagate(read);
    if (!*read) return {};
    captured_.read = 1;
    count((*read)->entry.size, captured_);
    note_uncovered(top_, (*read)->entry, captured_);
    captured_.top = std::move((*read)->entry);
    return {};
  }

  Result<void> visit(const std::string& path) {
    Captured counted;
    auto seen = look_at_directory(path, counted);
    if (!seen) return propagate(seen);
    std::string row = *seen ? encode(**seen) : std::string();
    const std::uint64_t read = counted.read;
    bool many = false;
    {
      const std::scoped_lock lock(mutex_);
      merge(counted, captured_);
      if (on_step_) on_step_(captured_.files, 0);
      fresh_.emplace(path, std::move(row));
      uncommitted_ += read;
      many = uncommitted_ >= kMostUncommitted;
      if (many) uncommitted_ = 0;
    }
    // Where they lie is kept in memory until then.
    return many ? objects_.commit() : Result<void>();
  }

  // Nothing when it is gone, or no directory any more.
  Result<std::optional<CachedDirectory>> look_at_directory(const std::string& path,
                                                           Captured& counted) {
    auto dir = tree::open_dir(root_.fd, path);
    if (dir) {
      auto seen = look_into(dir->get(), path, counted);
      if (seen) return std::optional(std::move(*seen));
      if (!is_denied(seen.error().code)) return propagate(seen);
      return closed(path, Uncovered::kUnreadable, counted);
    }
    const int code = dir.error().code;
    if (is_gone(code)) return std::optional<CachedDirectory>();
    if (is_denied(code)) return closed(path, Uncovered::kUnreadable, counted);
    if (code == EXDEV) return closed(path, Uncovered::kElsewhere, counted);
    return propagate(dir);
  }

  // One that is not looked into.
  Result<std::optional<CachedDirectory>> closed(const std::string& path, Uncovered why,
                                                Captured& counted) const {
    auto node = tree::Parents(root_.fd).look(path);
    // It is the directory above that is closed or elsewhere: this one is out of sight.
    const int code = node ? 0 : node.error().code;
    if (is_denied(code) || code == EXDEV) return std::optional<CachedDirectory>();
    if (!node) return propagate(node);
    if (!*node) return std::optional<CachedDirectory>();
    CachedDirectory directory;
    directory.device = (*node)->device;
    directory.self = entry_of(tree::split(path).name, **node);
    directory.self.uncovered = why;
    counted = {};
    counted.directories = 1;
    counted.uncovered.emplace_back(path, why);
    return std::optional(std::move(directory));
  }

  Result<CachedDirectory> look_into(int dir, const std::string& path, Captured& counted) {
    auto node = tree::look_at(dir, path);
    if (!node) return propagate(node);
    CachedDirectory directory;
    directory.device = node->device;
    directory.stamp = reader_.stamp_of(*node);
    directory.self = entry_of(tree::split(path).name, *node);
    auto xattrs = read_xattrs(dir, path);
    if (!xattrs) return propagate(xattrs);
    directory.self.xattrs = std::move(*xattrs);
    ++counted.directories;
    const CacheRow* row = row_of(path);
    const auto known = row != nullptr ? decode_directory(row->row) : std::nullopt;
    auto names = tree::list(dir, path);
    if (!names) return propagate(names);
    std::sort(names->begin(), names->end());
    for (const std::string& name : *names) {
      if (name == kStoreName) continue;
      auto entry = look_at_entry(dir, path, name, directory, known ? &*known : nullptr, counted);
      if (!entry) return propagate(entry);
      if (*entry) directory.entries.push_back(std::move(**entry));
    }
    return directory;
  }

  Result<std::optional<CachedEntry>> look_at_entry(int dir, const std::string& path,
                                                   const std::string& name,
                                                   const CachedDirectory& directory,
                                                   const CachedDirectory* known,
                                                   Captured& counted) {
    const std::string full = tree::join(path, name);
    auto node = tree::look(dir, name);
    if (!node) return propagate(node);
    if (!*node) return std::optional<CachedEntry>();
    if ((*node)->device != directory.device) {
      CachedEntry cached{{}, entry_of(name, **node)};
      cached.entry.uncovered = Uncovered::kElsewhere;
      note_uncovered(full, cached.entry, counted);
      return std::optional(std::move(cached));
    }
    if ((*node)->is_dir()) return std::optional(directory_entry(full, name, **node));
    const CachedEntry* old = known != nullptr ? entry_in(*known, name) : nullptr;
    Result<std::optional<CachedEntry>> cached = std::optional<CachedEntry>();
    if (old != nullptr && old->stamp.matches(**node) && is_same(**node, old->entry)) {
      cached = *old;
    } else {
      cached = reader_.read(dir, name, **node);
      if (!cached) return propagate(cached);
      ++counted.read;
    }
    if (!*cached) return cached;
    count((*cached)->entry.size, counted);
    note_uncovered(full, (*cached)->entry, counted);
    return cached;
  }

  // Its content is filled in by build(), unless it is unchanged.
  CachedEntry directory_entry(const std::string& path, const std::string& name, const Node& node) {
    CachedEntry cached{{}, entry_of(name, node)};
    const CacheRow* row = row_of(path);
    if (is_known_clean(row)) {
      if (auto known = decode_directory(row->row); known && known->stamp.matches(node)) {
        cached.entry = std::move(known->self);
        return cached;
      }
    }
    schedule(path);
    return cached;
  }

  static const CachedEntry* entry_in(const CachedDirectory& directory, const std::string& name) {
    const auto found = std::lower_bound(directory.entries.begin(), directory.entries.end(), name,
                                        [](const CachedEntry& entry, const std::string& wanted) {
                                          return entry.entry.name < wanted;
                                        });
    return found != directory.entries.end() && found->entry.name == name ? &*found : nullptr;
  }

  // --- the listings, from the bottom up ---

  Result<void> build() {
    add_ancestors();
    for (auto at = fresh_.rbegin(); at != fresh_.rend(); ++at) {
      const std::string& path = at->first;
      // Not needed any more; of a large tree they are most of the memory.
      const std::string row = std::exchange(at->second, {});
      if (row.empty()) {
        gone_.push_back(path);
        continue;
      }
      auto built = build_one(path, row);
      if (!built) return propagate(built);
      waiting_ += built->size();
      changed_.push_back({path, std::move(*built)});
      if (waiting_ < kMostWaiting) continue;
      if (auto written = write_rows(); !written) return written;
    }
    if (auto written = write_rows(); !written) return written;
    return take_top();
  }

  // Each row stands for itself: of a capture that ends here, the next one uses what there is.
  Result<void> write_rows() {
    if (auto committed = objects_.commit(); !committed) return committed;
    if (changed_.empty() && gone_.empty()) return {};
    auto updated = cache_.update(gone_, changed_);
    changed_.clear();
    gone_.clear();
    waiting_ = 0;
    return updated;
  }

  // Directories that are unchanged themselves, but lead to one that is not.
  void add_ancestors() {
    std::vector<std::string> paths;
    for (const auto& [path, row] : fresh_) paths.push_back(path);
    for (std::string path : paths) {
      while (path != top_) {
        path = tree::split(path).parent;
        const CacheRow* row = row_of(path);
        if (row == nullptr || !fresh_.emplace(path, row->row).second) break;
      }
    }
  }

  Result<std::string> build_one(const std::string& path, const std::string& row) {
    auto directory = decode_directory(row);
    if (!directory) return fail("the index of the store is damaged", EBADMSG);
    if (directory->self.uncovered == Uncovered::kNone) {
      if (auto filled = fill_in(path, *directory); !filled) return propagate(filled);
    }
    built_.insert_or_assign(path, directory->self);
    return encode(*directory);
  }

  Result<void> fill_in(const std::string& path, CachedDirectory& directory) {
    Listing listing;
    for (auto at = directory.entries.begin(); at != directory.entries.end();) {
      const auto child = built_.find(tree::join(path, at->entry.name));
      if (child != built_.end()) {
        at->entry = std::move(child->second);
        built_.erase(child);
      } else if (at->entry.is_dir() && fresh_.contains(tree::join(path, at->entry.name))) {
        // It was there when the directory was listed, and not any more when it was opened.
        at = directory.entries.erase(at);
        directory.stamp.ctime = 0;
        continue;
      }
      listing.push_back(at->entry);
      ++at;
    }
    if (const CacheRow* old = row_of(path)) note_gone(path, old->row, directory);
    auto content = put_listing(objects_, listing);
    if (!content) return propagate(content);
    directory.self.content = *content;
    return {};
  }

  // Directories that the cache knows below `path` and that are not there any more.
  void note_gone(const std::string& path, const std::string& row,
                 const CachedDirectory& directory) {
    const auto old = decode_directory(row);
    if (!old) return;
    for (const CachedEntry& entry : old->entries) {
      if (!entry.entry.is_dir()) continue;
      const CachedEntry* now = entry_in(directory, entry.entry.name);
      if (now == nullptr || !now->entry.is_dir())
        gone_.push_back(tree::join(path, entry.entry.name));
    }
  }

  Result<void> take_top() {
    if (captured_.top) return {};
    if (const auto built = built_.find(top_); built != built_.end()) {
      captured_.top = built->second;
    } else if (const CacheRow* row = row_of(top_); is_known_clean(row)) {
      if (auto known = decode_directory(row->row)) captured_.top = std::move(known->self);
    } else if (row != nullptr) {
      // It was a directory once.
      auto node = tree::Parents(root_.fd).look(top_);
      if (!node) return propagate(node);
      if (*node && !(*node)->is_dir()) return explore_single(**node);
    }
    return {};
  }

  Objects& objects_;
  const CaptureRoot& root_;
  const OnStep& on_step_;
  StatCache cache_;
  const std::string top_;
  Reader reader_;

  std::vector<CacheRow> rows_;  // in the order of paths, by bytes
  std::vector<char> clean_;     // of each row
  WorkList work_;
  std::mutex mutex_;  // for what follows
  std::unordered_set<std::string> scheduled_;
  std::map<std::string, std::string, tree::PathOrder> fresh_;  // encoded; empty: gone
  Captured captured_;
  std::uint64_t uncommitted_ = 0;  // files that were read since the objects were committed
  std::unordered_map<std::string, Entry> built_;
  std::vector<CacheRow> changed_;  // to be written, so many bytes
  std::size_t waiting_ = 0;
  std::vector<std::string> gone_;
};

}  // namespace

namespace {

Result<Captured> capture_with(const Store& store, Objects& objects, const CaptureRoot& root,
                              const std::string& path, const OnStep& on_step) {
  auto cache = StatCache::open(objects, root.name);
  if (!cache) return propagate(cache);
  auto runs = tree::open_dir(store.fd(), "runs");
  if (!runs) return propagate(runs);
  auto moment = tree::moment(runs->get());
  if (!moment) return propagate(moment);
  auto captured = Capture(objects, root, *cache, path, *moment, on_step).run();
  if (!captured) return captured;
  // What a single file needed.
  if (auto committed = objects.commit(); !committed) return propagate(committed);
  return captured;
}

}  // namespace

Result<Captured> capture(const Store& store, Objects& objects, const CaptureRoot& root,
                         const std::string& path, const OnStep& on_step) {
  auto captured = capture_with(store, objects, root, path, on_step);
  if (captured || captured.error().code != EBADMSG) return captured;
  // Nothing but the stat cache is read here.
  if (auto dropped = Objects::drop_index(store); !dropped) return propagate(dropped);
  return fail(captured.error().message + "; it is made anew when it is next opened", ESTALE);
}

}  // namespace mixguard::guard
