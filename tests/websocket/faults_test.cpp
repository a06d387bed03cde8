// A network and a panel that fail: the link comes back, nothing that was to be kept is lost, no
// frame is torn and gone on after.

#include <gtest/gtest.h>

#include <cstdlib>
#include <set>
#include <thread>

#include "support/chaos_proxy.h"
#include "support/link_fixture.h"
#include "websocket/holdings.h"

namespace websocket_test {
namespace {

using agent::Delivery;
using agent::LinkSettings;
using agent::LinkStatus;
using agent::PanelLink;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::Chaos;
using test_support::ChaosProxy;
using test_support::kText;
using test_support::wsClose;
using test_support::WsConnection;
using test_support::wsFrame;
using test_support::WsPeer;

class LinkFaults : public test_support::LinkFixture {
 protected:
  /// An upgraded connection, or none when the connection broke before.
  static std::optional<WsConnection> tryAccept(WsPeer& peer) {
    auto connection = peer.next();
    if (!connection) return std::nullopt;
    try {
      connection->accept();
    } catch (const std::exception&) {
      return std::nullopt;
    }
    return connection;
  }
};

class LinkCut : public LinkFaults, public testing::WithParamInterface<Chaos::End> {};

/// The answer to the upgrade has some 130 bytes, then come frames: the cut goes through each of
/// them.
TEST_P(LinkCut, ComesBackWhereverWhatItReadsIsCut) {
  WsPeer peer;
  ChaosProxy proxy(peer.port());
  const std::string frames = wsFrame(kText, "whole") + wsFrame(kText, std::string(200, 'x'));
  proxy.harm({.end = GetParam(), .end_after = 1}, {});
  startAt(proxy.port());
  for (std::uint64_t cut = 2; cut < 340; ++cut) {
    auto connection = tryAccept(peer);
    proxy.harm({.end = GetParam(), .end_after = cut}, {});
    if (connection) connection->write(frames);
  }
  proxy.harm({}, {});
  ASSERT_TRUE(until([&] {
    auto connection = tryAccept(peer);
    if (!connection) return false;
    connection->text("?");
    return connection->readText() == "got: ?";
  }));
}

/// Results are written until the cut; each that did not get out whole comes again, in order.
TEST_P(LinkCut, SendsAgainWhatWasCutWhileItWasWritten) {
  for (std::uint64_t cut = 1; cut < 60; cut += 7) {
    WsPeer peer;
    ChaosProxy proxy(peer.port());
    proxy.harm({}, {.end = GetParam(), .end_after = 300 + cut});
    PanelLink& link = startAt(proxy.port());
    auto first = tryAccept(peer);
    proxy.harm({}, {});
    for (int number = 0; number < 20; ++number)
      link.send("result " + std::to_string(number), Delivery::kResult);
    int next = 0;
    if (first)
      while (const auto frame = first->read(seconds(5))) {
        if (frame->opcode() != 1) continue;
        ASSERT_EQ(frame->payload, "result " + std::to_string(next)) << "torn at " << cut;
        ++next;
      }
    first.reset();
    // What the kernel took is gone with the connection, as the panel knows: it asks again. What
    // follows is the rest, without a hole in it.
    {
      auto second = accepted(peer);
      link.send("the end", Delivery::kState);
      int before = -1;
      for (std::string text = second.readText(); text != "the end"; text = second.readText()) {
        const int number = std::stoi(text.substr(text.find(' ')));
        EXPECT_TRUE(before < 0 ? number >= next : number == before + 1) << text;
        before = number;
      }
    }
    link_->stop();
  }
}

INSTANTIATE_TEST_SUITE_P(Ways, LinkCut, testing::Values(Chaos::End::kReset, Chaos::End::kFinish),
                         [](const auto& given) {
                           return given.param == Chaos::End::kReset ? "Reset" : "Finish";
                         });

TEST_F(LinkFaults, ComesBackWhereverWhatItReadsFallsSilent) {
  // In the head of the answer, in its last bytes, between and in the frames.
  for (const std::uint64_t cut : {1, 60, 127, 131, 135, 300}) {
    WsPeer peer;
    ChaosProxy proxy(peer.port());
    proxy.harm({.end = Chaos::End::kSilence, .end_after = cut}, {});
    LinkSettings settings = settingsFor(proxy.port());
    settings.timing.dead_after = settings.timing.frame_gap = settings.timing.dial =
        milliseconds(200);
    start(settings);
    auto silent = accepted(peer);
    silent.write(wsFrame(kText, "whole") + wsFrame(kText, std::string(200, 'x')));
    proxy.harm({}, {});
    expectWorking(peer);
    link_->stop();
  }
}

TEST_F(LinkFaults, WorksOverANetworkThatIsSlowAndCarriesSingleBytes) {
  WsPeer peer;
  ChaosProxy proxy(peer.port());
  const Chaos slow{.latency = milliseconds(20), .slice = 1};
  proxy.harm(slow, slow);
  startAt(proxy.port());
  auto connection = accepted(peer);
  for (const std::size_t size : {0, 1, 125, 126, 5000})
    connection.text(std::string(size, static_cast<char>('a' + size % 26)));
  for (const std::size_t size : {0, 1, 125, 126, 5000})
    EXPECT_EQ(connection.readText(),
              "got: " + std::string(size, static_cast<char>('a' + size % 26)));
}

TEST_F(LinkFaults, DropsAPanelThatBecameHalfOpen) {
  WsPeer peer;
  ChaosProxy proxy(peer.port());
  LinkSettings settings = settingsFor(proxy.port());
  settings.timing.ping_after = milliseconds(100);
  settings.timing.dead_after = milliseconds(300);
  PanelLink& link = start(settings);
  auto connection = accepted(peer);
  connection.text("before");
  EXPECT_EQ(connection.readText(), "got: before");
  proxy.silence();
  EXPECT_TRUE(until([&] { return link.status().connections == 1 && !link.status().connected; }));
  EXPECT_NE(link.status().problem.find("nothing came"), std::string::npos) << link.status().problem;
  expectWorking(peer);
}

TEST_F(LinkFaults, KeepsEveryResultForAPanelThatReadsSlowly) {
  WsPeer narrow(128 * 1024);
  PanelLink& link = startAt(narrow.port());
  auto connection = accepted(narrow);
  constexpr int kResults = 2000;
  const std::string padding(1024, '.');
  const std::size_t before = holdings().resident_bytes;
  for (int number = 0; number < kResults; ++number) {
    link.send("result " + std::to_string(number) + padding, Delivery::kResult);
    for (int more = 0; more < 10; ++more)
      link.send("stream " + std::to_string(number) + padding, Delivery::kStream);
    link.send({.text = "line",
               .delivery = Delivery::kConsole,
               .subject = "web",
               .sequence = static_cast<std::uint64_t>(number + 1)});
  }
  // 2 MiB of results, 4 MiB of the rest, and what the allocator makes of that.
  EXPECT_LT(holdings().resident_bytes, before + 24 * 1024 * 1024);
  EXPECT_GT(link.status().messages_dropped, 10'000u);
  int next = 0;
  while (next < kResults) {
    const std::string text = connection.readText();
    ASSERT_NE(text, "(nothing)") << next << ": " << link.status().problem << ' '
                                 << link.status().queued_messages;
    if (text.starts_with("result ")) {
      ASSERT_EQ(text, "result " + std::to_string(next) + padding);
      ++next;
    }
  }
  EXPECT_TRUE(link.status().connected);
  EXPECT_EQ(link.status().connections, 1u);
}

TEST_F(LinkFaults, SendsAgainWhatWasOnlyPartlyWritten) {
  WsPeer narrow(64 * 1024);
  LinkSettings settings = settingsFor(narrow.port());
  settings.timing.frame_gap = milliseconds(300);
  PanelLink& link = start(settings);
  constexpr int kResults = 200;
  const std::string padding(100'000, '.');
  {
    auto unread = accepted(narrow);
    for (int number = 0; number < kResults; ++number)
      link.send("result " + std::to_string(number) + padding, Delivery::kResult);
    ASSERT_TRUE(until([&] { return link.status().connections == 1 && !link.status().connected; }));
  }
  int next = static_cast<int>(link.status().messages_sent);
  ASSERT_GT(next, 0);
  ASSERT_LT(next, kResults);
  auto connection = accepted(narrow);
  for (; next < kResults; ++next)
    ASSERT_EQ(connection.readText().substr(0, 20),
              ("result " + std::to_string(next) + padding).substr(0, 20));
}

TEST_F(LinkFaults, TellsASlowPanelWhichLinesItMissed) {
  WsPeer peer;
  PanelLink& link = startAt(peer.port());
  { auto first = accepted(peer); }
  ASSERT_TRUE(until([&] { return !link.status().connected; }));
  auto second = peer.next();
  ASSERT_TRUE(second);
  for (std::uint64_t number = 1; number <= 10'000; ++number)
    link.send({.text = "line " + std::to_string(number),
               .delivery = Delivery::kConsole,
               .subject = "web",
               .sequence = number});
  second->accept();
  EXPECT_EQ(second->readText(), "gap web 5904 5904");
  EXPECT_EQ(second->readText(), "line 5905");
}

TEST_F(LinkFaults, SurvivesGarbageOfAnyKind) {
  WsPeer peer;
  startAt(peer.port());
  std::uint64_t state = 0x9E3779B97F4A7C15;
  for (int time = 0; time < 200; ++time) {
    auto connection = accepted(peer);
    std::string garbage;
    const std::size_t size = 1 + state % 3000;
    while (garbage.size() < size) {
      state ^= state << 13, state ^= state >> 7, state ^= state << 17;
      garbage += static_cast<char>(state >> 32);
    }
    connection.write(garbage);
  }
  expectWorking(peer);
}

TEST_F(LinkFaults, HoldsNoMoreAfterManyConnections) {
  const char* asked = std::getenv("LINK_RECONNECTS");
  const int connections = asked != nullptr ? std::atoi(asked) : 1000;
  WsPeer peer;
  PanelLink& link = startAt(peer.port());
  const auto connectOnce = [&](int number) {
    auto connection = accepted(peer);
    connection.text("hello");
    ASSERT_EQ(connection.readText(), "got: hello");
    // Some end well, some do not.
    if (number % 3 == 0) connection.write(wsClose(1000));
    if (number % 3 == 1) connection.write(wsFrame(kText, "cut").substr(0, 3));
  };
  for (int number = 0; number < 200; ++number) ASSERT_NO_FATAL_FAILURE(connectOnce(number));
  const Holdings before = holdings();
  for (int number = 0; number < connections; ++number) ASSERT_NO_FATAL_FAILURE(connectOnce(number));
  { auto last = accepted(peer); }
  const Holdings after = holdings();
  EXPECT_LE(after.threads, before.threads);
  EXPECT_LE(after.descriptors, before.descriptors + 1);
  EXPECT_LT(after.resident_bytes, before.resident_bytes + 1024 * 1024);
  EXPECT_GE(link.status().connections, static_cast<std::uint64_t>(connections));
}

}  // namespace
}  // namespace websocket_test
