// SPDX-License-Identifier: Apache-2.0
// A file system whose clock goes in ticks: on ramfs two changes of the same length within one tick
// leave no trace but the content.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "guard/snapshot/capture.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::guard {
namespace {

using testing::expect;
using testing::Project;

// Of the same length each time.
std::string text_of(int number) { return std::to_string(1'000'000 + number); }

// Writes one text after the other while it exists, at least one, and knows the last.
class Writer {
 public:
  explicit Writer(const std::string& path)
      : file_(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)), thread_([this] {
          do {
            const std::string text = text_of(++count_);
            if (::pwrite(file_.get(), text.data(), text.size(), 0) < 0) return;
          } while (!over_);
        }) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  ~Writer() { stop(); }
  std::string stop() {
    over_ = true;
    if (thread_.joinable()) thread_.join();
    return text_of(count_);
  }

 private:
  std::atomic<bool> over_ = false;
  int count_ = 0;  // the thread's, until it is joined
  tree::UniqueFd file_;
  std::thread thread_;
};

Entry captured(const Store& store, Objects& objects) {
  auto seen = capture(store, objects, {store.project_fd(), ""}, "");
  expect(seen && seen->top, "capture");
  auto entry = find_entry(objects, *seen->top, "lib/a.ex");
  expect(entry && *entry, "the file is not there");
  return std::move(**entry);
}

TEST_CASE("a change within the tick in which a file was captured is seen by the next capture") {
  const Project project;
  testing::on_small_disk(project.root(), "1m", [&] {
    expect(::mount("none", project.root().c_str(), "ramfs", MS_NOSUID | MS_NODEV, nullptr) == 0,
           "mount ramfs");
    project.write("lib/a.ex", text_of(0));
    const Store store = project.store();
    auto objects = Objects::open(store);
    expect(objects.has_value(), "open objects");
    int unseen_by_times = 0;
    for (int i = 0; i < 150; ++i) {
      Writer writer(project.at("lib/a.ex"));
      const Entry meanwhile = captured(store, *objects);
      const ObjectId last = object_id_of(writer.stop());
      const Entry afterwards = captured(store, *objects);
      expect(afterwards.content.id == last, "the last change was not seen");
      if (meanwhile.mtime == afterwards.mtime && meanwhile.content.id != last) ++unseen_by_times;
    }
    // Otherwise this shows nothing.
    expect(unseen_by_times > 0, "every change had a time of its own");
  });
}

}  // namespace
}  // namespace mixguard::guard
