#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

#include "engine/wakeup.h"

namespace control::engine {

/// Where an engine listens and how to talk to it.
struct Address {
  std::string socket_path{};  ///< a Unix socket; when empty, host and port
  std::string host{};
  int port = 0;
  bool tls = false;
  std::string ca_file{};           ///< empty: the system's
  std::string certificate_file{};  ///< both or neither
  std::string key_file{};

  /// For messages, as "/run/docker.sock" or "tls://host:2376".
  std::string toString() const;
  /// What goes into a Host header.
  std::string hostHeader() const;
};

/// One connection to an engine: bytes in both directions, nothing of HTTP. libcurl connects and
/// encrypts (it is gone once a connection without TLS is there); everything after that is ours,
/// because libcurl sends a POST twice when a kept connection dies, calls a head that was cut a
/// success, and cannot take over a connection.
///
/// Threads:  one sends and one receives at a time, with a Wakeup each; cancelling from any.
/// Blocking: until the scope's deadline or cancellation.
class Connection {
 public:
  /// kUnavailable: nobody listens there. kPermissionDenied: the socket, or a certificate, says no.
  static Result<std::unique_ptr<Connection>> open(const Address& address,
                                                  const CallContext& context, Clock& clock);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  /// Sends all of `bytes`; `sent` counts what left, also on failure. kUnavailable.
  Result<void> send(std::string_view bytes, std::size_t& sent, WaitScope& scope);

  /// Some of what has arrived, appended to `out`; waits when there is nothing. False: the
  /// peer will send no more. With a deadline in the past it takes what is there. kUnavailable.
  Result<bool> receive(std::string& out, WaitScope& scope);

  /// Ends our direction. kUnsupported: over TLS it cannot be done alone.
  Result<void> finishSending();

  /// Whether the peer has read all that was sent; on a Unix socket.
  bool allRead() const noexcept;

  /// Whether the peer has neither closed the connection nor sent anything unasked.
  bool quiet() const noexcept;

  int fd() const noexcept;
  Wakeup& wakeup() noexcept;

 private:
  struct State;
  explicit Connection(std::unique_ptr<State> state);

  Result<void> connect(const Address& address, WaitScope& scope, TimePoint connect_deadline);
  Result<void> driveConnect(WaitScope& scope, TimePoint connect_deadline, int& curl_code);

  std::unique_ptr<State> state_;
};

}  // namespace control::engine
