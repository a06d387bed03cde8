#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "agent/panel/link.h"
#include "agent/panel/watchdog.h"

namespace Poco::Net {
class WebSocket;
}

namespace agent {

/// Why there is no connection.
struct DialFailure {
  std::string text;      ///< in words, without secrets
  bool refused = false;  ///< the panel answered 401 or 403
  std::optional<std::chrono::milliseconds> retry_after{};
};

/// A WebSocket to the panel, or why there is none.
struct Dialed {
  Dialed();
  Dialed(Dialed&&) noexcept;
  Dialed& operator=(Dialed&&) noexcept;
  ~Dialed();

  std::unique_ptr<Poco::Net::WebSocket> socket;
  int descriptor = -1;
  DialFailure failure;
};

/// Makes connections to the panel: name, TCP, TLS, upgrade. Every attempt asks for the addresses
/// anew and tries them in turn. No redirect is followed.
///
/// Threads:  connect() from one thread. Blocking: connect(), 10 s a step, less when `stopping`
/// turns true. Errors: nothing throws.
class Dialer {
 public:
  Dialer(const LinkSettings& settings, Watchdog& watchdog, const std::atomic<bool>& stopping);
  ~Dialer();

  /// The watchdog holds the socket when this returns one.
  Dialed connect();

 private:
  class Tls;
  struct Target {
    bool secure = false;
    std::string authority;  ///< as it stands in the URL
    std::string host;
    std::string port;
    std::string resource;  ///< path and query, nodeId appended
  };

  static Target targetOf(const LinkSettings& settings);
  Dialed tryConnect();
  Dialed upgrade(int descriptor);

  const LinkSettings& settings_;
  const Target target_;
  Watchdog& watchdog_;
  const std::atomic<bool>& stopping_;
  std::unique_ptr<Tls> tls_;  ///< made for the first wss connection: it costs megabytes
};

/// The value of a Retry-After header: seconds or an HTTP date.
std::optional<std::chrono::milliseconds> parseRetryAfter(const std::string& value,
                                                         std::chrono::system_clock::time_point now);

}  // namespace agent
