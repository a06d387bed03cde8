#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>

namespace agent {

/// The signals that ask the agent to stop, SIGTERM and SIGINT. They are waited for in a thread of
/// their own, which does nothing else: whatever the other threads are stuck at (a log that nobody
/// reads), the process ends 10 s after the first signal, and at once on a second one.
///
/// Lasts as long as the process. Threads: any.
class StopSignals {
 public:
  /// Signals that are no reason to end, in the calling thread and those that it starts; comes
  /// before all else.
  static void blockOthers();

  /// The only one. The first call, before which they end the process at once, blocks them likewise
  /// and begins to wait.
  static StopSignals& watch();

  /// The signal that came first; 0 when none came in `patience`.
  int await(std::optional<std::chrono::milliseconds> patience);

 private:
  StopSignals();
  [[noreturn]] void run();

  std::mutex mutex_;
  std::condition_variable came_;
  int signal_ = 0;
};

}  // namespace agent
