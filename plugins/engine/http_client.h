#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

#include "engine/connection.h"
#include "engine/http_message.h"

namespace control::engine {

/// A complete answer. Any status is one; only a transport that failed is an Error.
struct HttpResponse {
  HttpHead head{};
  std::string body{};
};

/// An answer whose body arrives piece by piece, and which may be the connection itself (hijack).
/// Owns its connection.
///
/// Threads:  one reads and one writes at a time; cancel() on any.
/// Blocking: read, readAll, write.
class HttpStream {
 public:
  static constexpr std::size_t kMaxBody = 64 * 1024 * 1024;

  ~HttpStream();
  HttpStream(const HttpStream&) = delete;
  HttpStream& operator=(const HttpStream&) = delete;

  const HttpHead& head() const noexcept { return reader_.head(); }

  /// Waits for the head of the answer, where openAhead() did not.
  Result<void> awaitHead(const CallContext& context);

  /// Appends what has arrived to `out`; waits for at least one byte. False: the body is over.
  /// kUnavailable: it was cut. kCancelled, kDeadlineExceeded leave the stream usable.
  Result<bool> read(std::string& out, const CallContext& context);

  /// kCancelled, kDeadlineExceeded: the call must end, although bytes that are of no use still
  /// come.
  Result<void> check(const CallContext& context) const;

  /// The rest of the body.
  Result<std::string> readAll(const CallContext& context);

  /// On a hijacked connection only. `written` counts what left, also on failure.
  Result<void> write(std::string_view bytes, std::size_t& written, const CallContext& context);
  Result<void> finishWriting();
  /// Whether the peer has read all that was written; on a Unix socket.
  bool allRead() const noexcept { return connection_->allRead(); }

  /// Readable when read() may return something, and after keepReadable(true) or cancel().
  int pollFd() const noexcept { return epoll_; }
  /// Says that something read already waits in the caller's buffers.
  void keepReadable(bool on) noexcept;

  void cancel() noexcept;
  bool cancelled() const noexcept { return connection_->wakeup().cancelled(); }

 private:
  friend class HttpClient;
  HttpStream(std::unique_ptr<Connection> connection, HttpReader reader, std::string early,
             Clock& clock);
  Result<void> arm();

  const std::unique_ptr<Connection> connection_;
  HttpReader reader_;
  std::string early_;  ///< body that came with the head
  Clock& clock_;
  std::optional<Wakeup> writing_{};  ///< of a hijacked connection
  int epoll_ = -1;
};

/// Requests to one engine over kept connections.
///
/// A request that changes something goes over a connection of its own and is never sent twice: it
/// would be unknown whether a kept connection that dies had delivered it. One that changes nothing
/// is asked again, once, when a kept connection turns out to be dead.
///
/// Threads:  any method on any thread; no lock is held during I/O.
/// Blocking: until the context's deadline or cancellation.
/// Errors:   kUnavailable, kPermissionDenied (not connected), kInternal (not HTTP), with the
///           effect the request may have had.
class HttpClient {
 public:
  HttpClient(Address address, std::shared_ptr<Clock> clock);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  Result<HttpResponse> request(const HttpRequest& request, const CallContext& context);

  /// Returns once the head of the answer is there.
  Result<std::unique_ptr<HttpStream>> open(const HttpRequest& request, const CallContext& context);

  /// Returns once the request is sent, for engines that answer only when there is something to say:
  /// awaitHead() tells whether the answer is a success.
  Result<std::unique_ptr<HttpStream>> openAhead(const HttpRequest& request,
                                                const CallContext& context);

  /// Drops the kept connections.
  void forgetConnections();

  const Address& address() const noexcept { return address_; }
  Clock& clock() const noexcept { return *clock_; }

 private:
  Result<HttpResponse> requestOn(std::unique_ptr<Connection> connection, bool reused,
                                 const HttpRequest& request, const CallContext& context,
                                 bool& stale);
  std::unique_ptr<Connection> takeIdle();
  void keep(std::unique_ptr<Connection> connection);

  const Address address_;
  const std::shared_ptr<Clock> clock_;
  const std::string host_;
  std::mutex mutex_;
  std::vector<std::unique_ptr<Connection>> idle_;  ///< guarded by mutex_; the last is taken first
};

}  // namespace control::engine
