// SPDX-License-Identifier: Apache-2.0
//
// Asks for the state of every file below the working directory, in two threads: the least that
// anything has to do that looks for changes by walking.
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <condition_variable>
#include <iostream>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace {

class Walk {
 public:
  long run() {
    std::thread other([this] { work(); });
    work();
    other.join();
    return entries_;
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return !pending_.empty() || busy_ == 0; });
      if (pending_.empty()) break;
      const std::string path = std::move(pending_.back());
      pending_.pop_back();
      ++busy_;
      lock.unlock();
      std::vector<std::string> found;
      const long count = look(path, found);
      lock.lock();
      --busy_;
      entries_ += count;
      for (std::string& directory : found) pending_.push_back(std::move(directory));
      changed_.notify_all();
    }
    changed_.notify_all();
  }

  static long look(const std::string& path, std::vector<std::string>& directories) {
    DIR* const stream = ::opendir(path.c_str());
    if (stream == nullptr) return 0;
    long count = 0;
    while (const dirent* entry = ::readdir(stream)) {
      const std::string_view name = entry->d_name;
      struct stat info{};
      if (name == "." || name == ".." || name == ".mixguard") continue;
      if (::fstatat(::dirfd(stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) < 0) continue;
      ++count;
      if (S_ISDIR(info.st_mode)) directories.push_back(path + "/" + entry->d_name);
    }
    ::closedir(stream);
    return count;
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> pending_ = {"."};
  int busy_ = 0;
  long entries_ = 0;
};

}  // namespace

int main() {
  std::cout << Walk().run() << "\n";
  return 0;
}
