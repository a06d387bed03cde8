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

/// What the engine keeps of a container's output: the latest MiB.
class LogBook {
 public:
  void put(OutputSource source, std::string_view bytes, WallTime at);
  const std::deque<LogLine>& lines() const noexcept { return lines_; }
  /// The beginning is no longer there.
  bool cut() const noexcept { return cut_; }

 private:
  static constexpr std::size_t kLimit = 1 << 20;

  std::deque<LogLine> lines_;
  std::size_t bytes_ = 0;
  bool cut_ = false;
};

}  // namespace control::mock
