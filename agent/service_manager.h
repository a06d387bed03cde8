#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

/// Tells systemd how the service is (sd_notify): a datagram to the socket that NOTIFY_SOCKET names.
/// Without one every call does nothing.
///
/// Threads: any. Blocking: none. Errors: none; what systemd does not take is lost.
class ServiceManager {
 public:
  using Environment = std::function<std::optional<std::string>(const std::string& name)>;

  explicit ServiceManager(const Environment& environment);

  void ready();
  void stopping();
  void alive();

  /// How often alive() is to be called: a third of what systemd waits for it. Absent: it does not
  /// wait.
  const std::optional<std::chrono::milliseconds>& interval() const noexcept { return interval_; }

 private:
  void send(std::string_view state) const;

  std::string socket_;
  std::optional<std::chrono::milliseconds> interval_;
};

}  // namespace agent
