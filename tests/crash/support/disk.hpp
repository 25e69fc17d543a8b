// SPDX-License-Identifier: Apache-2.0
#pragma once

// A file system of its own in an image file, whose power can be cut: what was not written to the
// image by then is lost, and the next mount replays its journal. For root, and only where loop
// devices are.

#include <string>

namespace mixguard::testing {

// What a cut leaves of the journal: all that has happened to names and sizes, but no data that was
// not synced; or only what was synced.
enum class Cut { kJournalKept, kJournalLost };

// The image is remade by rewind() as it was at the time of keep(). Destruction unmounts; when the
// process dies its mounts and loop devices go with it.
class Disk {
 public:
  // `kind` is ext4 or xfs; `root` is the directory to mount at, which must outlive the disk.
  Disk(std::string kind, std::string root);
  ~Disk();
  Disk(const Disk&) = delete;
  Disk& operator=(const Disk&) = delete;

  void mount();
  void unmount();
  void keep();    // unmounted
  void rewind();  // unmounted
  // The file system takes nothing more. Only unmounting is left to do then.
  void cut(Cut how) const;

 private:
  std::string kind_;
  std::string root_;
  std::string image_;
  bool mounted_ = false;
};

// False when file systems cannot be mounted from images here; the reason has been printed. Fails
// the test instead when MIXGUARD_MUST_SANDBOX=1 and the tests run as root. Gives the process mounts
// of its own.
bool can_cut_power();

// How much is waiting to be written, as far as this process can see while it lives: with much,
// objects are synced one by one and not all at once.
class SeenAsDirty {
 public:
  explicit SeenAsDirty(bool much);
  ~SeenAsDirty();
  SeenAsDirty(const SeenAsDirty&) = delete;
  SeenAsDirty& operator=(const SeenAsDirty&) = delete;

 private:
  std::string file_;
};

}  // namespace mixguard::testing
