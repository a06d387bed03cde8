#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/streams.h>

namespace control {

/// One line of what an entry's container wrote, or with OutputSource::kGap the place where output
/// was lost.
struct ConsoleLine {
  /// Counts up within the entry and is never used again. It may jump; numbers that are missing
  /// belong to lines that are no longer kept, except in front of a gap (linesBetween).
  std::uint64_t number = 0;
  std::uint32_t run = 0;  ///< runs of the entry that were read, counted from 1
  OutputSource source = OutputSource::kStdout;
  std::optional<WallTime> at{};  ///< as the engine noted it
  /// Valid UTF-8 without the end of the line: what was none became U+FFFD. Of a line that a
  /// terminal wrote over, the last text. Of a gap: why.
  std::string text{};
  bool cut = false;  ///< longer than 16 KiB: it goes on in the next line of this source
};

/// How many lines stood between those of two numbers of one console, of which `before` is the
/// lesser. Nothing: nobody knows, since some were lost uncounted.
std::optional<std::uint64_t> linesBetween(std::uint64_t before, std::uint64_t after) noexcept;

/// Which lines of a console: those after number `after`, and of more than the limits allow the
/// newest, or the oldest. One line is always given, however long.
struct ConsoleQuery {
  std::uint64_t after = 0;
  std::size_t lines = 100;
  std::size_t text_bytes = 512 * 1024;
  bool newest = true;
};

struct ConsolePage {
  std::vector<ConsoleLine> lines{};  ///< in order
  std::uint64_t first = 0;           ///< the oldest that is kept; 0: there is none
  std::uint64_t last = 0;            ///< the newest that there ever was; 0: none yet
  std::uint64_t restored = 0;        ///< the last that a process before this one had read; 0: none
  std::size_t left_out = 0;          ///< kept lines after `after` that the limits left out
  std::string problem{};             ///< why no output can be read; empty: it can
};

}  // namespace control
