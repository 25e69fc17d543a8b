// SPDX-License-Identifier: Apache-2.0
#pragma once

// Stands between what the command writes and where the caller wants it: for counting. Bytes pass
// unchanged and in order within each stream; the order between standard output and standard error
// is that of their arrival here. A reader that does not read holds the command up, as without a
// relay; one that is gone lets it meet EPIPE and SIGPIPE.

#include <signal.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

#include "policy/result.hpp"
#include "sandbox/event_loop.hpp"
#include "sandbox/sys/unique_fd.hpp"

namespace mixguard::sandbox {

// One direction, from a descriptor of ours to one of the caller's.
class ByteRelay {
 public:
  // How many of the bytes that have come may be passed on; fewer than it is asked for end the
  // relay.
  using Admit = std::function<std::size_t(std::size_t)>;

  // Takes over `source`, which must not block. `sink` stays the caller's and its flags stay as they
  // are: others may have it, too.
  enum class Sink { kCallers, kOurs };  // ours: does not block
  ByteRelay(EventLoop& loop, UniqueFd source, int sink, Admit admit, Sink whose = Sink::kCallers);
  ~ByteRelay();
  ByteRelay(const ByteRelay&) = delete;
  ByteRelay& operator=(const ByteRelay&) = delete;

  Result<void> start();
  // Reads nothing until it is resumed.
  void pause();
  void resume();
  // Passes on what is left, once nobody writes any more. Gives up on a reader that takes nothing
  // for `patience_ms`.
  void drain(int patience_ms);

  [[nodiscard]] bool finished() const { return !source_; }

 private:
  enum class Step { kDone, kWouldBlock, kOver };
  Step read_some();
  Step write_some();
  void pump();
  void wait_for(int fd, std::uint32_t events);
  void finish();
  [[nodiscard]] int sink() const { return own_sink_ ? own_sink_.get() : sink_; }
  [[nodiscard]] ssize_t write_without_waiting(const char* data, std::size_t size) const;

  EventLoop& loop_;
  UniqueFd source_;
  int sink_;
  UniqueFd own_sink_;  // the same pipe or terminal opened again, so that it can be non-blocking
  enum class SinkKind { kFile, kSocket, kOwn, kShared } kind_ = SinkKind::kShared;
  int waiting_for_ = -1;  // the descriptor that is watched
  bool last_ = false;     // nothing more may be passed on than what is in the buffer
  Admit admit_;
  std::array<char, 65536> buffer_;
  std::size_t begin_ = 0, end_ = 0;
};

// A relay whose reader is gone must not end the supervisor: SIGPIPE is ignored while this lives.
class SigpipeIgnored {
 public:
  SigpipeIgnored();
  ~SigpipeIgnored();
  SigpipeIgnored(const SigpipeIgnored&) = delete;
  SigpipeIgnored& operator=(const SigpipeIgnored&) = delete;

 private:
  struct sigaction saved_;
};

// Standard output and standard error of a run with a limit on how much it writes. The command finds
// two pipes in their place, whatever the caller's are: isatty(3) says no.
class OutputRelay {
 public:
  // Makes the pipes.
  static Result<std::unique_ptr<OutputRelay>> create();
  ~OutputRelay();
  OutputRelay(const OutputRelay&) = delete;
  OutputRelay& operator=(const OutputRelay&) = delete;

  // What the command gets as descriptors 1 and 2; closed by start().
  [[nodiscard]] int output() const { return writers_[0].get(); }
  [[nodiscard]] int error() const { return writers_[1].get(); }

  // Relays while `loop` turns. `admit` is asked for both streams.
  Result<void> start(EventLoop& loop, const ByteRelay::Admit& admit);
  void drain();

 private:
  OutputRelay() = default;

  SigpipeIgnored ignored_;
  std::array<UniqueFd, 2> readers_, writers_;
  std::array<std::unique_ptr<ByteRelay>, 2> relays_;
};

}  // namespace mixguard::sandbox
