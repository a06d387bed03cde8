#include "support/link_fixture.h"

#include <chrono>
#include <thread>

#include "agent/log.h"

namespace test_support {

LinkFixture::LinkFixture() { agent::log::setUp(agent::LogLevel::kOff, agent::LogFormat::kText); }

void LinkFixture::TearDown() {
  if (link_) link_->stop();
}

agent::LinkSettings LinkFixture::settingsFor(int port) const {
  agent::LinkSettings settings;
  settings.url = "ws://127.0.0.1:" + std::to_string(port) + "/agents";
  settings.node_id = "node-1";
  settings.secret = "s3cret";
  settings.random = [] { return 0.0; };
  return settings;
}

agent::PanelLink& LinkFixture::start(agent::LinkSettings settings) {
  link_ = std::make_unique<agent::PanelLink>(std::move(settings), *this);
  link_->start();
  return *link_;
}

WsConnection LinkFixture::accepted(WsPeer& peer) {
  auto connection = peer.next();
  if (!connection) throw std::runtime_error("no connection came");
  connection->accept();
  return std::move(*connection);
}

bool LinkFixture::until(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

void LinkFixture::expectWorking(WsPeer& peer) {
  auto connection = accepted(peer);
  connection.text("are you there?");
  EXPECT_EQ(connection.readText(), "got: are you there?");
}

void LinkFixture::onMessage(std::string text) {
  link_->send("got: " + text, agent::Delivery::kResult);
}

void LinkFixture::onFrameProblem(agent::FrameProblem problem) {
  link_->send("problem " + std::to_string(static_cast<int>(problem)), agent::Delivery::kResult);
}

std::string LinkFixture::consoleGap(const std::string& server_id, std::uint64_t lines,
                                    std::uint64_t sequence) {
  return "gap " + server_id + ' ' + std::to_string(lines) + ' ' + std::to_string(sequence);
}

}  // namespace test_support
