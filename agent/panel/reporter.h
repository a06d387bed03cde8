#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/supervisor.h>

#include "agent/actions/services.h"
#include "agent/panel/console_feed.h"

namespace agent {

/// Tells the panel what the supervisor reports.
///
/// Threads: as SupervisorObserver. Blocking: none.
class Reporter : public control::SupervisorObserver {
 public:
  /// Without services, before they are lent and after they are gone, nothing is told.
  Reporter(const Config& config, Outgoing& out, Operations& operations, ConsoleFeed& console,
           Readiness& readiness);

  /// The services that follow-up work needs; they must outlive the supervisor.
  void lend(Services& services) { services_ = &services; }
  /// From now on operations end because the agent does.
  void shuttingDown() { shutting_down_ = true; }

  void onTransition(const control::Transition& transition) override;
  void onOperationEnd(const control::OperationEnd& end) override;
  void onPullProgress(const std::string& entry, const std::string& operation_id,
                      const std::string& image, const control::PullProgress& progress) override;
  void onStats(const std::vector<control::EntryStatus>& running) override;
  void onEngine(bool reachable, const std::string& reason) override;
  void onProblem(const std::string& problem) override;
  void onConsole(const std::string& entry) override {
    console_.notice(entry);
    readiness_.onConsole(entry);
  }

 private:
  struct Layer {
    std::string status{};
    std::optional<std::int64_t> current{};
    std::optional<std::int64_t> total{};
  };
  struct Pull {
    std::string entry{};
    std::string image{};
    std::map<std::string, Layer> layers{};
    std::optional<control::TimePoint> told{};
    bool untold = false;  ///< there is more than was told then
  };

  HostPaths paths() const;
  void removeDataThenComplete(const Operation& operation, const control::OperationEnd& end);
  void tellLegacyEnd(const Operation& operation, const control::OperationEnd& end);
  static void notePulled(Services& services, const Operation& operation);
  static Json encodePull(const Pull& pull);
  void tellPull(const std::string& operation_id);
  void complete(const Operation& operation, const control::OperationEnd& end);
  Json encodeFailure(const Operation& operation, const control::OperationEnd& end) const;

  const Config& config_;
  Outgoing& out_;
  Operations& operations_;
  ConsoleFeed& console_;
  Readiness& readiness_;
  std::atomic<Services*> services_{nullptr};
  std::atomic<bool> shutting_down_{false};
  std::mutex mutex_;
  std::map<std::string, Pull> pulls_;
};

}  // namespace agent
