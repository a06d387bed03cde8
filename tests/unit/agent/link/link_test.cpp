#include "agent/panel/link.h"

#include <gtest/gtest.h>

#include <future>
#include <thread>
#include <vector>

#include "unit/agent/link/link_on_peer.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::kPing;
using test_support::WsConnection;
using test_support::wsFrame;
using test_support::WsPeer;

TEST_F(Link, SaysWhetherItsThreadTurns) {
  const WsConnection connection = connected();
  EXPECT_TRUE(link_->turns());
  const auto deadline = Clock::now() + seconds(20);
  for (int turned = 0; turned < 3; turned += link_->turns() ? 1 : 0) {
    ASSERT_LT(Clock::now(), deadline);
    std::this_thread::yield();
  }
}

/// The first thing that is asked of its listener comes to no end.
class StuckLink : public Link {
 protected:
  void TearDown() override {
    let_go_.set_value();
    Link::TearDown();
  }
  std::vector<std::string> greeting() override {
    if (std::exchange(asked_, true)) return {};
    stuck_.set_value();
    let_go_.get_future().wait();
    return {};
  }

  bool asked_ = false;
  std::promise<void> stuck_;
  std::promise<void> let_go_;
};

TEST_F(StuckLink, SaysThatItsThreadDoesNotTurn) {
  const WsConnection connection = connected();
  stuck_.get_future().wait();
  (void)link_->turns();
  EXPECT_FALSE(link_->turns());
  EXPECT_FALSE(link_->turns());
}

TEST_F(Link, PingsASilentPanelAndDropsItWhenItStaysSilent) {
  LinkSettings impatient = settings();
  impatient.timing.ping_after = milliseconds(100);
  impatient.timing.dead_after = milliseconds(400);
  start(impatient);
  auto connection = accepted();
  EXPECT_EQ(connection.read()->payload, "hello");
  EXPECT_EQ(connection.read()->first_byte, kPing);
  EXPECT_TRUE(connection.ended(seconds(3)));
  EXPECT_NE(problem().find("nothing came from the panel"), std::string::npos) << problem();
}

TEST_F(Link, KeepsAPanelThatOnlyAnswersPings) {
  LinkSettings impatient = settings();
  impatient.timing.ping_after = milliseconds(50);
  impatient.timing.dead_after = milliseconds(1000);
  start(impatient);
  auto connection = accepted();
  EXPECT_EQ(connection.read()->payload, "hello");
  for (int pings = 0; pings < 30; ++pings) {
    const auto ping = connection.read();
    ASSERT_TRUE(ping);
    ASSERT_EQ(ping->first_byte, kPing);
    connection.write(wsFrame(test_support::kPong, ping->payload));
  }
  EXPECT_TRUE(link_->status().connected);
}

TEST_F(Link, SendsHeartbeats) {
  LinkSettings lively = settings();
  lively.heartbeat_interval = milliseconds(50);
  start(lively);
  auto connection = accepted();
  for (const char* expected : {"hello", "beat", "beat"})
    EXPECT_EQ(connection.read()->payload, expected);
}

TEST_F(Link, SendsWhatWaitedWhileItWasNotConnected) {
  PanelLink& link = start(settings());
  { auto first = accepted(); }
  problem();
  link.send("later", Delivery::kState);
  auto second = accepted();
  EXPECT_EQ(second.readText(), "later");
  EXPECT_EQ(link.status().connections, 2u);
}

TEST_F(Link, DropsAPanelThatNeverReadsAndKeepsItsMemory) {
  WsPeer narrow(4096);
  LinkSettings impatient = settings();
  impatient.url = narrow.url();
  impatient.timing.frame_gap = milliseconds(300);
  PanelLink& link = start(impatient);
  auto connection = narrow.next();
  connection->accept();
  const std::string line(16 * 1024, 'x');
  for (int index = 0; index < 2000; ++index) link.send(line, Delivery::kStream);
  link.send("the result", Delivery::kResult);
  problem();
  const LinkStatus status = link.status();
  EXPECT_GT(status.messages_dropped, 1000u);
  EXPECT_LE(status.queued_bytes, 4u * 1024 * 1024 + line.size());
  auto again = narrow.next();
  ASSERT_TRUE(again);
  again->accept();
}

TEST_F(Link, SendsWhatIsQueuedAndSaysGoodbyeWhenItStops) {
  auto connection = connected();
  connection.read();
  std::thread stopper([this] {
    link_->send("last words", Delivery::kState);
    link_->stop();
  });
  EXPECT_EQ(connection.readText(), "last words");
  const auto close = connection.read();
  ASSERT_TRUE(close);
  EXPECT_EQ(close->closeCode(), 1001);
  connection = WsConnection(-1);
  stopper.join();
}

TEST_F(Link, StopsInTimeWhenThePanelDoesNotRead) {
  WsPeer narrow(4096);
  LinkSettings towards = settings();
  towards.url = narrow.url();
  PanelLink& link = start(towards);
  auto connection = narrow.next();
  connection->accept();
  for (int index = 0; index < 200; ++index)
    link.send(std::string(64 * 1024, 'x'), Delivery::kResult);
  const auto began = Clock::now();
  link.stop();
  EXPECT_LT(Clock::now() - began, seconds(8));
}

TEST_F(Link, StopsWhileItWaitsForTheNextAttempt) {
  PanelLink& link = start(settings());
  peer_.next()->refuse("401 Unauthorized");
  problem();
  const auto began = Clock::now();
  link.stop();
  EXPECT_LT(Clock::now() - began, seconds(5));
}

TEST_F(Link, TakesMessagesFromManyThreads) {
  auto connection = connected();
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([this] {
      for (int index = 0; index < 100; ++index) link_->send("m", Delivery::kState);
    });
  for (std::thread& thread : threads) thread.join();
  for (int index = 0; index < 400; ++index) ASSERT_EQ(connection.readText(), "m") << index;
}

}  // namespace
}  // namespace agent
