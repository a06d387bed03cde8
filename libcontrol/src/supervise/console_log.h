#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/console.h>
#include <libcontrol/types.h>

#include "supervise/console_lines.h"
#include "supervise/console_ring.h"
#include "supervise/log_position.h"

namespace control {

/// The console of one entry: numbers the lines of its containers' logs and keeps the latest.
/// Without I/O. Not thread-safe.
class ConsoleLog {
 public:
  explicit ConsoleLog(std::size_t most_bytes) : ring_(most_bytes) {}

  /// What to ask of `container`'s log. One that was never read, and that was there before, is
  /// read from near its end.
  LogOptions request(const ContainerId& container, bool follow) const;
  /// That log is being read. `run`: the one that goes on; absent: what is left of the last one,
  /// which ended at `last_end` where that is known.
  void open(const ContainerId& container, const std::optional<RunId>& run,
            const std::optional<WallTime>& last_end = std::nullopt);
  /// That run goes on, whether the log was opened for it or for the one before.
  void expectRun(const RunId& run, const std::optional<WallTime>& last_end);
  void accept(Output output);
  /// All of this run has come.
  void endRun();
  /// Of the container that is to be read next everything is wanted: it is new.
  void expectNew() { whole_ = true; }

  void read(const ConsoleQuery& query, ConsolePage& page) const;
  std::uint64_t last() const noexcept { return next_ - 1; }
  /// Counts what must be saved at once, so that the same numbers are given again after a crash.
  std::uint64_t landmarks() const noexcept { return landmarks_; }

  /// As bytes, and back; false, and nothing has changed, when they are none of ours.
  std::string save() const;
  bool load(std::string_view saved);

 private:
  void endLines();
  void put(const LineAssembler::Line& line);
  void putGap(std::string_view reason);
  void beginRun(const std::optional<RunId>& run);

  ConsoleRing ring_;
  LineAssembler assembler_{};
  LogPosition position_{};
  ContainerId container_{};
  std::optional<RunId> run_{};
  std::optional<RunId> next_run_{};  ///< whose output has not begun yet
  WallTime next_run_after_{};        ///< nothing of it was written before
  bool run_is_over_ = false;
  /// A run that nobody has told of yet began with the output of this moment.
  bool is_untold_ = false;
  std::optional<WallTime> untold_since_{};
  std::uint32_t run_number_ = 0;
  std::uint64_t next_ = 1;
  std::uint64_t landmarks_ = 0;
  bool whole_ = false;
  bool loaded_ = false;  ///< and not caught up with the log yet
};

}  // namespace control
