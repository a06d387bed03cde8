#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "agent/panel/frame_reader.h"

namespace agent {

using Mask = std::array<unsigned char, 4>;

/// Masks that nobody can foresee, as RFC 6455, 5.3 asks: from the kernel, many at a time. Without
/// that, who chooses what we send could make a proxy in between take it for a request. Not
/// thread-safe.
class RandomMasks {
 public:
  Mask operator()();

 private:
  std::array<unsigned char, 4096> pool_{};
  std::size_t left_ = 0;
};

/// Makes frames as a client sends them. Does no I/O. Not thread-safe.
class FrameWriter {
 public:
  using Masks = std::function<Mask()>;

  explicit FrameWriter(Masks masks = RandomMasks()) : masks_(std::move(masks)) {}

  /// Appends one final frame to `bytes`.
  void append(std::string& bytes, Opcode opcode, std::string_view payload);

 private:
  Masks masks_;
};

/// The payload of a close frame; a reason that is too long is cut between two characters.
std::string closePayload(int code, std::string_view reason);

}  // namespace agent
