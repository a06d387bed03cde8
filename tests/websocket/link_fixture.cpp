#include "websocket/link_fixture.h"

#include <malloc.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "agent/log.h"

namespace websocket_test {
namespace {

std::size_t entries(const char* directory) {
  const std::filesystem::directory_iterator begin(directory);
  return static_cast<std::size_t>(std::distance(begin, std::filesystem::directory_iterator()));
}

}  // namespace

Holdings holdings() {
  ::malloc_trim(0);
  std::size_t virtual_pages = 0;
  std::size_t resident_pages = 0;
  std::ifstream("/proc/self/statm") >> virtual_pages >> resident_pages;
  if (kSanitized) resident_pages = 0;
  return {.resident_bytes = resident_pages * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)),
          .descriptors = entries("/proc/self/fd"),
          .threads = entries("/proc/self/task")};
}

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

test_support::WsConnection LinkFixture::accepted(test_support::WsPeer& peer) {
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

void LinkFixture::expectWorking(test_support::WsPeer& peer) {
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

}  // namespace websocket_test
