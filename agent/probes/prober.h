#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

#include "agent/panel/wake_up.h"
#include "agent/probes/probe.h"

namespace agent {

/// Asks servers whenever it is their turn: one thread and poll(2) for all of them.
///
/// Threads: any. Blocking: stop() only.
class Prober {
 public:
  using Clock = Probe::Clock;
  using Pause = std::optional<control::Duration>;  ///< absent: until wake()

  /// Questions at one time; the others wait for their turn.
  static constexpr std::size_t kMostAtOnce = 256;

  /// What a server's turn comes to.
  struct Turn {
    std::unique_ptr<Exchange> exchange{};  ///< null: nothing is asked, and next comes `pause`
    ProbeAddress address{};
    Pause pause{};
  };
  /// Called on the prober's thread. `ticket` is that of the latest watch(), or of one before.
  class Client {
   public:
    virtual ~Client() = default;
    virtual Turn turn(const std::string& server, std::uint64_t ticket) = 0;
    virtual Pause answered(const std::string& server, std::uint64_t ticket,
                           const control::Result<ProbeAnswer>& answer) = 0;
  };

  explicit Prober(Client& client) : client_(client) {}
  ~Prober() { stop(); }
  Prober(const Prober&) = delete;
  Prober& operator=(const Prober&) = delete;

  void start();
  /// After it the client is called no more.
  void stop();

  /// Its turn is now, and whenever a pause is over. What was asked before is given up.
  void watch(const std::string& server, std::uint64_t ticket);
  void forget(const std::string& server);
  /// The next turn comes in `pause` at the latest, unless it is being asked.
  void wake(const std::string& server, control::Duration pause = {});

 private:
  struct Watched {
    std::uint64_t ticket = 0;
    std::optional<Clock::time_point> due{};
    bool asking = false;
  };
  struct Asking {
    std::string server;
    std::uint64_t ticket = 0;
    std::unique_ptr<Probe> probe;
  };

  void run();
  void takeTurns(Clock::time_point now);
  void goOn(Clock::time_point now);
  void await();
  void rest(const std::string& server, std::uint64_t ticket, Pause pause);

  Client& client_;
  WakeUp wake_up_;
  std::vector<Asking> asking_;  ///< the thread's own
  std::mutex mutex_;
  // Guarded by mutex_.
  std::map<std::string, Watched> watched_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace agent
