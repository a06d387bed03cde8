#pragma once

#include <chrono>
#include <memory>
#include <string>

#include <libcontrol/result.h>

#include "agent/http/health_report.h"

namespace agent {

/// Answers GET /health, /livez and /metrics over HTTP/1.1, one request a connection.
///
/// One thread serves all clients without blocking, each within 10 s in all, 32 at a time: the next
/// takes the place of the oldest. What has come by then is answered, however late we are. Slow and
/// silent clients cost neither threads nor anybody's answer. (Poco's HTTPServer gives a thread to
/// each connection and begins its time-out anew with every byte.)
///
/// Threads:  owns its own; open() and port() from one thread.
/// Blocking: none. Errors: open() only.
class HealthServer {
 public:
  /// `source` must outlive the server.
  explicit HealthServer(const HealthSource& source,
                        std::chrono::milliseconds client_time = std::chrono::seconds(10));
  ~HealthServer();
  HealthServer(const HealthServer&) = delete;
  HealthServer& operator=(const HealthServer&) = delete;

  /// Port 0: any free one. kUnavailable: the address cannot be bound; the message says why.
  control::Result<void> open(const std::string& address, int port);

  /// Where it listens; 0 before open().
  int port() const;
  /// Whether its thread turned since the last call; true before open().
  bool turns() noexcept;

 private:
  class Core;
  const HealthSource& source_;
  const std::chrono::milliseconds client_time_;
  std::unique_ptr<Core> core_;
};

}  // namespace agent
