#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <libcontrol/runtime.h>

#include "agent/config.h"
#include "agent/panel/link.h"
#include "agent/panel/outgoing.h"

namespace agent {

/// What /health and /metrics show of the engine and the servers.
struct AgentStatus {
  std::string runtime_name;
  bool runtime_reachable = false;
  std::string runtime_problem;  ///< why it is not reachable; empty while it is
  std::size_t servers_running = 0;
  std::size_t servers_total = 0;
  std::size_t orphans = 0;  ///< containers with our mark that are no server of this node
  std::uint64_t console_lines_dropped = 0;
};

/// The panel protocol over one engine: takes what the link receives, has the supervisor do it, and
/// sends responses and events.
///
/// Threads:  the LinkListener's methods on the link's thread, status() on any.
/// Blocking: open() until the engine was listed, at most 10 s; close().
class Agent : public LinkListener {
 public:
  using Send = Outgoing::Send;
  using Unsent = Outgoing::Unsent;

  /// `send` and `unsent` may be called from any thread between open() and the end of close().
  Agent(const Config& config, std::shared_ptr<control::ContainerRuntime> runtime, Send send,
        Unsent unsent);
  ~Agent() override;
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;

  /// Adopts what runs. Call it before the link is started.
  void open();
  /// Ends what is in progress; touches no container.
  void close();
  AgentStatus status() const;
  /// Whether what restarts servers turns; see control::Supervisor. Blocks where a lock is never let
  /// go.
  bool turns();

  std::vector<std::string> greeting() override;
  std::string heartbeat() override;
  void onMessage(std::string text) override;
  void onFrameProblem(FrameProblem problem) override;
  std::string consoleGap(const std::string& server_id, std::uint64_t lines,
                         std::uint64_t sequence) override;

 private:
  class Core;
  std::unique_ptr<Core> core_;
};

}  // namespace agent
