#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "podman/podman_api.h"
#include "podman/podman_json.h"

namespace control::podman {

/// What a service says of itself and its host. It takes the service a second, or several on a busy
/// host: it asks the system's package manager for the origin of its helpers, a process for each. So
/// it is asked once for all who want to know, and goes on when they give up waiting.
///
/// Threads:  of() on any thread; one of its own while it asks.
/// Blocking: until the context's deadline or cancellation.
class ServiceFacts {
 public:
  explicit ServiceFacts(Api& api) : api_(api) {}

  /// Of the service of that version: another one is asked anew.
  Result<ServiceInfo> of(const std::string& version, const CallContext& context);

 private:
  void begin(const std::string& version);
  void ask(const std::stop_token& stop, const std::string& version);

  Api& api_;
  std::mutex mutex_;
  std::condition_variable changed_{};
  bool asking_ = false;                  ///< guarded by mutex_
  std::uint64_t answers_ = 0;            ///< guarded by mutex_; how many there were
  Result<ServiceInfo> answer_{Error{}};  ///< guarded by mutex_; the last one
  std::string version_{};                ///< guarded by mutex_; of whom
  std::jthread asker_{};                 ///< the last member: it uses all others
};

}  // namespace control::podman
