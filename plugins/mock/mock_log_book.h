#pragma once

#include <deque>
#include <string>
#include <string_view>

#include <libcontrol/streams.h>

namespace control::mock {

struct LogLine {
  OutputSource source;
  std::string bytes;  // up to and with the end of the line
  WallTime at;
};

/// What the engine keeps of a container's output: the latest MiB, or what was asked for.
class LogBook {
 public:
  void keep(std::size_t bytes) noexcept { limit_ = bytes; }
  void put(OutputSource source, std::string_view bytes, WallTime at);
  const std::deque<LogLine>& lines() const noexcept { return lines_; }
  /// The beginning is no longer there.
  bool cut() const noexcept { return cut_; }

 private:
  std::deque<LogLine> lines_;
  std::size_t limit_ = 1 << 20;
  std::size_t bytes_ = 0;
  bool cut_ = false;
};

}  // namespace control::mock
