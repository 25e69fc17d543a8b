// SPDX-License-Identifier: Apache-2.0
#include "tests/crash/support/disk.hpp"

#include <fcntl.h>
#include <linux/loop.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "sandbox/sys/unique_fd.hpp"
#include "tests/guard/snapshot/project_fixture.hpp"

namespace mixguard::testing {
namespace {

namespace fs = std::filesystem;
using sandbox::UniqueFd;

// EXT4_IOC_SHUTDOWN, which is XFS_IOC_GOINGDOWN; not in any header of the C library.
constexpr unsigned long kShutDown = _IOR('X', 125, std::uint32_t);
constexpr std::uint32_t kLogFlush = 1;
constexpr std::uint32_t kNoLogFlush = 2;

void shell(const std::string& command) {
  INFO(command);
  REQUIRE(std::system((command + " >/dev/null 2>&1").c_str()) == 0);
}

// xfs makes none below 300 MB; what is never written takes no place.
std::string make_command(const std::string& kind, const std::string& image) {
  return kind == "xfs" ? "truncate -s 310M " + image + " && mkfs.xfs -q -f " + image
                       : "truncate -s 16M " + image + " && mkfs.ext4 -q -F " + image;
}

// A free loop device with the image behind it, which goes when nothing uses it any more.
UniqueFd loop_over(const std::string& image, std::string& device) {
  const UniqueFd control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  const UniqueFd file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  loop_config config{};
  config.fd = static_cast<std::uint32_t>(file.get());
  config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
  for (int tries = 0; control && file && tries < 20; ++tries) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) break;
    device = "/dev/loop" + std::to_string(number);
    UniqueFd loop(::open(device.c_str(), O_RDWR | O_CLOEXEC));
    if (loop && ::ioctl(loop.get(), LOOP_CONFIGURE, &config) == 0) return loop;
    if (!loop || errno != EBUSY) break;  // somebody else was faster
  }
  return {};
}

bool mount_image(const std::string& image, const std::string& kind, const std::string& root) {
  std::string device;
  const UniqueFd loop = loop_over(image, device);
  return loop && ::mount(device.c_str(), root.c_str(), kind.c_str(), 0, nullptr) == 0;
}

std::string why_no_cut() {
  if (::geteuid() != 0) return "only root can mount a file system";
  if (::unshare(CLONE_NEWNS) < 0 || ::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) < 0)
    return "no mounts of one's own here";
  for (const char* kind : {"ext4", "xfs"}) {
    const std::string name = std::string("mkfs.") + kind;
    if (std::system(("command -v " + name + " >/dev/null").c_str()) != 0)
      return name + " is not installed";
    const Project where;
    const std::string image = where.root() + ".img";
    shell(make_command(kind, image));
    const bool mounted = mount_image(image, kind, where.root());
    const std::string why =
        std::string(kind) + " cannot be mounted from an image: " + std::strerror(errno);
    fs::remove(image);
    if (!mounted) return why;
    ::umount2(where.root().c_str(), 0);
  }
  return "";
}

}  // namespace

bool can_cut_power() {
  static const std::string why = why_no_cut();
  if (why.empty()) return true;
  const char* must = std::getenv("MIXGUARD_MUST_SANDBOX");
  if (::geteuid() == 0 && must != nullptr && std::string_view(must) == "1") FAIL(why);
  WARN("skipped: power cannot be cut: " + why);
  return false;
}

Disk::Disk(std::string kind, std::string root)
    : kind_(std::move(kind)), root_(std::move(root)), image_(root_ + ".img") {
  shell(make_command(kind_, image_));
}

Disk::~Disk() {
  if (mounted_) ::umount2(root_.c_str(), MNT_DETACH);
  std::error_code ignored;
  fs::remove(image_, ignored);
  fs::remove(image_ + ".kept", ignored);
}

void Disk::mount() {
  INFO(kind_ << ": " << std::strerror(errno));
  REQUIRE(mount_image(image_, kind_, root_));
  mounted_ = true;
}

void Disk::unmount() {
  REQUIRE(::umount2(root_.c_str(), 0) == 0);
  mounted_ = false;
}

void Disk::keep() { shell("cp --sparse=always " + image_ + " " + image_ + ".kept"); }

void Disk::rewind() {
  // A new file: the loop device of the last mount may still be on its way out.
  fs::remove(image_);
  shell("cp --sparse=always " + image_ + ".kept " + image_);
}

void Disk::cut(Cut how) const {
  const UniqueFd root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  REQUIRE(root);
  std::uint32_t flags = how == Cut::kJournalKept ? kLogFlush : kNoLogFlush;
  REQUIRE(::ioctl(root.get(), kShutDown, &flags) == 0);
}

SeenAsDirty::SeenAsDirty(bool much) : file_(detail::make_temporary() + "/meminfo") {
  write_file(file_,
             much ? "Dirty: 1048576 kB\nWriteback: 0 kB\n" : "Dirty: 8 kB\nWriteback: 0 kB\n");
  REQUIRE(::mount(file_.c_str(), "/proc/meminfo", nullptr, MS_BIND, nullptr) == 0);
}

SeenAsDirty::~SeenAsDirty() {
  ::umount2("/proc/meminfo", MNT_DETACH);
  remove_all(fs::path(file_).parent_path().string());
}

}  // namespace mixguard::testing
