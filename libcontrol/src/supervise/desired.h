#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include <libcontrol/result.h>
#include <libcontrol/supervisor.h>

namespace control {

enum class Wanted {
  kStopped,
  kRunning,
  kFailed,
  // In the file alone, of what may have no container: that is no loss.
  kMade,  ///< it is being made, and is to run then
  kGone,  ///< it is being removed
};

/// What somebody wants of one entry.
struct Desired {
  Wanted wanted = Wanted::kStopped;
  int retries = 0;  ///< restarts in a row that a crash has cost it
  /// Why it failed, or with kRunning: why the run before ended, and a restart is due.
  std::optional<Reason> reason{};
  bool isRestartDue() const { return wanted == Wanted::kRunning && reason; }
  bool operator==(const Desired&) const = default;
};
using DesiredStates = std::map<std::string, Desired>;

/// The text of a state file, with its version in the first line and a checksum in the last.
std::string desiredToText(const DesiredStates& states);
/// kUnsupported: of a newer version. kInvalidArgument: damaged.
Result<DesiredStates> desiredFromText(std::string_view text);

/// The file that keeps what is wanted beyond the life of this process. A thread of its own writes
/// it after each change: to a second file, synced, put in its place by renaming, and the directory
/// synced. What cannot be written is told once and tried again until it can.
///
/// Threads:  any.
/// Blocking: read(), awaitWritten(), the destructor (one last attempt).
class DesiredFile {
 public:
  /// `tell` is called from any of these threads. An empty path: nothing is read or kept.
  DesiredFile(std::string path, std::function<void(const std::string&)> tell);
  ~DesiredFile();
  DesiredFile(const DesiredFile&) = delete;
  DesiredFile& operator=(const DesiredFile&) = delete;

  /// Once, before the first change. A file that cannot be understood is told, put aside under
  /// another name, and counts as empty.
  DesiredStates read();

  void set(const std::string& entry, const Desired& desired);
  void erase(const std::string& entry);

  /// Waits until the changes so far are on disk; false when that took longer or failed.
  bool awaitWritten(Duration patience);

 private:
  void putAside(const std::string& why);
  void changed();
  void run();
  /// With the lock released meanwhile.
  void write(std::unique_lock<std::mutex>& lock);

  const std::string path_;
  const std::function<void(const std::string&)> tell_;
  std::mutex mutex_;
  std::condition_variable condition_;
  // Guarded by mutex_.
  DesiredStates states_;
  std::uint64_t changes_ = 0;
  std::uint64_t written_ = 0;    ///< the changes that are on disk
  std::uint64_t attempted_ = 0;  ///< those that were tried, written or not
  bool off_ = false;             ///< what is there must not be overwritten
  bool failing_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace control
