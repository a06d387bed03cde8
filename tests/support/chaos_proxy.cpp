#include "support/chaos_proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <deque>
#include <list>
#include <optional>
#include <stdexcept>
#include <vector>

namespace test_support {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t kHeldAtMost = 256 * 1024;
/// How soon a change of mind is noticed.
constexpr std::chrono::milliseconds kGlance{20};

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

void sendAtOnce(int socket) {
  const int on = 1;
  ::setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

}  // namespace

/// The bytes of one direction that are on their way.
class ChaosProxy::Direction {
 public:
  Direction(int from, int to, const Chaos& chaos) : from_(from), to_(to), chaos_(chaos) {}

  int from() const { return from_; }
  int to() const { return to_; }
  bool wantsInput() const { return !source_ended_ && held_ < kHeldAtMost; }
  bool ended() const { return ended_; }
  bool mayWrite(Clock::time_point now) const {
    return !ended_ && !pieces_.empty() && pieces_.front().due <= now;
  }
  std::optional<Clock::time_point> due() const {
    return ended_ || pieces_.empty() ? std::nullopt : std::optional(pieces_.front().due);
  }

  /// False when the source is broken.
  bool read() {
    char bytes[64 * 1024];
    const ssize_t count = ::recv(from_, bytes, sizeof bytes, MSG_DONTWAIT);
    if (count < 0) return errno == EAGAIN || errno == EINTR;
    if (count == 0) source_ended_ = true;
    held_ += static_cast<std::size_t>(count);
    pieces_.push_back(
        {Clock::now() + chaos_.latency, std::string(bytes, static_cast<std::size_t>(count))});
    return true;
  }

  /// What happens now to the connection as a whole; kReset too when the destination is broken.
  Chaos::End write() {
    while (mayWrite(Clock::now())) {
      std::string& bytes = pieces_.front().bytes;
      if (passed_ >= chaos_.end_after) return end(chaos_.end);
      if (bytes.empty()) return end(Chaos::End::kFinish);  // the source's own end
      std::uint64_t size = std::min<std::uint64_t>(bytes.size(), chaos_.end_after - passed_);
      if (chaos_.slice > 0) size = std::min<std::uint64_t>(size, chaos_.slice);
      const ssize_t count =
          ::send(to_, bytes.data(), static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count < 0 && (errno == EAGAIN || errno == EINTR)) return Chaos::End::kNone;
      if (count < 0) return Chaos::End::kReset;
      passed_ += static_cast<std::uint64_t>(count);
      held_ -= static_cast<std::size_t>(count);
      bytes.erase(0, static_cast<std::size_t>(count));
      if (bytes.empty()) pieces_.pop_front();
      if (passed_ >= chaos_.end_after) return end(chaos_.end);
    }
    return Chaos::End::kNone;
  }

 private:
  struct Piece {
    Clock::time_point due;
    std::string bytes;  ///< empty: the end of the stream
  };

  Chaos::End end(Chaos::End how) {
    ended_ = true;
    source_ended_ = true;
    if (how == Chaos::End::kFinish) ::shutdown(to_, SHUT_WR);
    return how == Chaos::End::kFinish ? Chaos::End::kNone : how;
  }

  const int from_;
  const int to_;
  const Chaos chaos_;
  std::deque<Piece> pieces_;
  std::size_t held_ = 0;
  std::uint64_t passed_ = 0;
  bool source_ended_ = false;
  bool ended_ = false;
};

class ChaosProxy::Connection {
 public:
  Connection(int client, int server, const Chaos& to_client, const Chaos& to_server)
      : client_(client),
        server_(server),
        down_(server, client, to_client),
        up_(client, server, to_server) {
    sendAtOnce(client);
    sendAtOnce(server);
    // Nothing at all may pass.
    if (to_client.end_after == 0 && to_client.end != Chaos::End::kFinish) happen(to_client.end);
    if (to_server.end_after == 0 && to_server.end != Chaos::End::kFinish) happen(to_server.end);
  }
  ~Connection() {
    ::close(client_);
    ::close(server_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool over() const { return over_ || (down_.ended() && up_.ended()); }
  void silence() { silent_ = true; }

  void addTo(std::vector<pollfd>& waiting) const {
    for (const Direction* direction : {&down_, &up_}) {
      const bool other_waits = (direction == &down_ ? up_ : down_).mayWrite(Clock::now());
      short events = direction->wantsInput() ? POLLIN : short{0};
      if (other_waits) events = static_cast<short>(events | POLLOUT);
      waiting.push_back({silent_ || events == 0 ? -1 : direction->from(), events, 0});
    }
  }
  void soonest(Clock::time_point& wake) const {
    if (silent_) return;
    for (const Direction* direction : {&down_, &up_})
      if (const auto due = direction->due(); due && *due > Clock::now())
        wake = std::min(wake, *due);
  }
  void move() {
    if (silent_) return;
    for (Direction* direction : {&down_, &up_}) {
      if (over_ || silent_) return;
      if (direction->wantsInput() && !direction->read()) happen(Chaos::End::kReset);
      if (!over_) happen(direction->write());
    }
  }

 private:
  void happen(Chaos::End end) {
    if (end == Chaos::End::kSilence) silent_ = true;
    if (end != Chaos::End::kReset) return;
    const linger at_once{1, 0};
    ::setsockopt(client_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    ::setsockopt(server_, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    over_ = true;
  }

  const int client_;
  const int server_;
  Direction down_;
  Direction up_;
  bool silent_ = false;
  bool over_ = false;
};

ChaosProxy::ChaosProxy(int target_port, int port)
    : target_port_(target_port), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address = loopback(port);
  socklen_t size = sizeof address;
  const int on = 1;
  ::setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 16) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this] { run(); });
}

ChaosProxy::~ChaosProxy() {
  stopping_ = true;
  thread_.join();
  ::close(listener_);
}

void ChaosProxy::harm(const Chaos& to_client, const Chaos& to_server) {
  const std::lock_guard lock(mutex_);
  to_client_ = to_client;
  to_server_ = to_server;
}

void ChaosProxy::silence() { ++silenced_; }

void ChaosProxy::run() {
  std::list<Connection> connections;
  std::uint64_t silenced = 0;
  while (!stopping_) {
    std::vector<pollfd> waiting{{listener_, POLLIN, 0}};
    Clock::time_point wake = Clock::now() + kGlance;
    for (const Connection& one : connections) {
      one.addTo(waiting);
      one.soonest(wake);
    }
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(wake - Clock::now()).count();
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::max<std::int64_t>(0, left)));
    if (silenced != silenced_) {
      silenced = silenced_;
      for (Connection& one : connections) one.silence();
    }
    for (Connection& one : connections) one.move();
    connections.remove_if([](const Connection& one) { return one.over(); });
    if ((waiting.front().revents & POLLIN) == 0) continue;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    const int server = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const sockaddr_in target = loopback(target_port_);
    if (::connect(server, reinterpret_cast<const sockaddr*>(&target), sizeof target) != 0) {
      ::close(client);
      ::close(server);
      continue;
    }
    const std::lock_guard lock(mutex_);
    connections.emplace_back(client, server, to_client_, to_server_);
  }
}

}  // namespace test_support
