#pragma once

#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <libcontrol/testing/mock_control.h>

#include "agent/panel/agent.h"
#include "agent/panel/json_text.h"
#include "support/temp_dir.h"
#include "unit/agent/whole/recording_panel.h"

namespace agent {

/// An agent over an engine in memory, with the servers `a` and `ab`, and files beside theirs that
/// no action may reach. Threads: any.
class FileAgent {
 public:
  /// Stands in every file outside the servers' directories.
  static constexpr const char* kSecret = "CANARY-4711";

  FileAgent();
  ~FileAgent();

  /// Has server `a`'s action done and returns the response.
  Json ask(const std::string& action, const std::string& payload,
           const std::string& server_id = "a");
  /// The same without waiting; the id of the command.
  std::string send(const std::string& action, const std::string& payload,
                   const std::string& server_id = "a");
  Json response(const std::string& id);
  /// Events of this name so far.
  std::vector<Json> events(const std::string& name);
  Json completed(const std::string& id);
  void raw(const std::string& text) { agent_->onMessage(text); }
  Json message(const std::string& type);
  void restart();
  /// The connection is a new one from now on.
  void reconnect() { (void)agent_->greeting(); }
  control::testing::MockControl& engine() {
    return *runtime_->extension<control::testing::MockControl>();
  }
  /// To the figure of the configuration, at the next restart.
  void limitBackups(std::int64_t bytes_per_second) { config_.backup_rate = bytes_per_second; }

  /// Likewise.
  void readNoConsoles() { config_.console_bytes = 0; }

  /// Of server `a`, on the host.
  std::string root() const { return directory_.path() + "/data/a"; }
  std::string rootOf(const std::string& id) const { return directory_.path() + "/data/" + id; }
  std::string outside() const { return directory_.path() + "/outside"; }
  std::string backups() const { return directory_.path() + "/backups"; }

  /// Names, contents, modes, owners and times of all that must not be touched.
  std::string fingerprintOfOutside() const;
  /// Whether something from outside stood in any message.
  bool leaked() const { return leaked_; }

 private:
  void receive(const std::string& text);
  void open();

  test_support::TempDir directory_;
  Config config_;
  std::shared_ptr<control::ContainerRuntime> runtime_;
  std::mutex mutex_;
  std::condition_variable arrived_;
  std::map<std::string, Json> responses_;
  std::vector<Json> events_;
  std::vector<Json> others_;
  std::atomic<bool> leaked_{false};
  std::atomic<int> last_id_{0};
  std::unique_ptr<Agent> agent_;
};

/// "ok" or the error's code.
std::string outcome(const Json& response);

void writeFileAt(const std::string& path, const std::string& content);
std::string readFileAt(const std::string& path);

}  // namespace agent
