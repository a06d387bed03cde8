#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>
#include <mutex>
#include <string>
#include <thread>

namespace test_support {

/// What a network does to the bytes of one direction.
struct Chaos {
  enum class End : int {
    kNone,
    kReset,    ///< both ends see the connection reset
    kFinish,   ///< the stream ends in this direction
    kSilence,  ///< nothing goes either way any more, and nobody is told
  };
  static constexpr std::uint64_t kNever = std::numeric_limits<std::uint64_t>::max();

  std::chrono::milliseconds latency{0};
  std::size_t slice = 0;  ///< at most so many bytes a segment; 0: as they come
  End end = End::kNone;
  std::uint64_t end_after = kNever;  ///< bytes of this direction that still pass
};

/// A TCP proxy on 127.0.0.1 that does harm as it is told.
///
/// Threads: any. One of its own does the work, for all connections.
class ChaosProxy {
 public:
  /// `port`: 0 for any that is free.
  explicit ChaosProxy(int target_port, int port = 0);
  ~ChaosProxy();
  ChaosProxy(const ChaosProxy&) = delete;
  ChaosProxy& operator=(const ChaosProxy&) = delete;

  int port() const { return port_; }

  /// For connections that are made from now on.
  void harm(const Chaos& to_client, const Chaos& to_server);
  /// At once, for those that are there and until they end: half-open, both ways.
  void silence();

 private:
  class Direction;
  class Connection;

  void run();

  const int target_port_;
  int listener_ = -1;
  int port_ = 0;
  std::mutex mutex_;
  Chaos to_client_;
  Chaos to_server_;
  std::atomic<std::uint64_t> silenced_{0};  ///< counts the calls
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace test_support
