#include "engine/connection.h"

#include <curl/curl.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <system_error>

#include "engine/descriptor.h"

namespace control::engine {
namespace {

/// Even a caller without a deadline wants to hear that an engine takes no connections.
constexpr Duration kConnectLimit = std::chrono::seconds(10);
/// A full backlog answers at once; how long to leave the engine before knocking again.
constexpr int kBacklogPauseMs = 20;
constexpr std::size_t kReceiveBytes = 16 * 1024;

struct EasyDeleter {
  void operator()(CURL* easy) const noexcept { curl_easy_cleanup(easy); }
};
struct MultiDeleter {
  void operator()(CURLM* multi) const noexcept { curl_multi_cleanup(multi); }
};

curl_socket_t openSocket(void*, curlsocktype, curl_sockaddr* address) {
  return ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

bool initialiseCurl() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

Error unavailable(std::string message, std::string native = {}) {
  return {
      .code = ErrorCode::kUnavailable, .message = std::move(message), .native = std::move(native)};
}

bool speaksOfCertificates(std::string_view text) {
  return text.find("certificate") != std::string_view::npos ||
         text.find("alert") != std::string_view::npos;
}

}  // namespace

std::string Address::toString() const {
  if (!socket_path.empty()) return socket_path;
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return (tls ? "tls://" : "tcp://") + name + ":" + std::to_string(port);
}

std::string Address::hostHeader() const {
  if (!socket_path.empty()) return "localhost";
  const std::string name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return name + ":" + std::to_string(port);
}

struct Connection::State {
  std::array<char, CURL_ERROR_SIZE> problem{};
  std::unique_ptr<CURLM, MultiDeleter> multi{};
  std::unique_ptr<CURL, EasyDeleter> easy{};
  Wakeup wakeup{};
  curl_socket_t socket = CURL_SOCKET_BAD;
  Descriptor plain{};  ///< `socket`, where libcurl is done with it: all but TLS
  bool tls = false;
  bool added = false;
  std::mutex mutex{};  ///< guards the easy handle once connected: one may read while another writes

  ~State() { leaveCurl(); }

  void leaveCurl() {
    if (added) curl_multi_remove_handle(multi.get(), easy.get());
    added = false;
    easy.reset();  // while the multi, which holds the connection, still lives
    multi.reset();
  }

  /// A multi keeps a pair of sockets that programs would inherit which the host starts: it goes as
  /// soon as there is nothing left for it to do.
  Result<void> takeOver() {
    plain = Descriptor(::fcntl(socket, F_DUPFD_CLOEXEC, 0));
    if (!plain) return systemError(errno, "cannot open a connection");
    socket = plain.get();
    leaveCurl();
    return {};
  }

  /// As curl_easy_send and curl_easy_recv, on whichever it is. `why`: of a failure, in words.
  CURLcode send(std::string_view bytes, std::size_t& sent, std::string& why) {
    if (plain) return outcome(::send(socket, bytes.data(), bytes.size(), kAtOnce), sent, why);
    const std::lock_guard lock(mutex);
    const CURLcode code = curl_easy_send(easy.get(), bytes.data(), bytes.size(), &sent);
    if (code != CURLE_OK && code != CURLE_AGAIN) why = problem.data();
    return code;
  }
  CURLcode receive(char* buffer, std::size_t size, std::size_t& got, std::string& why) {
    if (plain) return outcome(::recv(socket, buffer, size, kAtOnce), got, why);
    const std::lock_guard lock(mutex);
    const CURLcode code = curl_easy_recv(easy.get(), buffer, size, &got);
    if (code != CURLE_OK && code != CURLE_AGAIN) why = problem.data();
    return code;
  }

 private:
  static constexpr int kAtOnce = MSG_DONTWAIT | MSG_NOSIGNAL;

  static CURLcode outcome(ssize_t result, std::size_t& count, std::string& why) {
    if (result >= 0) {
      count = static_cast<std::size_t>(result);
      return CURLE_OK;
    }
    if (errno == EAGAIN || errno == EINTR) return CURLE_AGAIN;
    why = std::generic_category().message(errno);
    return CURLE_RECV_ERROR;
  }
};

Connection::Connection(std::unique_ptr<State> state) : state_(std::move(state)) {}
Connection::~Connection() = default;

int Connection::fd() const noexcept { return static_cast<int>(state_->socket); }
Wakeup& Connection::wakeup() noexcept { return state_->wakeup; }

namespace {

bool configure(CURL* easy, char* problem, const Address& address) {
  bool good = true;
  const auto set = [&](CURLoption option, auto value) {
    good = good && curl_easy_setopt(easy, option, value) == CURLE_OK;
  };
  const std::string url = (address.tls ? "https://" : "http://") + address.hostHeader() + "/";
  set(CURLOPT_URL, url.c_str());
  set(CURLOPT_ERRORBUFFER, problem);
  set(CURLOPT_CONNECT_ONLY, 1L);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_PROXY, "");
  set(CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
  set(CURLOPT_CONNECTTIMEOUT_MS, 30'000L);  // ours is shorter; libcurl's default is no better
  set(CURLOPT_OPENSOCKETFUNCTION, openSocket);
  // We read into our own; libcurl takes no more at once than it would into its.
  set(CURLOPT_BUFFERSIZE, static_cast<long>(kReceiveBytes));
  if (!address.socket_path.empty()) {
    set(CURLOPT_UNIX_SOCKET_PATH, address.socket_path.c_str());
    return good;
  }
  // Giving up does not wait for a name server that does not answer.
  set(CURLOPT_QUICK_EXIT, 1L);
  set(CURLOPT_TCP_NODELAY, 1L);
  set(CURLOPT_TCP_KEEPALIVE, 1L);
  set(CURLOPT_TCP_KEEPIDLE, 30L);
  set(CURLOPT_TCP_KEEPINTVL, 10L);
  if (address.tls) {
    set(CURLOPT_SSL_VERIFYPEER, 1L);
    set(CURLOPT_SSL_VERIFYHOST, 2L);
    set(CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!address.ca_file.empty()) set(CURLOPT_CAINFO, address.ca_file.c_str());
    if (!address.certificate_file.empty()) {
      set(CURLOPT_SSLCERT, address.certificate_file.c_str());
      set(CURLOPT_SSLKEY, address.key_file.c_str());
    }
  }
  return good;
}

Error connectError(int code, long os_error, const char* problem, const Address& address) {
  const std::string where = address.toString();
  const std::string native = os_error != 0
                                 ? std::generic_category().message(static_cast<int>(os_error))
                                 : std::string(curl_easy_strerror(static_cast<CURLcode>(code)));
  switch (code) {
    case CURLE_COULDNT_CONNECT:
      if (os_error == EACCES || os_error == EPERM)
        return {.code = ErrorCode::kPermissionDenied,
                .message = "no permission to open " + where +
                           "; run as a user who may, or join the group that owns the socket",
                .native = native};
      if (os_error == EMFILE || os_error == ENFILE)
        return systemError(static_cast<int>(os_error), "cannot open a connection");
      return unavailable("no engine listens at " + where + " (" + native + "); is it running?",
                         native);
    case CURLE_COULDNT_RESOLVE_HOST:
      return unavailable("the host of " + where + " cannot be resolved", native);
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR:
      return {.code = ErrorCode::kPermissionDenied,
              .message = "the certificate of " + where + " is not trusted: " + problem +
                         "; give its authority with ?ca=FILE",
              .native = native};
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
      return {.code = ErrorCode::kInvalidArgument,
              .message = "a certificate file for " + where + " cannot be used: " + problem,
              .native = native};
    case CURLE_SSL_CONNECT_ERROR:
      return {.code = speaksOfCertificates(problem) ? ErrorCode::kPermissionDenied
                                                    : ErrorCode::kUnavailable,
              .message = "no TLS connection to " + where + ": " + problem,
              .native = native};
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {.code = ErrorCode::kInternal, .message = "libcurl has no support for TLS"};
    case CURLE_OUT_OF_MEMORY:
      return systemError(ENOMEM, "cannot open a connection");
    default:
      return unavailable(
          "cannot connect to " + where + ": " + (problem[0] != '\0' ? problem : native.c_str()),
          native);
  }
}

}  // namespace

Result<std::unique_ptr<Connection>> Connection::open(const Address& address,
                                                     const CallContext& context, Clock& clock) {
  if (!initialiseCurl())
    return Error{.code = ErrorCode::kInternal, .message = "libcurl cannot be initialised"};
  auto state = std::make_unique<State>();
  if (!state->wakeup.valid()) return systemError(EMFILE, "cannot open a connection");
  state->tls = address.tls;
  std::unique_ptr<Connection> connection(new Connection(std::move(state)));
  const TimePoint connect_deadline = CallContext::after(clock.now(), kConnectLimit);
  WaitScope scope(connection->wakeup(), context, clock);
  if (auto connected = connection->connect(address, scope, connect_deadline); !connected)
    return connected.error();
  return connection;
}

Result<void> Connection::connect(const Address& address, WaitScope& scope,
                                 TimePoint connect_deadline) {
  for (;;) {
    state_->multi.reset(curl_multi_init());
    state_->easy.reset(curl_easy_init());
    if (!state_->multi || !state_->easy) return systemError(ENOMEM, "cannot open a connection");
    if (!configure(state_->easy.get(), state_->problem.data(), address))
      return Error{.code = ErrorCode::kInvalidArgument,
                   .message = "libcurl refuses the address " + address.toString()};
    state_->added = curl_multi_add_handle(state_->multi.get(), state_->easy.get()) == CURLM_OK;
    int code = CURLE_OK;
    if (auto driven = driveConnect(scope, connect_deadline, code); !driven) return driven;
    if (code == CURLE_OK) {
      curl_easy_getinfo(state_->easy.get(), CURLINFO_ACTIVESOCKET, &state_->socket);
      if (state_->socket != CURL_SOCKET_BAD)
        return state_->tls ? Result<void>() : state_->takeOver();
      return unavailable("the connection to " + address.toString() + " was lost at once");
    }
    long os_error = 0;
    curl_easy_getinfo(state_->easy.get(), CURLINFO_OS_ERRNO, &os_error);
    const bool backlog_full = code == CURLE_COULDNT_CONNECT && !address.socket_path.empty() &&
                              (os_error == 0 || os_error == EAGAIN);
    if (!backlog_full) return connectError(code, os_error, state_->problem.data(), address);
    // The engine is there and too busy, or hung: knock again.
    state_->leaveCurl();
    pollfd polled{.fd = state_->wakeup.fd(), .events = POLLIN, .revents = 0};
    ::poll(&polled, 1, scope.pollTimeout(kBacklogPauseMs));
    if (auto ended = scope.check(); !ended) return ended;
    if (scope.clock().now() >= connect_deadline)
      return unavailable("the engine at " + address.toString() + " takes no connections");
  }
}

Result<void> Connection::driveConnect(WaitScope& scope, TimePoint connect_deadline,
                                      int& curl_code) {
  CURLM* const multi = state_->multi.get();
  for (;;) {
    int running = 0;
    curl_multi_perform(multi, &running);
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi, &left)) {
      if (message->msg != CURLMSG_DONE) continue;
      curl_code = message->data.result;
      return {};
    }
    if (auto ended = scope.check(); !ended) return ended;
    if (scope.clock().now() >= connect_deadline)
      return unavailable("the engine takes no connections");
    curl_waitfd extra{.fd = state_->wakeup.fd(), .events = CURL_WAIT_POLLIN, .revents = 0};
    curl_multi_poll(multi, &extra, 1, scope.pollTimeout(100), nullptr);
  }
}

Result<void> Connection::send(std::string_view bytes, std::size_t& sent, WaitScope& scope) {
  while (!bytes.empty()) {
    std::size_t now = 0;
    std::string problem;
    const CURLcode code = state_->send(bytes, now, problem);
    if (code == CURLE_AGAIN) {
      if (auto ready = scope.wait(fd(), POLLOUT); !ready) return ready;
      continue;
    }
    if (code != CURLE_OK) {
      // Over TLS 1.3 the refusal of our certificate may be there to read.
      std::string refusal;
      if (state_->tls) {
        if (auto read = receive(refusal, scope); !read) return read.error();
      }
      return unavailable("the connection to the engine was lost", problem);
    }
    sent += now;
    bytes.remove_prefix(now);
  }
  return {};
}

Result<bool> Connection::receive(std::string& out, WaitScope& scope) {
  if (auto ended = scope.checkReading(); !ended) return ended.error();
  char buffer[kReceiveBytes];
  for (;;) {
    if (scope.wakeup().cancelled()) return cancelledError();
    // TLS may hold bytes that poll() does not see: there, read before waiting.
    if (!state_->tls) {
      if (auto ready = scope.wait(fd(), POLLIN); !ready) return ready.error();
    }
    std::size_t got = 0;
    std::string problem;
    const CURLcode code = state_->receive(buffer, sizeof buffer, got, problem);
    if (code == CURLE_OK) {
      out.append(buffer, got);
      return got > 0;
    }
    if (code != CURLE_AGAIN) {
      if (state_->tls && speaksOfCertificates(problem))
        return Error{.code = ErrorCode::kPermissionDenied,
                     .message = "the engine refuses our certificate: " + problem +
                                "; give one with ?cert=FILE&key=FILE"};
      return unavailable("the connection to the engine was lost", problem);
    }
    if (!state_->tls) continue;
    if (auto ready = scope.wait(fd(), POLLIN); !ready) return ready.error();
  }
}

Result<void> Connection::finishSending() {
  if (state_->tls)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "over TLS the input cannot be ended without ending the output"};
  if (::shutdown(fd(), SHUT_WR) != 0) return unavailable("the connection to the engine was lost");
  return {};
}

bool Connection::allRead() const noexcept {
  int unread = 0;
  return ::ioctl(fd(), SIOCOUTQ, &unread) != 0 || unread == 0;
}

bool Connection::quiet() const noexcept {
  pollfd polled{.fd = fd(), .events = POLLIN, .revents = 0};
  return ::poll(&polled, 1, 0) == 0;
}

}  // namespace control::engine
