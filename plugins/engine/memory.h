#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include <libcontrol/types.h>

namespace control::engine {

/// What was seen of a container and its engine does not keep: why its last start failed, and
/// whether the kernel killed in a run. Bounded; the oldest goes first. Not truth but an addition
/// to it: a runtime opened later does without.
///
/// Threads: any method on any thread.
class Memory {
 public:
  void startFailed(const std::string& id, std::string words);
  void started(const std::string& id);
  void oomSeen(const RunId& run, bool killed);
  void forget(const std::string& id);

  /// Adds to `info` what it does not tell.
  void complete(ContainerInfo& info);

 private:
  struct Seen {
    std::uint64_t order = 0;
    std::string start_error{};
    std::optional<WallTime> run_started_at{};
    bool oom_killed = false;
  };
  Seen& place(const std::string& id);

  std::mutex mutex_;
  std::uint64_t next_order_ = 0;                     ///< guarded by mutex_
  std::map<std::string, Seen, std::less<>> seen_{};  ///< guarded by mutex_
};

}  // namespace control::engine
