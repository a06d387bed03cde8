#include "agent/http/health_server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <list>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <libcontrol/pulse.h>

#include "agent/descriptor.h"

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargestRequest = 8 * 1024;
constexpr std::size_t kMostClients = 32;
/// How long no connection is accepted after accepting failed (no descriptors left).
constexpr std::chrono::milliseconds kPause{200};

std::string response(const char* status, const char* type, std::string_view body,
                     std::string_view more_headers = "") {
  return "HTTP/1.1 " + std::string(status) + "\r\nContent-Type: " + type +
         "\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nCache-Control: no-store\r\nConnection: close\r\n" + std::string(more_headers) +
         "\r\n" + std::string(body);
}

std::string answerTo(std::string_view request_line, const HealthSource& source);

/// As to GET, without the body, of which it says how long it would be.
std::string headAnswerTo(const std::string& path_and_version, const HealthSource& source) {
  const std::string answer = answerTo("GET" + path_and_version, source);
  return answer.substr(0, answer.find("\r\n\r\n") + 4);
}

std::string answerTo(std::string_view request_line, const HealthSource& source) {
  constexpr const char* kPlain = "text/plain; charset=utf-8";
  constexpr const char* kJson = "application/json";
  constexpr const char* kMetrics = "application/openmetrics-text; version=1.0.0; charset=utf-8";
  const std::size_t first = request_line.find(' ');
  const std::size_t second = request_line.rfind(' ');
  if (first == std::string_view::npos || first == second ||
      !request_line.substr(second).starts_with(" HTTP/1."))
    return response("400 Bad Request", kPlain, "not an HTTP/1 request\n");
  const std::string_view method = request_line.substr(0, first);
  if (method == "HEAD") return headAnswerTo(std::string(request_line.substr(first)), source);
  std::string_view path = request_line.substr(first + 1, second - first - 1);
  path = path.substr(0, path.find('?'));
  if (path != "/health" && path != "/livez" && path != "/metrics")
    return response("404 Not Found", kPlain, "try /health, /livez or /metrics\n");
  if (method != "GET")
    return response("405 Method Not Allowed", kPlain, "only GET and HEAD\n",
                    "Allow: GET, HEAD\r\n");
  if (path == "/livez") return response("200 OK", kPlain, "alive\n");
  const HealthReport report = source.report();
  if (path == "/metrics") return response("200 OK", kMetrics, metricsText(report));
  return response(report.reasons().empty() ? "200 OK" : "503 Service Unavailable", kJson,
                  healthJson(report));
}

/// One connection: reads a request's head, then writes the answer.
class Client {
 public:
  Client(Descriptor socket, Clock::time_point deadline)
      : socket_(std::move(socket)), deadline_(deadline) {}

  int descriptor() const { return socket_.get(); }
  short awaited() const { return answer_.empty() || done_ ? POLLIN : POLLOUT; }
  Clock::time_point deadline() const { return deadline_; }

  /// False when the connection is over.
  bool proceed(const HealthSource& source) {
    if (done_) return discard();
    if (answer_.empty() && !receive(source)) return false;
    return answer_.empty() || transmit();
  }

 private:
  bool receive(const HealthSource& source) {
    char bytes[kLargestRequest + 1];  // all that may have come, at once
    const ssize_t count = ::recv(descriptor(), bytes, sizeof bytes, MSG_DONTWAIT);
    if (count <= 0) return count < 0 && (errno == EAGAIN || errno == EINTR);
    request_.append(bytes, static_cast<std::size_t>(count));
    if (request_.find("\r\n\r\n") != std::string::npos)
      answer_ = answerTo(std::string_view(request_).substr(0, request_.find("\r\n")), source);
    else if (request_.size() > kLargestRequest)
      answer_ = response("431 Request Header Fields Too Large", "text/plain", "too large\n");
    return true;
  }

  bool transmit() {
    const ssize_t count = ::send(descriptor(), answer_.data() + sent_, answer_.size() - sent_,
                                 MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    sent_ += static_cast<std::size_t>(count);
    if (sent_ == answer_.size()) {
      // Closing with bytes unread would reset the connection before the answer is read.
      done_ = true;
      ::shutdown(descriptor(), SHUT_WR);
    }
    return true;
  }

  bool discard() {
    char bytes[2048];
    const ssize_t count = ::recv(descriptor(), bytes, sizeof bytes, MSG_DONTWAIT);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
  }

  Descriptor socket_;
  std::string request_;
  std::string answer_;
  std::size_t sent_ = 0;
  bool done_ = false;
  Clock::time_point deadline_;
};

Error systemError(const std::string& what) {
  return {.code = ErrorCode::kUnavailable, .message = what + ": " + ::strerror(errno)};
}

Result<Descriptor> listenOn(const std::string& address, int port) {
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
      ::inet_pton(AF_INET, address.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<std::uint16_t>(port));
    size = sizeof *v4;
  } else if (auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
             ::inet_pton(AF_INET6, address.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<std::uint16_t>(port));
    size = sizeof *v6;
  }
  const std::string place = address + " port " + std::to_string(port);
  Descriptor socket(::socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (socket.get() < 0) return systemError("cannot listen on " + place);
  const int yes = 1;
  // Only SO_REUSEADDR: with SO_REUSEPORT a second agent could share the port unnoticed.
  static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes));
  if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&storage), size) != 0 ||
      ::listen(socket.get(), SOMAXCONN) != 0)
    return systemError("cannot listen on " + place);
  return socket;
}

int portOf(int socket) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  return ntohs(storage.ss_family == AF_INET6
                   ? reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_port
                   : reinterpret_cast<const sockaddr_in*>(&storage)->sin_port);
}

}  // namespace

class HealthServer::Core {
 public:
  Core(Descriptor listener, const HealthSource& source, std::chrono::milliseconds client_time)
      : source_(source),
        client_time_(client_time),
        listener_(std::move(listener)),
        wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        thread_([this] { run(); }) {}
  ~Core() {
    stopping_ = true;
    wake();
    thread_.join();
  }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  int port() const { return portOf(listener_.get()); }

  bool turns() {
    const bool turned = pulse_.ask();
    wake();
    return turned;
  }

 private:
  void wake() {
    const std::uint64_t one = 1;
    static_cast<void>(!::write(wake_.get(), &one, sizeof one));
  }

  void run() {
    while (!stopping_) {
      pulse_.turned();
      const bool accepting = Clock::now() >= accept_again_at_;
      std::vector<pollfd> waiting{{wake_.get(), POLLIN, 0},
                                  {accepting ? listener_.get() : -1, POLLIN, 0}};
      for (const Client& client : clients_)
        waiting.push_back({client.descriptor(), client.awaited(), 0});
      const auto looked_at = Clock::now();
      ::poll(waiting.data(), waiting.size(), patience());
      if (std::uint64_t count = 0; waiting[0].revents != 0)
        static_cast<void>(!::read(wake_.get(), &count, sizeof count));
      serve(waiting, looked_at);
      if (waiting[1].revents != 0) acceptOne();
    }
  }

  /// Until the next deadline, of a client or of the pause after a failed accept.
  int patience() const {
    auto next = Clock::time_point::max();
    for (const Client& client : clients_) next = std::min(next, client.deadline());
    if (accept_again_at_ > Clock::now()) next = std::min(next, accept_again_at_);
    if (next == Clock::time_point::max()) return -1;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(next - Clock::now());
    return static_cast<int>(std::clamp<std::int64_t>(left.count(), 0, 10'000));
  }

  /// Late is whose time was over when we looked, not whom we kept waiting since.
  void serve(const std::vector<pollfd>& waiting, Clock::time_point looked_at) {
    std::size_t index = 2;
    for (auto client = clients_.begin(); client != clients_.end(); ++index) {
      const bool ended = waiting[index].revents != 0 && !client->proceed(source_);
      client =
          ended || looked_at >= client->deadline() ? clients_.erase(client) : std::next(client);
    }
  }

  void acceptOne() {
    Descriptor socket(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (socket.get() < 0) {
      if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
        accept_again_at_ = Clock::now() + kPause;
      return;
    }
    // What an answer takes is sent at once: the oldest waits for nothing but its own request.
    if (clients_.size() == kMostClients) clients_.pop_front();
    clients_.emplace_back(std::move(socket), Clock::now() + client_time_);
  }

  const HealthSource& source_;
  const std::chrono::milliseconds client_time_;
  const Descriptor listener_;
  const Descriptor wake_;
  std::atomic<bool> stopping_{false};
  control::Pulse pulse_;
  std::list<Client> clients_;
  Clock::time_point accept_again_at_{};
  std::thread thread_;
};

HealthServer::HealthServer(const HealthSource& source, std::chrono::milliseconds client_time)
    : source_(source), client_time_(client_time) {}
HealthServer::~HealthServer() = default;

bool HealthServer::turns() noexcept { return !core_ || core_->turns(); }

Result<void> HealthServer::open(const std::string& address, int port) {
  auto listener = listenOn(address, port);
  if (!listener) return listener.error();
  core_ = std::make_unique<Core>(*std::move(listener), source_, client_time_);
  return {};
}

int HealthServer::port() const { return core_ ? core_->port() : 0; }

}  // namespace agent
