#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include <libcontrol/supervisor.h>

#include "agent/panel/outgoing.h"

namespace agent {

/// Sends the panel what servers write: together what comes within 50 ms, at most 1 MiB a second
/// for one server and 8 MiB for all. A server that writes more is told with gaps: its console keeps
/// the latest, and what it no longer keeps when its turn comes is not sent.
///
/// Threads: any. Blocking: stop() only.
class ConsoleFeed {
 public:
  static constexpr control::Duration kTurn = std::chrono::milliseconds(50);
  static constexpr double kServerBytesPerSecond = 1024 * 1024;
  static constexpr double kBytesPerSecond = 8 * kServerBytesPerSecond;

  /// `legacy`: server_output too.
  ConsoleFeed(Outgoing& out, bool legacy);
  ~ConsoleFeed() { stop(); }
  ConsoleFeed(const ConsoleFeed&) = delete;
  ConsoleFeed& operator=(const ConsoleFeed&) = delete;

  /// Before the first notice(); it must outlive stop().
  void start(const control::Supervisor& supervisor);
  /// There are new lines of this server.
  void notice(const std::string& server_id);
  /// It was removed: one of its name that comes is another.
  void forget(const std::string& server_id);
  void stop();

  /// Lines that were not sent because a server wrote more than is sent.
  std::uint64_t dropped() const noexcept { return dropped_; }

 private:
  struct Server {
    bool pending = false;
    bool begun = false;      ///< `sent` is known
    std::uint64_t sent = 0;  ///< the number of the last line that was
    double allowance = kServerBytesPerSecond / 4;
    std::uint64_t generation = 0;
  };

  void run();
  void turn(double seconds);
  double sendNew(const std::string& server_id, Server& server, double allowance);
  double sendLine(const std::string& server_id, const control::ConsoleLine& line);
  void sendGap(const std::string& server_id, std::uint64_t number, std::uint64_t lines,
               const std::string& reason);
  void sendOutput(const std::string& server_id, const char* stream, std::string text);
  double sendLegacy(const std::string& server_id, const control::ConsolePage& page,
                    std::uint64_t sent);

  Outgoing& out_;
  const bool legacy_;
  const control::Supervisor* supervisor_ = nullptr;
  std::atomic<std::uint64_t> dropped_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  // Guarded by mutex_.
  std::map<std::string, Server> servers_;
  std::uint64_t last_generation_ = 0;
  bool any_pending_ = false;
  bool stopping_ = false;
  double allowance_ = kBytesPerSecond / 4;
  std::string last_;  ///< who had the last turn
  std::thread thread_;
};

}  // namespace agent
