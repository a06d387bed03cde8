#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <libcontrol/runtime.h>

#include "agent/panel/agent.h"
#include "support/temp_dir.h"
#include "unit/agent/whole/recording_panel.h"

namespace agent {

/// A runtime on an engine in memory that nobody else has, in real time.
std::shared_ptr<control::ContainerRuntime> mockRuntime();

/// An agent on such an engine, or another one, once open() was called, and the panel that hears it.
class AgentOnMock : public testing::Test {
 protected:
  explicit AgentOnMock(std::shared_ptr<control::ContainerRuntime> runtime = mockRuntime());
  ~AgentOnMock() override;

  /// Begins an agent with the configuration as it is now; one that is there ends first.
  void open();

  /// Sends a command under a new id, which is returned. `members` stand beside the action, as
  /// `"serverId":"a","payload":{}`.
  std::string send(const std::string& action, const std::string& members = "");
  /// The response to it.
  Json ask(const std::string& action, const std::string& members = "");
  /// Has it done and returns its command_completed.
  Json finish(const std::string& action, const std::string& members);

  static control::CallContext soon() {
    return control::CallContext::within(std::chrono::seconds(5));
  }

  const test_support::TempDir directory_;
  Config config_{};
  const std::shared_ptr<control::ContainerRuntime> runtime_;
  RecordingPanel panel_;
  std::unique_ptr<Agent> agent_;
  int last_id_ = 0;
};

}  // namespace agent
