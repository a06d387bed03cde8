#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <libcontrol/result.h>

#include "agent/descriptor.h"

namespace agent {

/// Why there is no connection to the panel.
inline control::Error unavailable(std::string why) {
  return {.code = control::ErrorCode::kUnavailable, .message = std::move(why)};
}

/// How a read or a write ended.
struct Io {
  enum class State : int {
    kMoved,   ///< `bytes` of them, more than none
    kWait,    ///< nothing can be moved now; of a write, `bytes` have to be offered again unchanged
    kEnd,     ///< the peer has ended the stream
    kBroken,  ///< `problem` says how
  };
  State state = State::kMoved;
  std::size_t bytes = 0;
  std::string problem{};
};

/// A connected byte stream to the panel that never blocks. Owns its descriptor. Not thread-safe.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual Io read(char* to, std::size_t size) = 0;
  virtual Io write(std::string_view bytes) = 0;
  /// Whether bytes have come that poll(2) does not see.
  virtual bool holdsMore() const = 0;
  virtual int descriptor() const = 0;
  /// What poll(2) is to wait for after a read, or a write, that ended in kWait.
  virtual short readEvents() const = 0;
  virtual short writeEvents() const = 0;
};

/// On a non-blocking TCP descriptor.
std::unique_ptr<Transport> plainTransport(Descriptor descriptor);

}  // namespace agent
