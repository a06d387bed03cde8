#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "agent/panel/frame_reader.h"
#include "agent/panel/outbound.h"

namespace agent {

/// What the link asks of the agent. Called on the link's own thread; must not block.
class LinkListener {
 public:
  virtual ~LinkListener() = default;
  /// A connection was made: what is sent first, before all that is queued.
  virtual std::vector<std::string> greeting() = 0;
  virtual std::string heartbeat() = 0;
  virtual void onMessage(std::string text) = 0;
  /// Only when the rules allow it.
  virtual void onBinary(std::string) {}
  virtual void onFrameProblem(FrameProblem problem) = 0;
  /// The event that stands for lines of a server's console that were dropped; `sequence` is that of
  /// the last of them.
  virtual std::string consoleGap(const std::string& server_id, std::uint64_t lines,
                                 std::uint64_t sequence) = 0;
};

/// How long the link waits for what; other than these only in tests.
struct LinkTiming {
  std::chrono::milliseconds dial{
      10'000};  ///< each for name and connection, for TLS, for the upgrade
  std::chrono::milliseconds ping_after{20'000};  ///< without receiving anything
  std::chrono::milliseconds dead_after{45'000};  ///< likewise
  std::chrono::milliseconds frame_gap{10'000};   ///< without progress inside a frame, either way
  std::chrono::milliseconds goodbye{2'000};      ///< to send what is queued and to close
};

struct LinkSettings {
  std::string url;      ///< ws:// or wss://
  std::string node_id;  ///< empty: none is told
  std::string secret;   ///< likewise
  std::string ca_file;  ///< empty: the system's certificates alone
  bool node_id_in_query = true;
  std::chrono::milliseconds heartbeat_interval{30'000};  ///< 0: none
  LinkTiming timing{};
  MessageRules rules{};
  /// Gives numbers from [0, 1) for the waits between attempts; other than by chance only in tests.
  std::function<double()> random{};
};

/// What /health and /metrics show of the link.
struct LinkStatus {
  bool connected = false;
  std::string problem;  ///< why it is not connected, in words; empty while it is
  std::uint64_t connections = 0;
  std::uint64_t messages_received = 0;
  std::uint64_t messages_sent = 0;
  std::uint64_t messages_dropped = 0;
  std::size_t queued_messages = 0;
  std::size_t queued_bytes = 0;
};

/// The WebSocket to the panel: dials, authenticates, keeps alive, reconnects for ever.
///
/// Threads:  send(), status() and turns() from any thread; one thread of its own does all socket
/// work. Blocking: stop() only: at most 2 s to send what is queued and close.
class PanelLink {
 public:
  PanelLink(LinkSettings settings, LinkListener& listener);
  ~PanelLink();
  PanelLink(const PanelLink&) = delete;
  PanelLink& operator=(const PanelLink&) = delete;

  void start();
  void stop();
  void send(Outbound message);
  void send(std::string text, Delivery delivery) {
    send({.text = std::move(text), .delivery = delivery});
  }
  LinkStatus status() const;
  /// See Outbox.
  std::size_t keptBytes() const;
  /// Whether its thread turned since the last call; a dial takes up to 30 s. True before start().
  bool turns() noexcept;

 private:
  class Worker;
  std::unique_ptr<Worker> worker_;
};

}  // namespace agent
