// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "probe.hpp"

namespace probe {
namespace {

int write_file(const Arguments& a) {
  return verdict(append(::open(a.at(0).c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644)));
}
// Makes the directories on the way.
int plant(const Arguments& a) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(a.at(0)).parent_path(), error);
  return write_file(a);
}
// Into what is there: a rename onto the name would be another file.
int overwrite(const Arguments& a) {
  return verdict(append(::open(a.at(0).c_str(), O_WRONLY | O_APPEND)));
}
int print(int fd) {
  std::array<char, 4096> text;
  const ssize_t length = fd >= 0 ? ::read(fd, text.data(), text.size()) : -1;
  if (length > 0) static_cast<void>(::write(STDOUT_FILENO, text.data(), size_t(length)));
  return verdict(length > 0);
}
int read_file(const Arguments& a) { return print(::open(a.at(0).c_str(), O_RDONLY)); }
int write_descriptor(const Arguments& a) { return verdict(append(number(a.at(0)))); }
int open_at(const Arguments& a) {
  return print(::openat(number(a.at(0)), a.at(1).c_str(), O_RDONLY));
}
std::string descriptor_path(const std::string& fd) { return "/proc/self/fd/" + fd; }
// What was given for reading, opened again for writing.
int reopen(const Arguments& a) {
  return verdict(append(::open(descriptor_path(a.at(0)).c_str(), O_WRONLY | O_APPEND)));
}

int hard_link(const Arguments& a) { return verdict(::link(a.at(0).c_str(), a.at(1).c_str()) == 0); }
int link_descriptor(const Arguments& a) {
  return verdict(::linkat(AT_FDCWD, descriptor_path(a.at(0)).c_str(), AT_FDCWD, a.at(1).c_str(),
                          AT_SYMLINK_FOLLOW) == 0);
}
int make_link(const Arguments& a) {
  return verdict(::symlink(a.at(0).c_str(), a.at(1).c_str()) == 0);
}
// Puts a symlink in the place of a directory.
int replace_directory(const Arguments& a) {
  const std::string aside = a.at(0) + ".aside";
  return verdict(::rename(a.at(0).c_str(), aside.c_str()) == 0 &&
                 ::symlink(a.at(1).c_str(), a.at(0).c_str()) == 0);
}
// LINK is by turns a symlink to TARGET and a directory, while a file is made in it: until one is in
// TARGET, or the milliseconds are over.
int swap_link(const Arguments& a) {
  using Clock = std::chrono::steady_clock;
  const char* link = a.at(0).c_str();
  const auto until = Clock::now() + std::chrono::milliseconds(number(a.at(2)));
  const std::string planted = a.at(0) + "/planted";
  const pid_t swapper = ::fork();
  if (swapper == 0) {
    for (;;) {
      static_cast<void>(::symlink(a.at(1).c_str(), link));
      ::unlink(link);
      ::mkdir(link, 0755);
      ::unlink(planted.c_str());
      ::rmdir(link);
    }
  }
  const std::string aim = a.at(1) + "/planted";
  bool made = false;
  while (!made && Clock::now() < until) {
    ::close(::open(planted.c_str(), O_WRONLY | O_CREAT, 0644));
    made = ::access(aim.c_str(), F_OK) == 0;
  }
  ::kill(swapper, SIGKILL);
  ::waitpid(swapper, nullptr, 0);
  return verdict(made);
}

int change_mode(const Arguments& a) {
  const auto mode = static_cast<mode_t>(std::strtoul(a.at(1).c_str(), nullptr, 8));
  return verdict(::chmod(a.at(0).c_str(), mode) == 0);
}
// An access control list that lets the group and somebody by name write: version 2, then tag,
// permissions and id of each entry (linux/posix_acl_xattr.h), little endian.
int grant(const Arguments& a) {
  struct Entry {
    std::uint16_t tag, permissions;
    std::uint32_t id;
  };
  struct {
    std::uint32_t version = 2;
    Entry entries[5];
  } list{2,
         {{1, 6, UINT32_MAX},
          {2, 6, ::geteuid()},
          {4, 6, UINT32_MAX},
          {16, 6, UINT32_MAX},
          {32, 4, UINT32_MAX}}};
  return verdict(::setxattr(a.at(0).c_str(), "system.posix_acl_access", &list, sizeof(list), 0) ==
                 0);
}
int set_flags(const Arguments& a) {
  return verdict(::fcntl(std::atoi(a.at(0).c_str()), F_SETFL, std::atoi(a.at(1).c_str())) == 0);
}
int setuid_bit(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0755);
  return verdict(fd >= 0 && ::fchmod(fd, 04755) == 0);
}
int setuid_path(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0755);
  return verdict(fd >= 0 && ::chmod(a.at(0).c_str(), 06755) == 0);
}
int setuid_open(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT | O_EXCL, 04755);
  struct stat info{};
  return verdict(fd >= 0 && ::fstat(fd, &info) == 0 && (info.st_mode & S_ISUID) != 0);
}
// Made without a name, and with one only when it has the bit.
int setuid_nameless(const Arguments& a) {
  const std::string directory = a.at(0).substr(0, a.at(0).rfind('/'));
  const int fd = ::open(directory.c_str(), O_TMPFILE | O_WRONLY, 04755);
  const std::string nameless = "/proc/self/fd/" + std::to_string(fd);
  return verdict(fd >= 0 && ::linkat(AT_FDCWD, nameless.c_str(), AT_FDCWD, a.at(0).c_str(),
                                     AT_SYMLINK_FOLLOW) == 0);
}
// fchmodat2(2), Linux 6.6, by number: older headers do not know it.
int setuid_newer_call(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0755);
  return verdict(fd >= 0 && ::syscall(452, AT_FDCWD, a.at(0).c_str(), 04755, 0) == 0);
}
int device_node(const Arguments& a) {
  return verdict(::mknod(a.at(0).c_str(), S_IFCHR | 0666, 0x103) == 0);
}
int file_capability(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0755);
  // struct vfs_cap_data, revision 2: CAP_SETUID permitted and effective.
  const std::array<unsigned, 5> data{0x02000001, 1U << 7, 0, 0, 0};
  return verdict(fd >= 0 &&
                 ::fsetxattr(fd, "security.capability", data.data(), sizeof(data), 0) == 0);
}
int big_file(const Arguments& a) {
  const int fd = ::open(a.at(0).c_str(), O_WRONLY | O_CREAT, 0644);
  return verdict(fd >= 0 && ::ftruncate(fd, std::atoll(a.at(1).c_str())) == 0);
}

constexpr Attack kAttacks[] = {
    {"write", write_file},
    {"plant", plant},
    {"overwrite", overwrite},
    {"read", read_file},
    {"write_descriptor", write_descriptor},
    {"open_at", open_at},
    {"reopen", reopen},
    {"hard_link", hard_link},
    {"link_descriptor", link_descriptor},
    {"make_link", make_link},
    {"replace_directory", replace_directory},
    {"swap_link", swap_link},
    {"change_mode", change_mode},
    {"grant", grant},
    {"set_flags", set_flags},
    {"setuid_bit", setuid_bit},
    {"setuid_path", setuid_path},
    {"setuid_open", setuid_open},
    {"setuid_nameless", setuid_nameless},
    {"setuid_newer_call", setuid_newer_call},
    {"device_node", device_node},
    {"file_capability", file_capability},
    {"big_file", big_file},
};

}  // namespace

std::span<const Attack> file_attacks() { return kAttacks; }

}  // namespace probe
