// SPDX-License-Identifier: Apache-2.0
#pragma once

// As much of io_uring as an attack needs: one operation at a time, without liburing. For probes and
// for tests, which leave a prepared ring to them.

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cstring>

namespace mixguard::test {

class Ring {
 public:
  Ring() {
    io_uring_params parameters{};
    fd_ = static_cast<int>(::syscall(SYS_io_uring_setup, 4, &parameters));
    if (fd_ < 0) return;
    rings_ = map(parameters.sq_off.array + parameters.sq_entries * sizeof(unsigned) +
                     parameters.cq_entries * sizeof(io_uring_cqe) + 4096,
                 IORING_OFF_SQ_RING);
    entries_ = static_cast<io_uring_sqe*>(
        static_cast<void*>(map(parameters.sq_entries * sizeof(io_uring_sqe), IORING_OFF_SQES)));
    layout_ = parameters;
  }

  [[nodiscard]] int fd() const { return fd_; }

  // Puts one operation into the queue; nothing happens before enter().
  void prepare(const io_uring_sqe& operation) {
    const unsigned tail = word(layout_.sq_off.tail).load();
    const unsigned index = tail & word(layout_.sq_off.ring_mask).load();
    entries_[index] = operation;
    word(layout_.sq_off.array + index * sizeof(unsigned)).store(index);
    word(layout_.sq_off.tail).store(tail + 1);
  }

  static bool enter(int fd) {
    return ::syscall(SYS_io_uring_enter, fd, 1, 1, IORING_ENTER_GETEVENTS, nullptr, 0) == 1;
  }

  // The result of the operation that completed last.
  int result() {
    const unsigned head = word(layout_.cq_off.head).load();
    const unsigned index = head & word(layout_.cq_off.ring_mask).load();
    io_uring_cqe completed;
    std::memcpy(&completed, rings_ + layout_.cq_off.cqes + index * sizeof(completed),
                sizeof(completed));
    word(layout_.cq_off.head).store(head + 1);
    return completed.res;
  }

  static io_uring_sqe create_file(const char* path) {
    io_uring_sqe operation{};
    operation.opcode = IORING_OP_OPENAT;
    operation.fd = -100;  // AT_FDCWD
    operation.addr = reinterpret_cast<__u64>(path);
    operation.len = 0644;
    operation.open_flags = 0101;  // O_WRONLY | O_CREAT
    return operation;
  }

  // Makes the ring itself hold `file`, so that whoever has the ring can use it.
  [[nodiscard]] bool keep(int file) const {
    return ::syscall(SYS_io_uring_register, fd_, IORING_REGISTER_FILES, &file, 1) == 0;
  }
  // Of the kept file: nothing in it is an address of the process that prepared it.
  static io_uring_sqe extend_kept_file(unsigned size) {
    io_uring_sqe operation{};
    operation.opcode = IORING_OP_FALLOCATE;
    operation.flags = IOSQE_FIXED_FILE;
    operation.addr = size;
    return operation;
  }

 private:
  char* map(std::size_t size, long offset) const {
    return static_cast<char*>(
        ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd_, offset));
  }
  std::atomic_ref<unsigned> word(std::size_t offset) {
    return std::atomic_ref<unsigned>(*static_cast<unsigned*>(static_cast<void*>(rings_ + offset)));
  }

  int fd_ = -1;
  char* rings_ = nullptr;
  io_uring_sqe* entries_ = nullptr;
  io_uring_params layout_{};
};

}  // namespace mixguard::test
