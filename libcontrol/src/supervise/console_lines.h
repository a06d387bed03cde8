#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/streams.h>

namespace control {

/// `text`, or when that is not valid UTF-8, `scratch` with U+FFFD for each byte that is not.
std::string_view asUtf8(std::string_view text, std::string& scratch);

/// Makes lines of output that comes in pieces, cut anywhere.
class LineAssembler {
 public:
  static constexpr std::size_t kLongestLine = 16 * 1024;

  struct Line {
    OutputSource source;
    std::optional<WallTime> at;
    std::string_view text;  ///< valid UTF-8
    bool cut = false;       ///< goes on in the next line of the source
  };
  using Sink = std::function<void(const Line& line)>;

  /// What has come of a line that has not ended yet.
  struct Partial {
    OutputSource source = OutputSource::kStdout;
    std::optional<WallTime> at{};
    std::string text{};
  };

  void feed(const Output& output, const Sink& sink);
  /// The lines that have not ended never will.
  void flush(const Sink& sink);

  std::array<Partial, 2>& partials() { return partials_; }  ///< of stdout or a terminal; of stderr
  const std::array<Partial, 2>& partials() const { return partials_; }

 private:
  void append(Partial& partial, std::string_view piece, const Sink& sink);
  void emit(const Partial& partial, std::string_view text, const Sink& sink);

  std::array<Partial, 2> partials_{};
  std::string scratch_{};
};

}  // namespace control
