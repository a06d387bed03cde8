#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/result.h>

namespace control::engine {

/// Cuts a byte stream into lines.
class LineSplitter {
 public:
  explicit LineSplitter(std::size_t max_line_bytes = 4 * 1024 * 1024) : max_(max_line_bytes) {}

  void feed(std::string_view bytes) { buffer_.append(bytes); }

  /// The next complete line without its end; nullopt: more bytes are needed. Empty lines are left
  /// out. kInternal: a line is longer than allowed.
  Result<std::optional<std::string>> next();

  /// What follows the last line.
  std::string_view rest() const noexcept { return std::string_view(buffer_).substr(begin_); }

 private:
  const std::size_t max_;
  std::string buffer_{};
  std::size_t begin_ = 0;
  std::size_t searched_ = 0;
};

/// Takes apart the frames in which engines put stdout and stderr on one connection: a head of
/// [source, 0, 0, 0, length (4 bytes, big-endian)], then so many bytes. A frame is handed on in
/// pieces as its bytes arrive, so that its length needs no limit.
class FrameSplitter {
 public:
  struct Piece {
    int source = 0;  ///< 0 stdin, 1 stdout, 2 stderr, 3 the engine's own complaint
    std::string bytes{};
    bool first = false;  ///< the first piece of its frame
  };

  void feed(std::string_view bytes) { buffer_.append(bytes); }

  /// kInternal: this is no frame.
  Result<std::optional<Piece>> next();

  /// Whether the stream may end here.
  bool atBoundary() const noexcept { return left_ == 0 && begin_ == buffer_.size(); }

 private:
  std::string buffer_{};
  std::size_t begin_ = 0;
  int source_ = 0;
  std::uint32_t left_ = 0;
};

}  // namespace control::engine
