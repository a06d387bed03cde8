#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "agent/panel/link.h"
#include "support/ws_peer.h"

namespace test_support {

/// A PanelLink that answers each message with "got: " and the message, each problem with its
/// number, and comes back at once wherever it may.
class LinkFixture : public testing::Test, public agent::LinkListener {
 protected:
  LinkFixture();
  /// Before the destructors: the link calls this object.
  void TearDown() override;

  agent::LinkSettings settingsFor(int port) const;
  agent::PanelLink& start(agent::LinkSettings settings);
  agent::PanelLink& startAt(int port) { return start(settingsFor(port)); }

  /// The next connection, upgraded.
  static WsConnection accepted(WsPeer& peer);
  /// Waits, at most 10 s.
  static bool until(const std::function<bool()>& condition);
  /// Whether the link works: a message is answered on a new connection.
  static void expectWorking(WsPeer& peer);

  std::vector<std::string> greeting() override { return {}; }
  std::string heartbeat() override { return "beat"; }
  void onMessage(std::string text) override;
  void onFrameProblem(agent::FrameProblem problem) override;
  std::string consoleGap(const std::string& server_id, std::uint64_t lines,
                         std::uint64_t sequence) override;

  std::unique_ptr<agent::PanelLink> link_;
};

}  // namespace test_support
