#include "agent/probes/probe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/probes/minecraft_ping.h"
#include "agent/probes/source_query.h"
#include "unit/agent/probes/game_peer.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using Clock = Probe::Clock;

/// Asks until there is an outcome.
control::Result<ProbeAnswer> ask(std::unique_ptr<Exchange> exchange, const ProbeAddress& address) {
  Probe probe(std::move(exchange), address, Clock::now());
  for (;;) {
    if (auto outcome = probe.advance(Clock::now())) return *std::move(outcome);
    pollfd waiting = probe.waiting();
    const auto left = std::chrono::ceil<milliseconds>(probe.due() - Clock::now());
    ::poll(&waiting, 1, static_cast<int>(std::max(left, milliseconds(0)).count()));
  }
}

control::Result<ProbeAnswer> askMinecraft(const GamePeer& peer) {
  const ProbeAddress address{"127.0.0.1", peer.port()};
  return ask(std::make_unique<MinecraftPing>(address.ip, address.port), address);
}
control::Result<ProbeAnswer> askSource(const GamePeer& peer) {
  return ask(std::make_unique<SourceQuery>(), {"127.0.0.1", peer.port()});
}
control::Result<ProbeAnswer> askPort(std::uint16_t port) {
  return ask(std::make_unique<OpenPort>(), {"127.0.0.1", port});
}

std::string problemOf(const control::Result<ProbeAnswer>& answer) {
  return answer ? "answered" : answer.error().message;
}

std::vector<std::string> bytewise(const std::string& text) {
  std::vector<std::string> pieces;
  for (const char byte : text) pieces.emplace_back(1, byte);
  return pieces;
}

TEST(Probe, APortIsOpenWhenAConnectionStands) {
  const GamePeer peer;
  EXPECT_EQ(problemOf(askPort(peer.port())), "answered");
  const GamePeer closed(GamePeer::Kind::kClosed, {});
  EXPECT_THAT(problemOf(askPort(closed.port())),
              AllOf(StartsWith("127.0.0.1:"), HasSubstr("Connection refused")));
}

TEST(Probe, APortWhoseProxyClosesAtOnceIsNotOpen) {
  const GamePeer peer(GamePeer::Kind::kTcp,
                      [](std::string_view) { return std::vector{GamePeer::kClose}; });
  EXPECT_THAT(problemOf(askPort(peer.port())), HasSubstr("closed the connection"));
}

TEST(Probe, APortThatGreetsIsOpen) {
  const GamePeer peer(GamePeer::Kind::kTcp, [](std::string_view got) {
    return got.empty() ? std::vector<std::string>{"hello\r\n", GamePeer::kClose}
                       : std::vector<std::string>{};
  });
  EXPECT_EQ(problemOf(askPort(peer.port())), "answered");
}

TEST(Probe, AsksAMinecraftServer) {
  const GamePeer peer(
      GamePeer::Kind::kTcp,
      minecraftServer(R"({"players":{"max":9,"online":1,"sample":[{"name":"Ann"}]}})"));
  const auto answer = askMinecraft(peer);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->players->max, 9);
  EXPECT_THAT(*answer->players->list, ElementsAre("Ann"));
}

TEST(Probe, AMinecraftServerMayAnswerInSingleBytes) {
  const GamePeer peer(GamePeer::Kind::kTcp, [](std::string_view got) {
    return got.empty() ? std::vector<std::string>{}
                       : bytewise(minecraftStatus(R"({"players":{"max":9,"online":1}})"));
  });
  const auto answer = askMinecraft(peer);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->players->online, 1);
}

TEST(Probe, NonsenseFromAServerIsAnError) {
  const GamePeer http(GamePeer::Kind::kTcp, [](std::string_view) {
    return std::vector<std::string>{"HTTP/1.0 400 Bad Request\r\n\r\n" + std::string(1000, 'x')};
  });
  EXPECT_THAT(problemOf(askMinecraft(http)), HasSubstr("no Minecraft status"));
  const GamePeer closes(GamePeer::Kind::kTcp, [](std::string_view got) {
    return got.empty() ? std::vector<std::string>{} : std::vector{GamePeer::kClose};
  });
  EXPECT_THAT(problemOf(askMinecraft(closes)),
              testing::AnyOf(HasSubstr("closed the connection"), HasSubstr("reset")));
  const GamePeer echo(GamePeer::Kind::kUdp,
                      [](std::string_view got) { return std::vector{std::string(got)}; });
  EXPECT_THAT(problemOf(askSource(echo)), HasSubstr("something else"));
}

TEST(Probe, AsksASourceServer) {
  const GamePeer peer(GamePeer::Kind::kUdp, sourceServer(2, 16, {"Ann", "Bob"}));
  const auto answer = askSource(peer);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->players->online, 2);
  EXPECT_THAT(*answer->players->list, ElementsAre("Ann", "Bob"));
  EXPECT_EQ(peer.asked(), 3);
}

TEST(Probe, ASourceServerThatKeepsNamesToItselfAnswersSoon) {
  const GamePeer peer(GamePeer::Kind::kUdp, [](std::string_view got) {
    return got.substr(4).starts_with("T") ? std::vector{sourceInfo(2, 16)}
                                          : std::vector<std::string>{};
  });
  const auto began = Clock::now();
  const auto answer = askSource(peer);
  ASSERT_TRUE(answer) << answer.error().message;
  EXPECT_EQ(answer->players, (Players{.online = 2, .max = 16}));
  EXPECT_LT(Clock::now() - began, Probe::kLongest);
}

TEST(Probe, NobodyListensOnUdpIsToldAtOnce) {
  std::uint16_t port = 0;
  {
    const GamePeer peer(GamePeer::Kind::kUdp,
                        [](std::string_view) { return std::vector<std::string>{}; });
    port = peer.port();
  }
  EXPECT_THAT(problemOf(ask(std::make_unique<SourceQuery>(), {"127.0.0.1", port})),
              HasSubstr("Connection refused"));
}

/// With a clock of its own: `step` later each time.
control::Result<ProbeAnswer> askInHaste(std::unique_ptr<Exchange> exchange,
                                        const ProbeAddress& address, milliseconds step) {
  Clock::time_point now{};
  Probe probe(std::move(exchange), address, now);
  for (;; now += step) {
    if (auto outcome = probe.advance(now)) return *std::move(outcome);
    EXPECT_LE(now, Clock::time_point{} + Probe::kLongest);
    pollfd waiting = probe.waiting();
    ::poll(&waiting, 1, 1);
  }
}

TEST(Probe, ASilentServerHasFiveSeconds) {
  const GamePeer tcp;
  const ProbeAddress address{"127.0.0.1", tcp.port()};
  EXPECT_THAT(problemOf(askInHaste(std::make_unique<MinecraftPing>(address.ip, address.port),
                                   address, milliseconds(500))),
              HasSubstr("no answer in 5 s"));
}

TEST(Probe, SlowBytesHaveFiveSecondsInAll) {
  // Each question for more is a byte more; the status is longer than that.
  const GamePeer peer(GamePeer::Kind::kTcp,
                      [](std::string_view) { return std::vector<std::string>{"\xFF"}; });
  const ProbeAddress address{"127.0.0.1", peer.port()};
  EXPECT_THAT(problemOf(askInHaste(std::make_unique<MinecraftPing>(address.ip, address.port),
                                   address, milliseconds(500))),
              HasSubstr("no answer in 5 s"));
}

TEST(Probe, AnAddressThatIsNoneIsAnError) {
  EXPECT_THAT(problemOf(ask(std::make_unique<OpenPort>(), {"localhost", 80})),
              StartsWith("localhost:80: "));
  EXPECT_EQ((ProbeAddress{"::1", 80}).text(), "[::1]:80");
}

}  // namespace
}  // namespace agent
