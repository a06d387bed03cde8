#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "agent/panel/frame_writer.h"
#include "agent/panel/outbox.h"

namespace agent {

/// Frames on their way into a socket, and the messages in them until the last byte of each is out.
/// A frame that was begun is never followed by anything but its own rest. Not thread-safe.
class Output {
 public:
  void frame(Opcode opcode, std::string_view payload);
  void message(Outbox::Message message);

  std::string_view unsent() const { return std::string_view(bytes_).substr(begun_); }
  std::size_t pending() const { return bytes_.size() - begun_; }
  /// So many bytes of unsent() are out. Returns how many messages they completed.
  std::size_t sent(std::size_t bytes);

  /// So many bytes of unsent() are in the transport's hands: they count as begun.
  void held(std::size_t bytes);

  /// Forgets the frames that were not begun; returns their messages, the last one first.
  std::vector<Outbox::Message> cut();
  /// For a connection that is over: the messages that are not out as a whole, the last one first.
  std::vector<Outbox::Message> takeBack();

 private:
  enum class Carries : int { kControl, kText, kMessage };
  /// Small: a peer can have very many pongs made.
  struct Frame {
    std::uint64_t begin = 0;  ///< in the stream
    std::uint64_t end = 0;
    Carries carries = Carries::kControl;
  };

  std::vector<Outbox::Message> removeFrom(std::uint64_t begin);

  FrameWriter writer_;
  std::string bytes_;
  std::size_t begun_ = 0;   ///< how much of bytes_ is out
  std::uint64_t sent_ = 0;  ///< of the stream
  std::uint64_t held_ = 0;  ///< likewise; beyond sent_ while the transport has some in its hands
  std::deque<Frame> frames_;
  std::deque<Outbox::Message> messages_;  ///< of the frames that carry one
};

}  // namespace agent
