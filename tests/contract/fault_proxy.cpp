#include "contract/fault_proxy.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace control::conform {
namespace {

sockaddr_un addressOf(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path)
    throw std::runtime_error("the path of a Unix socket is too long: " + path);
  std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
  return address;
}

bool sendAll(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

void signalEvent(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

/// How much of the end of `text` may be the beginning of `wanted`.
std::size_t unfinished(std::string_view text, std::string_view wanted) {
  for (std::size_t size = std::min(text.size(), wanted.size() - 1); size > 0; --size)
    if (text.substr(text.size() - size) == wanted.substr(0, size)) return size;
  return 0;
}

}  // namespace

int connectTo(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_un address = addressOf(path);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

struct FaultProxy::Connection {
  explicit Connection(int client_fd) : client(client_fd), wake(::eventfd(0, EFD_CLOEXEC)) {}
  ~Connection() {
    for (const int fd : {client, engine, wake})
      if (fd >= 0) ::close(fd);
  }

  const int client;
  const int wake;
  int engine = -1;
  std::thread thread{};
  std::atomic<bool> finished{false};
  std::string held{};  ///< from the client, not passed on yet
  std::string tail{};  ///< from the engine, perhaps the beginning of what is exchanged
  bool client_ended = false;
  bool lose_answer = false;
  bool answered_here = false;
  int times = 1;  ///< that what the engine sends is passed on
};

FaultProxy::FaultProxy(std::string engine_socket) : engine_socket_(std::move(engine_socket)) {
  path_ = folder_.path() + "/engine.sock";
  listener_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  stop_ = ::eventfd(0, EFD_CLOEXEC);
  const sockaddr_un address = addressOf(path_);
  if (::bind(listener_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(listener_, 128) != 0)
    throw std::runtime_error("cannot listen on " + path_);
  acceptor_ = std::thread([this] { acceptAll(); });
}

FaultProxy::~FaultProxy() {
  signalEvent(stop_);
  acceptor_.join();
  {
    const std::lock_guard lock(mutex_);
    down_ = true;
  }
  wakeAll();
  join(true);
  ::close(listener_);
  ::close(stop_);
}

void FaultProxy::wakeAll() {
  const std::lock_guard lock(mutex_);
  for (const auto& connection : connections_) signalEvent(connection->wake);
}

/// Forgets the connections that are over; with `all`, waits for the others.
void FaultProxy::join(bool all) {
  std::list<std::unique_ptr<Connection>> over;
  {
    const std::lock_guard lock(mutex_);
    for (auto at = connections_.begin(); at != connections_.end();) {
      const auto next = std::next(at);
      if (all || (*at)->finished) over.splice(over.end(), connections_, at);
      at = next;
    }
  }
  for (const auto& connection : over) connection->thread.join();
}

void FaultProxy::acceptAll() {
  for (;;) {
    std::array<pollfd, 2> polled{{{listener_, POLLIN, 0}, {stop_, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[1].revents != 0) return;
    const int client = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) continue;
    join(false);
    const std::lock_guard lock(mutex_);
    if (down_) {
      ::close(client);
      continue;
    }
    Connection& connection = *connections_.emplace_back(std::make_unique<Connection>(client));
    connection.thread = std::thread([this, &connection] { serve(connection); });
  }
}

void FaultProxy::serve(Connection& connection) {
  connection.engine = connectTo(engine_socket_);
  std::array<char, 65536> buffer;
  bool open = connection.engine >= 0;
  while (open) {
    // A client that has ended its side is still watched for its going away.
    const short wanted = connection.client_ended ? 0 : POLLIN;
    std::array<pollfd, 3> polled{{{connection.wake, POLLIN, 0},
                                  {connection.client, wanted, 0},
                                  {connection.engine, POLLIN, 0}}};
    if (::poll(polled.data(), polled.size(), -1) < 0) continue;
    if (polled[0].revents != 0) {
      std::uint64_t count = 0;
      [[maybe_unused]] const auto got = ::read(connection.wake, &count, sizeof count);
      open = passOn(connection);
    }
    for (const std::size_t side : {1U, 2U}) {
      if (!open || polled[side].revents == 0) continue;
      if (side == 1 && connection.client_ended) {
        open = false;
        continue;
      }
      const auto got = ::recv(polled[side].fd, buffer.data(), buffer.size(), 0);
      if (got > 0) {
        std::string bytes(buffer.data(), static_cast<std::size_t>(got));
        open = side == 1 ? fromClient(connection, std::move(bytes))
                         : fromEngine(connection, std::move(bytes));
      } else if (side == 1) {
        // It may have ended its own side only, as the end of an input.
        connection.client_ended = true;
        ::shutdown(connection.engine, SHUT_WR);
      } else {
        open = connection.answered_here;
        if (open) {
          ::close(connection.engine);
          connection.engine = -1;
        }
      }
    }
  }
  ::shutdown(connection.client, SHUT_RDWR);
  if (connection.engine >= 0) ::shutdown(connection.engine, SHUT_RDWR);
  connection.finished = true;
}

bool FaultProxy::fromClient(Connection& connection, std::string bytes) {
  connection.held += bytes;
  return passOn(connection);
}

/// What the client has sent goes to the engine, unless a rule stands against it. False: the
/// connection is to be lost.
bool FaultProxy::passOn(Connection& connection) {
  std::unique_lock lock(mutex_);
  if (down_) return false;
  if (connection.held.empty()) return true;
  const auto rule = std::find_if(rules_.begin(), rules_.end(), [&](const Rule& one) {
    return connection.held.find(one.part) != std::string::npos;
  });
  if (rule != rules_.end()) {
    if (rule->kind == Rule::Kind::kHold) return true;
    if (rule->kind == Rule::Kind::kAnswer) {
      connection.answered_here = true;
      connection.held.clear();
      const Rule found = *rule;
      lock.unlock();
      return answerHere(connection, found);
    }
    if (rule->kind == Rule::Kind::kMultiply) {
      connection.times = rule->times;
    } else {
      connection.lose_answer = true;
      rules_.erase(rule);
    }
  }
  const std::string bytes = std::exchange(connection.held, {});
  lock.unlock();
  return connection.answered_here || sendAll(connection.engine, bytes);
}

bool FaultProxy::answerHere(Connection& connection, const Rule& rule) {
  for (const std::string& piece : rule.pieces) {
    if (!sendAll(connection.client, piece)) return false;
    pollfd woken{connection.wake, POLLIN, 0};
    if (::poll(&woken, 1, static_cast<int>(rule.interval.count())) > 0) return true;
  }
  return true;
}

bool FaultProxy::fromEngine(Connection& connection, std::string bytes) {
  if (bytes.starts_with("HTTP/")) seen_http_ = true;
  if (connection.lose_answer) return false;
  std::string text = std::exchange(connection.tail, {}) + bytes;
  {
    const std::lock_guard lock(mutex_);
    if (down_) return false;
    std::size_t keep = 0;
    for (const auto& [from, to] : exchanges_) {
      for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
        text.replace(at, from.size(), to);
      keep = std::max(keep, unfinished(text, from));
    }
    connection.tail = text.substr(text.size() - keep);
    text.resize(text.size() - keep);
  }
  const int times = text.starts_with("HTTP/") ? 1 : connection.times;
  for (int i = 0; i < times; ++i)
    if (!sendAll(connection.client, text)) return false;
  return true;
}

void FaultProxy::cut() {
  {
    const std::lock_guard lock(mutex_);
    down_ = true;
  }
  wakeAll();
}

void FaultProxy::restore() {
  {
    const std::lock_guard lock(mutex_);
    if (!down_) return;
  }
  join(true);  // each sees that the engine is down
  const std::lock_guard lock(mutex_);
  down_ = false;
}

void FaultProxy::hold(std::string part) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({.kind = Rule::Kind::kHold, .part = std::move(part)});
}

void FaultProxy::release() {
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(rules_, [](const Rule& one) { return one.kind == Rule::Kind::kHold; });
  }
  wakeAll();
}

void FaultProxy::loseAnswerTo(std::string part) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({.kind = Rule::Kind::kLoseAnswer, .part = std::move(part)});
}

bool FaultProxy::hasLostAnswers() {
  const std::lock_guard lock(mutex_);
  return std::none_of(rules_.begin(), rules_.end(),
                      [](const Rule& one) { return one.kind == Rule::Kind::kLoseAnswer; });
}

void FaultProxy::answer(std::string part, std::vector<std::string> pieces,
                        std::chrono::milliseconds interval) {
  const std::lock_guard lock(mutex_);
  std::erase_if(
      rules_, [&](const Rule& one) { return one.kind == Rule::Kind::kAnswer && one.part == part; });
  rules_.push_back({Rule::Kind::kAnswer, std::move(part), std::move(pieces), interval});
}

void FaultProxy::multiplyAnswers(std::string part, int times) {
  const std::lock_guard lock(mutex_);
  rules_.push_back({.kind = Rule::Kind::kMultiply, .part = std::move(part), .times = times});
}

void FaultProxy::exchange(std::string from, std::string to) {
  const std::lock_guard lock(mutex_);
  exchanges_.emplace_back(std::move(from), std::move(to));
}

}  // namespace control::conform
