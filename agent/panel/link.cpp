#include "agent/panel/link.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>

#include <atomic>
#include <cstdio>
#include <mutex>
#include <random>
#include <thread>
#include <utility>

#include "agent/config.h"
#include "agent/log.h"
#include "agent/panel/backoff.h"
#include "agent/panel/connection.h"
#include "agent/panel/dialer.h"
#include "agent/panel/outbox.h"
#include "agent/panel/wake_up.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using Clock = std::chrono::steady_clock;

Backoff::Random byChance() {
  return [generator = std::mt19937_64(std::random_device{}())]() mutable {
    return std::generate_canonical<double, 53>(generator);
  };
}

/// A write to a connection that broke is an error of that write, also under TLS, which has no flag
/// for it.
void blockBrokenPipeSignal() {
  sigset_t blocked;
  ::sigemptyset(&blocked);
  ::sigaddset(&blocked, SIGPIPE);
  ::pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
}

}  // namespace

class PanelLink::Worker {
 public:
  Worker(LinkSettings settings, LinkListener& listener)
      : settings_(std::move(settings)), listener_(listener) {}
  ~Worker() { stop(); }
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  void start() {
    if (started_.exchange(true)) return;
    thread_ = std::thread([this] { run(); });
  }

  void stop() {
    stopping_ = true;
    wake_up_.raise();
    if (thread_.joinable()) thread_.join();
  }

  void send(Outbound message) {
    outbox_.push(std::move(message));
    wake_up_.raise();
  }

  std::size_t keptBytes() const { return outbox_.keptBytes(); }

  bool turns() noexcept {
    const bool turned = !started_ || pulse_.ask();
    wake_up_.raise();
    return turned;
  }

  LinkStatus status() const {
    LinkStatus status;
    {
      const std::lock_guard lock(mutex_);
      status = status_;
    }
    status.messages_received = traffic_.received;
    status.messages_sent = traffic_.sent;
    status.messages_dropped = outbox_.dropped();
    status.queued_messages = outbox_.messages();
    status.queued_bytes = outbox_.bytes();
    return status;
  }

 private:
  void run();
  LinkEnd connectOnce(Dialer& dialer, std::string& problem);
  void noteConnected();
  void noteDisconnected(const std::string& problem);
  void rest(milliseconds time);

  const LinkSettings settings_;
  LinkListener& listener_;
  Outbox outbox_;
  Traffic traffic_;
  WakeUp wake_up_;
  std::atomic<bool> started_{false};
  std::atomic<bool> stopping_{false};
  control::Pulse pulse_;
  mutable std::mutex mutex_;
  LinkStatus status_{.connected = false, .problem = "not connected yet"};
  std::thread thread_;
};

void PanelLink::Worker::noteConnected() {
  const std::lock_guard lock(mutex_);
  status_.connected = true;
  status_.problem.clear();
  ++status_.connections;
}

void PanelLink::Worker::noteDisconnected(const std::string& problem) {
  const std::lock_guard lock(mutex_);
  status_.connected = false;
  status_.problem = problem;
}

LinkEnd PanelLink::Worker::connectOnce(Dialer& dialer, std::string& problem) {
  Dialed dialed = dialer.dial();
  if (!dialed.transport) {
    problem = std::move(dialed.failure.text);
    return {.kind = dialed.failure.refused ? LinkEnd::Kind::kRefused : LinkEnd::Kind::kNoConnection,
            .stay_away = dialed.failure.retry_after};
  }
  noteConnected();
  log::info("panel", "connected to " + withoutQuery(settings_.url));
  const auto since = Clock::now();
  Connection connection({settings_, listener_, outbox_, wake_up_, traffic_, stopping_, pulse_},
                        std::move(dialed));
  const Ending ending = connection.run();
  problem = ending.text;
  return {.kind = LinkEnd::Kind::kLost,
          .lived = std::chrono::duration_cast<milliseconds>(Clock::now() - since),
          .come_back_later = ending.come_back_later};
}

void PanelLink::Worker::run() {
  blockBrokenPipeSignal();
  Backoff backoff(settings_.random ? settings_.random : byChance());
  Dialer dialer(settings_, stopping_);
  while (!stopping_) {
    pulse_.turned();
    std::string problem;
    const LinkEnd end = connectOnce(dialer, problem);
    // A panel may repeat the secret in what it says, and that is shown in /health.
    problem = log::withoutSecret(std::move(problem), settings_.secret);
    noteDisconnected(problem);
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
    pulse_.turned();
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
void PanelLink::send(Outbound message) { worker_->send(std::move(message)); }
std::size_t PanelLink::keptBytes() const { return worker_->keptBytes(); }
bool PanelLink::turns() noexcept { return worker_->turns(); }
LinkStatus PanelLink::status() const { return worker_->status(); }

}  // namespace agent
