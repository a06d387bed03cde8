#pragma once

#include <atomic>
#include <chrono>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "contract/scratch.h"

namespace control::conform {

/// Connects to a Unix socket; -1 when nobody listens there.
int connectTo(const std::string& path);

/// Stands between a plugin and its engine on Unix sockets, passes every byte on, and does on
/// demand what networks and engines do when they fail. It knows no protocol: it looks for a text
/// in what the client sends and exchanges texts in what the engine answers.
///
/// Threads: any method may run on any thread.
class FaultProxy {
 public:
  /// Throws std::runtime_error when it cannot listen.
  explicit FaultProxy(std::string engine_socket);
  ~FaultProxy();
  FaultProxy(const FaultProxy&) = delete;
  FaultProxy& operator=(const FaultProxy&) = delete;

  const std::string& socketPath() const noexcept { return path_; }

  /// Loses every connection and refuses new ones, until restore().
  void cut();
  void restore();

  /// Requests that contain `part` do not reach the engine until release(); "" holds everything.
  void hold(std::string part);
  void release();

  /// The next request that contains `part` reaches the engine, but the connection is lost before
  /// the answer arrives.
  void loseAnswerTo(std::string part);
  /// Every such request has come.
  bool hasLostAnswers();

  /// The engine has begun an answer as HTTP does.
  bool hasSeenHttp() const noexcept { return seen_http_; }

  /// Requests that contain `part` are answered with these pieces instead of by the engine, one
  /// every `interval`, and then with silence.
  void answer(std::string part, std::vector<std::string> pieces,
              std::chrono::milliseconds interval = {});

  /// Of a connection whose request contained `part`, everything that the engine sends after the
  /// head of its answer comes so many times.
  void multiplyAnswers(std::string part, int times);

  /// From now on, `from` in the engine's answers reads `to`, which is as long.
  void exchange(std::string from, std::string to);

 private:
  struct Connection;
  struct Rule {
    enum class Kind { kHold, kLoseAnswer, kAnswer, kMultiply } kind;
    std::string part{};
    std::vector<std::string> pieces{};
    std::chrono::milliseconds interval{};
    int times = 1;
  };

  void acceptAll();
  void serve(Connection& connection);
  bool fromClient(Connection& connection, std::string bytes);
  bool fromEngine(Connection& connection, std::string bytes);
  bool passOn(Connection& connection);
  bool answerHere(Connection& connection, const Rule& rule);
  void wakeAll();
  void join(bool all);

  const std::string engine_socket_;
  const ScratchFolder folder_{ScratchFolder::For::kSocket};
  std::string path_;
  int listener_ = -1;
  int stop_ = -1;
  std::atomic<bool> seen_http_{false};
  std::mutex mutex_;
  // Guarded by mutex_.
  bool down_ = false;
  std::vector<Rule> rules_;
  std::vector<std::pair<std::string, std::string>> exchanges_;
  std::list<std::unique_ptr<Connection>> connections_;
  std::thread acceptor_;
};

}  // namespace control::conform
