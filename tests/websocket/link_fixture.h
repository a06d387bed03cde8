#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>

#include "agent/panel/link.h"
#include "support/ws_peer.h"

namespace websocket_test {

/// Whether all that the program does takes several times as long, and memory is not only its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif
#else
inline constexpr bool kSanitized = false;
#endif

/// What a process holds.
struct Holdings {
  std::size_t resident_bytes = 0;  ///< 0 where kSanitized: nobody knows
  std::size_t descriptors = 0;
  std::size_t threads = 0;
};
/// Of this process, now.
Holdings holdings();

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
  static test_support::WsConnection accepted(test_support::WsPeer& peer);
  /// Waits, at most 10 s.
  static bool until(const std::function<bool()>& condition);
  /// Whether the link works: a message is answered on a new connection.
  static void expectWorking(test_support::WsPeer& peer);

  std::vector<std::string> greeting() override { return {}; }
  std::string heartbeat() override { return "beat"; }
  void onMessage(std::string text) override;
  void onFrameProblem(agent::FrameProblem problem) override;
  std::string consoleGap(const std::string& server_id, std::uint64_t lines,
                         std::uint64_t sequence) override;

  std::unique_ptr<agent::PanelLink> link_;
};

}  // namespace websocket_test
