#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/pulse.h>

#include "agent/panel/dialer.h"
#include "agent/panel/frame_reader.h"
#include "agent/panel/link.h"
#include "agent/panel/outbox.h"
#include "agent/panel/output.h"
#include "agent/panel/wake_up.h"

namespace agent {

/// Why a connection ended.
struct Ending {
  std::string text;
  bool come_back_later = false;  ///< the panel restarts or is overloaded
};

/// As in "2.5 s".
std::string inSeconds(std::chrono::milliseconds time);

/// Messages since the start.
struct Traffic {
  std::atomic<std::uint64_t> received{0};
  std::atomic<std::uint64_t> sent{0};
};

/// What a connection works with; all of it outlives it.
struct ConnectionParts {
  const LinkSettings& settings;
  LinkListener& listener;
  Outbox& outbox;
  WakeUp& wake_up;
  Traffic& traffic;
  const std::atomic<bool>& stopping;
  control::Pulse& pulse;
};

/// One established WebSocket, from the greeting to its end.
///
/// Threads: one. Blocking: run(). What could not be sent is in the outbox again once it is
/// destroyed.
class Connection {
 public:
  Connection(ConnectionParts parts, Dialed dialed);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Ending run();

 private:
  using Clock = std::chrono::steady_clock;
  using milliseconds = std::chrono::milliseconds;

  std::optional<Ending> turn();
  std::optional<Ending> send();
  bool fill();
  bool awaitSomething();
  std::optional<Ending> receive();
  std::optional<Ending> take(std::string_view bytes);
  std::optional<Ending> obey(FrameEvent event);
  std::optional<Ending> runTimers();
  Clock::time_point nextTimer() const;
  bool mayRead() const;

  Ending answerClose(const FrameEvent& close);
  Ending endWith(int code, const std::string& why);
  Ending sayGoodbye();
  void closeBy(Clock::time_point deadline, std::string_view payload);
  bool drain(Clock::time_point deadline, bool whole_outbox);
  void awaitEnd(Clock::time_point deadline);
  bool awaitUntil(short events, Clock::time_point deadline) const;
  void giveBack(std::vector<Outbox::Message> messages);

  ConnectionParts parts_;
  const LinkTiming& timing_;
  const std::unique_ptr<Transport> transport_;
  std::string early_;
  FrameReader reader_;
  Output output_;
  std::deque<std::string> greeting_;
  std::vector<char> buffer_;
  bool more_to_read_;  ///< in the transport, where poll does not see it

  Clock::time_point now_ = Clock::now();
  Clock::time_point received_at_ = now_;
  Clock::time_point sent_at_ = now_;  ///< or since when there is something to send
  Clock::time_point pinged_at_ = now_;
  Clock::time_point heartbeat_at_;
  Clock::time_point frame_began_at_ = now_;
  std::uint64_t frame_ = 0;
};

}  // namespace agent
