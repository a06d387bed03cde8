#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/runtime.h>

namespace control {

/// The way to the stdin of one entry's container: one connection that is kept open while the run
/// lasts, and one line at a time. A line that waits for a process that does not read holds up the
/// lines behind it, and nobody else.
///
/// Threads:  any.
/// Blocking: none; lines are written on threads of `submit`.
class ConsoleInput : public std::enable_shared_from_this<ConsoleInput> {
 public:
  static constexpr std::size_t kLongestLine = 4095;  ///< what a terminal takes as one line
  static constexpr std::size_t kMostWaiting = 64;

  using Submit = std::function<void(std::function<void()> job)>;
  using Done = std::function<void(const Result<void>& written)>;

  ConsoleInput(ContainerRuntime& runtime, std::string entry, Submit submit)
      : runtime_(runtime), entry_(std::move(entry)), submit_(std::move(submit)) {}

  /// kInvalidArgument: no single line, or too long a one.
  static Result<void> check(std::string_view line);

  /// Calls `done` once, when the line was written or could not be. kResourceExhausted:
  /// kMostWaiting lines wait already.
  Result<void> send(const RunId& run, std::string line, const CallContext& context, Done done);
  /// The run is over, or another one: what is still written to it fails.
  void end();

 private:
  struct Waiting {
    RunId run;
    std::string line;
    CallContext context;
    Done done;
  };

  void workOff();
  Result<void> write(const Waiting& line);
  Result<std::shared_ptr<Console>> connect(const Waiting& line);

  ContainerRuntime& runtime_;
  const std::string entry_;
  const Submit submit_;
  std::mutex mutex_;
  // Guarded by mutex_.
  std::deque<Waiting> waiting_;
  bool busy_ = false;
  std::shared_ptr<Console> console_;
  std::optional<RunId> run_;  ///< that console_ belongs to
  bool unfinished_ = false;   ///< a part of a line may have been written
};

}  // namespace control
