#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/files.h"

namespace process_engine {

// A container's output is a folder of segments, files named `<number>.<run>` that hold frames. A
// keeper begins a new one for its run and whenever one is full, and removes the oldest. Whoever
// reads too slowly, or when it is too late, sees from the numbers that something is missing.

inline constexpr std::size_t kMaxFrameBytes = 64 * 1024;

enum class Source : std::uint8_t { kStdout = 1, kStderr = 2, kGap = 4 };

struct Frame {
  Source source = Source::kGap;
  std::int64_t at = 0;
  std::string bytes{};
};

class OutputWriter {
 public:
  /// The folder must exist.
  OutputWriter(int container, int run);
  /// At most kMaxFrameBytes. A full disk does not hold up the container: what cannot be written is
  /// a gap.
  void write(Source source, std::string_view bytes);

 private:
  bool put(Source source, std::string_view bytes);
  void beginSegment();

  Fd folder_;
  const int run_;
  int number_ = 0;
  Fd segment_{};
  off_t size_ = 0;
  bool lost_ = false;
};

class OutputReader {
 public:
  /// Reads what runs up to number `last_run` wrote.
  OutputReader(int container, int last_run);

  /// Goes to the end of what is there.
  void skipToEnd();
  /// From here on only what is there now is read.
  void stopAtEnd();
  /// nullopt: no more for now.
  std::optional<Frame> next();
  int folder() const noexcept { return folder_.get(); }

 private:
  struct Segment {
    int number = 0;
    int run = 0;
    bool operator<(const Segment& other) const { return number < other.number; }
  };
  std::vector<Segment> segments() const;
  std::optional<Frame> readFrame();
  void open(const Segment& segment);

  Fd folder_;
  const int last_run_;
  Segment at_{};
  Fd file_{};
  off_t offset_ = 0;
  std::optional<std::pair<int, off_t>> end_{};  ///< segment and offset
};

}  // namespace process_engine
