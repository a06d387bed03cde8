#include "agent/panel/link.h"

#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <cstdio>
#include <deque>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include <Poco/Buffer.h>
#include <Poco/Exception.h>
#include <Poco/Net/NetException.h>
#include <Poco/Net/WebSocket.h>

#include "agent/config.h"
#include "agent/log.h"
#include "agent/panel/backoff.h"
#include "agent/panel/dialer.h"
#include "agent/panel/outbox.h"
#include "agent/panel/watchdog.h"
#include "agent/panel/websocket_message.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kLargestMessage = 1024 * 1024;
/// While so much waits to be answered, no further commands are read.
constexpr std::size_t kResultBacklog = 4 * 1024 * 1024;
/// A receive buffer that grew beyond this is given back after the frame.
constexpr std::size_t kKeptBuffer = 64 * 1024;

constexpr int kGoingAway = 1001, kTooBig = 1009;
constexpr int kServiceRestart = 1012, kTryAgainLater = 1013, kNoCode = 1005;

constexpr int kText = Poco::Net::WebSocket::FRAME_TEXT;
constexpr int kFinal = Poco::Net::WebSocket::FRAME_FLAG_FIN;
constexpr int kPing = kFinal | Poco::Net::WebSocket::FRAME_OP_PING;
constexpr int kPong = kFinal | Poco::Net::WebSocket::FRAME_OP_PONG;
constexpr int kClose = kFinal | Poco::Net::WebSocket::FRAME_OP_CLOSE;

std::string inSeconds(milliseconds time) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", static_cast<double>(time.count()) / 1000);
  return text;
}

/// A panel may repeat the secret in what it says, and that is shown in /health and in the log.
std::string withoutSecret(std::string text, const std::string& secret) {
  static constexpr std::string_view kHidden = "[secret]";
  if (secret.empty()) return text;
  for (std::size_t at = 0; (at = text.find(secret, at)) != std::string::npos; at += kHidden.size())
    text.replace(at, secret.size(), kHidden);
  return text;
}

/// Why a connection ends.
struct Ending {
  std::string text;
  bool come_back_later = false;
};

class WakeUp {
 public:
  WakeUp() : descriptor_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  ~WakeUp() { ::close(descriptor_); }
  WakeUp(const WakeUp&) = delete;
  WakeUp& operator=(const WakeUp&) = delete;

  int descriptor() const { return descriptor_; }
  void raise() {
    const std::uint64_t one = 1;
    // Full means raised already.
    static_cast<void>(!::write(descriptor_, &one, sizeof one));
  }
  void lower() {
    std::uint64_t count = 0;
    static_cast<void>(!::read(descriptor_, &count, sizeof count));
  }

 private:
  int descriptor_;
};

/// What the link tells about itself, and what is counted.
class Ledger {
 public:
  void connected() {
    const std::lock_guard lock(mutex_);
    status_.connected = true;
    status_.problem.clear();
    ++status_.connections;
  }
  void disconnected(std::string problem) {
    const std::lock_guard lock(mutex_);
    status_.connected = false;
    status_.problem = std::move(problem);
  }
  void received() {
    const std::lock_guard lock(mutex_);
    ++status_.messages_received;
  }
  void sent() {
    const std::lock_guard lock(mutex_);
    ++status_.messages_sent;
  }
  LinkStatus status() const {
    const std::lock_guard lock(mutex_);
    return status_;
  }

 private:
  mutable std::mutex mutex_;
  LinkStatus status_{.connected = false, .problem = "not connected yet"};
};

}  // namespace

class PanelLink::Worker {
 public:
  Worker(LinkSettings settings, LinkListener& listener)
      : settings_(std::move(settings)), listener_(listener) {}
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start() {
    if (!thread_.joinable()) thread_ = std::thread([this] { run(); });
  }

  void stop() {
    // Seen by the thread between two calls; the watchdog ends the call it may be in.
    watchdog_.endBy(Clock::now() + settings_.timing.goodbye);
    stopping_ = true;
    wake_up_.raise();
    if (dialing_) watchdog_.endBy(Clock::now());
    if (thread_.joinable()) thread_.join();
  }

  void send(std::string text, Delivery delivery) {
    outbox_.push(std::move(text), delivery);
    wake_up_.raise();
  }

  LinkStatus status() const {
    LinkStatus status = ledger_.status();
    status.queued_messages = outbox_.messages();
    status.queued_bytes = outbox_.bytes();
    status.messages_dropped = outbox_.dropped();
    return status;
  }

 private:
  class Connection;

  void run();
  LinkEnd connectOnce(Dialer& dialer, std::string& problem);
  void rest(milliseconds time);

  const LinkSettings settings_;
  LinkListener& listener_;
  Outbox outbox_;
  Ledger ledger_;
  WakeUp wake_up_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> dialing_{false};
  Watchdog watchdog_;
  std::thread thread_;
};

/// One established connection, from the greeting to its end. Poco::Exception out of any call means
/// that it is dead.
class PanelLink::Worker::Connection {
 public:
  Connection(Worker& worker, Dialed dialed)
      : worker_(worker),
        socket_(*dialed.socket),
        descriptor_(dialed.descriptor),
        dialed_(std::move(dialed)) {}
  ~Connection() {
    dialed_.socket.reset();
    worker_.watchdog_.release();
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  Ending run();

 private:
  std::optional<Ending> turn();
  bool backlogged() const { return worker_.outbox_.resultBytes() > kResultBacklog; }
  bool readable(milliseconds patience);
  std::optional<Ending> readOne();
  std::optional<Ending> obey(FrameEvent event);
  bool sendOne();
  std::optional<Ending> runTimers();
  milliseconds untilNextTimer() const;
  void sendFrame(const std::string& payload, int flags);
  Ending endWith(int code, const std::string& why);
  Ending sayGoodbye();
  void awaitEnd(Clock::time_point deadline);
  bool atEnd() const;

  Worker& worker_;
  const LinkTiming& timing_ = worker_.settings_.timing;
  Poco::Net::WebSocket& socket_;
  const int descriptor_;
  Dialed dialed_;
  MessageReader reader_{kLargestMessage};
  Poco::Buffer<char> buffer_{0};
  std::deque<std::string> greeting_;
  Clock::time_point received_at_ = Clock::now();
  Clock::time_point pinged_at_ = Clock::now();
  Clock::time_point heartbeat_at_ = Clock::now() + worker_.settings_.heartbeat_interval;
};

Ending PanelLink::Worker::Connection::run() {
  try {
    for (std::string& text : worker_.listener_.greeting()) greeting_.push_back(std::move(text));
    for (;;) {
      if (worker_.stopping_) return sayGoodbye();
      if (auto ending = turn()) return *std::move(ending);
    }
  } catch (const Poco::TimeoutException&) {
    return {"the panel was silent in the middle of a frame"};
  } catch (const Poco::Exception& problem) {
    return {"the connection broke: " + problem.displayText()};
  } catch (const std::exception& defect) {
    log::error("panel", std::string("a defect while talking to the panel: ") + defect.what());
    return {"a defect of the agent"};
  }
}

/// At most one frame in and one message out, so that neither direction starves the other.
std::optional<Ending> PanelLink::Worker::Connection::turn() {
  if (auto ending = runTimers()) return ending;
  const bool more_to_send = !greeting_.empty() || !worker_.outbox_.empty();
  if (readable(more_to_send ? milliseconds(0) : untilNextTimer()))
    if (auto ending = readOne()) return ending;
  sendOne();
  return std::nullopt;
}

bool PanelLink::Worker::Connection::readable(milliseconds patience) {
  const bool reading = !backlogged();
  // Bytes that came with the upgrade, or with an earlier TLS record, are not seen by poll.
  if (reading && socket_.available() > 0) return true;
  pollfd waiting[2] = {{reading ? descriptor_ : -1, POLLIN | POLLRDHUP, 0},
                       {worker_.wake_up_.descriptor(), POLLIN, 0}};
  if (::poll(waiting, 2, static_cast<int>(patience.count())) <= 0) return false;
  if (waiting[1].revents != 0) worker_.wake_up_.lower();
  return waiting[0].revents != 0;
}

std::optional<Ending> PanelLink::Worker::Connection::readOne() {
  buffer_.resize(0, false);
  int flags = 0;
  int size = 0;
  // The socket's own time-out is about gaps; this is about a frame as a whole.
  worker_.watchdog_.allowUntil(Clock::now() + timing_.dead_after);
  try {
    size = socket_.receiveFrame(buffer_, flags);
  } catch (const Poco::Net::WebSocketException& problem) {
    if (problem.code() == Poco::Net::WebSocket::WS_ERR_PAYLOAD_TOO_BIG) {
      worker_.listener_.onFrameProblem(FrameProblem::kTooLarge);
      while (worker_.outbox_.resultBytes() > 0 && sendOne()) {
      }
      return endWith(kTooBig, "the panel announced a frame that is too large");
    }
    throw;
  }
  worker_.watchdog_.allowUntil(Clock::time_point::max());
  // Poco tells the end of the stream as it tells an empty piece in the middle of a message.
  if (size <= 0 && flags == 0 && atEnd())
    return Ending{"the panel closed the connection without a word"};
  received_at_ = Clock::now();
  const std::string_view payload(buffer_.begin(), static_cast<std::size_t>(std::max(0, size)));
  FrameEvent event = reader_.accept(flags, payload);
  if (buffer_.capacity() > kKeptBuffer) buffer_ = Poco::Buffer<char>(0);
  return obey(std::move(event));
}

std::optional<Ending> PanelLink::Worker::Connection::obey(FrameEvent event) {
  switch (event.kind) {
    case FrameEvent::Kind::kNothing:
      break;
    case FrameEvent::Kind::kMessage:
      worker_.ledger_.received();
      worker_.listener_.onMessage(std::move(event.text));
      break;
    case FrameEvent::Kind::kProblem:
      worker_.listener_.onFrameProblem(event.problem);
      break;
    case FrameEvent::Kind::kPing:
      sendFrame(event.text, kPong);
      break;
    case FrameEvent::Kind::kViolation:
      return endWith(event.code, "the panel broke the WebSocket protocol: " + event.text);
    case FrameEvent::Kind::kClose: {
      sendFrame(event.code == kNoCode ? std::string() : closePayload(event.code, ""), kClose);
      Ending ending{"the panel closed the connection"};
      if (event.code != kNoCode) ending.text += " with code " + std::to_string(event.code);
      if (!event.text.empty()) ending.text += ": " + event.text;
      ending.come_back_later = event.code == kServiceRestart || event.code == kTryAgainLater;
      awaitEnd(Clock::now() + milliseconds(500));
      return ending;
    }
  }
  return std::nullopt;
}

/// False when there was nothing to send.
bool PanelLink::Worker::Connection::sendOne() {
  if (!greeting_.empty()) {
    sendFrame(greeting_.front(), kText);
    greeting_.pop_front();
    worker_.ledger_.sent();
    return true;
  }
  auto message = worker_.outbox_.take();
  if (!message) return false;
  try {
    sendFrame(message->text, kText);
  } catch (const Poco::Exception&) {
    worker_.outbox_.putBack(*std::move(message));
    throw;
  }
  worker_.ledger_.sent();
  return true;
}

std::optional<Ending> PanelLink::Worker::Connection::runTimers() {
  const auto now = Clock::now();
  // While we do not read, silence says nothing; a peer that is gone shows when sending.
  if (backlogged()) received_at_ = now;
  if (now - received_at_ >= timing_.dead_after)
    return Ending{"nothing came from the panel for " + inSeconds(timing_.dead_after)};
  if (now - std::max(received_at_, pinged_at_) >= timing_.ping_after) {
    sendFrame("", kPing);
    pinged_at_ = now;
  }
  if (now >= heartbeat_at_) {
    sendFrame(worker_.listener_.heartbeat(), kText);
    worker_.ledger_.sent();
    heartbeat_at_ = now + worker_.settings_.heartbeat_interval;
  }
  return std::nullopt;
}

milliseconds PanelLink::Worker::Connection::untilNextTimer() const {
  const auto next =
      std::min({received_at_ + timing_.dead_after,
                std::max(received_at_, pinged_at_) + timing_.ping_after, heartbeat_at_});
  return std::clamp(std::chrono::ceil<milliseconds>(next - Clock::now()), milliseconds(0),
                    milliseconds(60'000));
}

void PanelLink::Worker::Connection::sendFrame(const std::string& payload, int flags) {
  worker_.watchdog_.allowUntil(Clock::now() + timing_.frame_gap);
  socket_.sendFrame(payload.data(), static_cast<int>(payload.size()), flags);
  worker_.watchdog_.allowUntil(Clock::time_point::max());
}

Ending PanelLink::Worker::Connection::endWith(int code, const std::string& why) {
  sendFrame(closePayload(code, why), kClose);
  awaitEnd(Clock::now() + milliseconds(1000));
  return {why + " (closed with " + std::to_string(code) + ')'};
}

Ending PanelLink::Worker::Connection::sayGoodbye() {
  // The watchdog ends this at the latest when stop()'s time is over.
  while (sendOne()) {
  }
  sendFrame(closePayload(kGoingAway, "the agent stops"), kClose);
  awaitEnd(Clock::now() + timing_.goodbye);
  return {"the agent stops"};
}

/// Reads and forgets until the peer ends the connection. Closing with bytes unread would reset it,
/// and the peer might never see our close frame.
void PanelLink::Worker::Connection::awaitEnd(Clock::time_point deadline) {
  char forgotten[4096];
  for (;;) {
    const auto left = std::chrono::ceil<milliseconds>(deadline - Clock::now());
    pollfd waiting{descriptor_, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) return;
    const ssize_t count = ::recv(descriptor_, forgotten, sizeof forgotten, MSG_DONTWAIT);
    if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) return;
  }
}

/// Whether the peer has ended the stream and all of it has been read.
bool PanelLink::Worker::Connection::atEnd() const {
  char next = 0;
  const ssize_t count = ::recv(descriptor_, &next, 1, MSG_PEEK | MSG_DONTWAIT);
  return count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR);
}

LinkEnd PanelLink::Worker::connectOnce(Dialer& dialer, std::string& problem) {
  dialing_ = true;
  Dialed dialed = dialer.connect();
  dialing_ = false;
  if (!dialed.socket) {
    problem = std::move(dialed.failure.text);
    return {.kind = dialed.failure.refused ? LinkEnd::Kind::kRefused : LinkEnd::Kind::kNoConnection,
            .stay_away = dialed.failure.retry_after};
  }
  ledger_.connected();
  log::info("panel", "connected to " + withoutQuery(settings_.url));
  const auto since = Clock::now();
  const Ending ending = Connection(*this, std::move(dialed)).run();
  problem = ending.text;
  return {.kind = LinkEnd::Kind::kLost,
          .lived = std::chrono::duration_cast<milliseconds>(Clock::now() - since),
          .come_back_later = ending.come_back_later};
}

void PanelLink::Worker::run() {
  std::mt19937_64 generator{std::random_device{}()};
  Backoff backoff([&generator] { return std::generate_canonical<double, 53>(generator); });
  Dialer dialer(settings_, watchdog_, stopping_);
  while (!stopping_) {
    std::string problem;
    const LinkEnd end = connectOnce(dialer, problem);
    problem = withoutSecret(std::move(problem), settings_.secret);
    ledger_.disconnected(problem);
    if (stopping_) return;
    const milliseconds wait = backoff.next(end);
    const std::string line = (end.kind == LinkEnd::Kind::kLost ? "lost " : "cannot connect to ") +
                             withoutQuery(settings_.url) + ": " + problem + "; next attempt in " +
                             inSeconds(wait);
    if (end.kind == LinkEnd::Kind::kRefused)
      log::error("panel", line);
    else
      log::warning("panel", line);
    rest(wait);
  }
}

void PanelLink::Worker::rest(milliseconds time) {
  const auto end = Clock::now() + time;
  while (!stopping_) {
    const auto left = std::chrono::ceil<milliseconds>(end - Clock::now());
    if (left.count() <= 0) return;
    pollfd waiting{wake_up_.descriptor(), POLLIN, 0};
    if (::poll(&waiting, 1, static_cast<int>(left.count())) > 0) wake_up_.lower();
  }
}

PanelLink::PanelLink(LinkSettings settings, LinkListener& listener)
    : worker_(std::make_unique<Worker>(std::move(settings), listener)) {}
PanelLink::~PanelLink() = default;
void PanelLink::start() { worker_->start(); }
void PanelLink::stop() { worker_->stop(); }
void PanelLink::send(std::string text, Delivery delivery) {
  worker_->send(std::move(text), delivery);
}
LinkStatus PanelLink::status() const { return worker_->status(); }

}  // namespace agent
