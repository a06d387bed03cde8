#include "agent/probes/minecraft_ping.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/probes/game_peer.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using namespace std::string_view_literals;

/// The end of an exchange that gets these bytes at once.
control::Result<ProbeAnswer> pinged(std::string_view bytes) {
  MinecraftPing ping("127.0.0.1", 25565);
  const auto complete = ping.take(bytes);
  if (!complete) return complete.error();
  if (!*complete)
    return control::Error{.code = control::ErrorCode::kDeadlineExceeded, .message = "not complete"};
  return ping.answer();
}

std::string refusal(std::string_view bytes) {
  const auto answer = pinged(bytes);
  return answer ? "answered" : answer.error().message;
}

std::optional<Players> playersOf(std::string_view json) {
  const auto answer = pinged(minecraftStatus(json));
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().message);
  return answer ? answer->players : std::nullopt;
}

TEST(MinecraftPing, AsksAsClientsDo) {
  MinecraftPing ping("127.0.0.1", 25565);
  EXPECT_EQ(ping.takeOutput(),
            "\x13\0\xFF\xFF\xFF\xFF\x0F\x09"
            "127.0.0.1\x63\xDD\x01\x01\0"sv);
  EXPECT_EQ(ping.takeOutput(), "");
}

TEST(MinecraftPing, ReadsWhoPlays) {
  const auto players = playersOf(
      R"({"version":{"name":"1.21","protocol":767},"players":{"max":20,"online":2,"sample":)"
      R"([{"name":"Ann","id":"1"},{"name":"Bob","id":"2"}]},"description":{"text":"x"}})");
  ASSERT_TRUE(players);
  EXPECT_EQ(players->online, 2);
  EXPECT_EQ(players->max, 20);
  EXPECT_THAT(*players->list, ElementsAre("Ann", "Bob"));
}

TEST(MinecraftPing, AServerThatHidesWhoPlaysIsAnAnswer) {
  EXPECT_FALSE(playersOf(R"({"description":"x"})"));
  EXPECT_FALSE(playersOf(R"({"players":null})"));
  EXPECT_FALSE(playersOf(R"({"players":{"max":20}})"));
  EXPECT_FALSE(playersOf(R"({"players":{"max":20,"online":-1}})"));
  EXPECT_FALSE(playersOf(R"({"players":{"max":20,"online":"many"}})"));
  const auto players = playersOf(R"({"players":{"online":3,"max":1e300,"sample":"none"}})");
  EXPECT_EQ(players, (Players{.online = 3}));
  EXPECT_EQ(playersOf(R"({"players":{"online":3,"sample":[7,{"id":"x"},{"name":"Ann"}]}})")->list,
            std::vector<std::string>{"Ann"});
}

TEST(MinecraftPing, TheAnswerMayComeInAnyPieces) {
  const std::string status = minecraftStatus(R"({"players":{"max":20,"online":2}})");
  MinecraftPing ping("127.0.0.1", 25565);
  for (std::size_t i = 0; i + 1 < status.size(); ++i) {
    const auto complete = ping.take(std::string_view(status).substr(i, 1));
    ASSERT_TRUE(complete && !*complete) << i;
  }
  const auto complete = ping.take(std::string_view(status).substr(status.size() - 1));
  ASSERT_TRUE(complete && *complete);
  EXPECT_EQ(ping.answer().players->online, 2);
}

TEST(MinecraftPing, RefusesWhatIsNoStatus) {
  EXPECT_THAT(refusal("\xFF\xFF\xFF\xFF\xFF"), HasSubstr("more than 5 bytes"));
  EXPECT_THAT(refusal("\xFF\xFF\xFF\xFF\x0F"), HasSubstr("too long"));
  EXPECT_THAT(refusal("HTTP/1.1 400 Bad Request\r\n\r\n" + std::string(100, ' ')),
              HasSubstr("another kind"));
  EXPECT_THAT(refusal("\0"sv), HasSubstr("another kind"));
  EXPECT_THAT(refusal("\x01\x01"sv), HasSubstr("another kind"));
  EXPECT_THAT(refusal("\x04\0\x05{"sv), HasSubstr("not complete"));
  EXPECT_THAT(refusal("\x04\0\x05{}"sv), HasSubstr("another length"));
  EXPECT_THAT(refusal("\x04\0\x01{}"sv), HasSubstr("another length"));
  EXPECT_THAT(refusal(minecraftStatus("[]")), HasSubstr("no Minecraft status"));
  EXPECT_THAT(refusal(minecraftStatus("\xFF\xFE")), HasSubstr("no Minecraft status"));
  EXPECT_THAT(refusal(minecraftStatus(std::string(50'000, '['))), HasSubstr("no Minecraft status"));
}

TEST(MinecraftPing, NamesAreBounded) {
  std::string sample;
  for (int i = 0; i < 1000; ++i)
    sample += (i > 0 ? "," : "") + std::string(R"({"name":"player)") + std::to_string(i) + R"("})";
  const auto many = playersOf(R"({"players":{"online":1000,"sample":[)" + sample + "]}}");
  EXPECT_EQ(many->list->size(), Players::kMostNames);
  const auto longest = playersOf(R"({"players":{"online":1,"sample":[{"name":")" +
                                 std::string(500, 'x') + R"("}]}})");
  EXPECT_EQ(longest->list->front().size(), Players::kLongestName);
}

TEST(Players, NamesInOtherEncodingsAreMadeReadable) {
  Players players;
  players.addName("Zo\xEB");
  players.addName("\xC3\xA9t\xC3");
  players.addName("");
  EXPECT_THAT(*players.list, ElementsAre("Zo\xEF\xBF\xBD", "\xC3\xA9t\xEF\xBF\xBD"));
  // A character is not cut.
  Players other;
  other.addName(std::string(63, 'x') + "\xC3\xA9");
  EXPECT_EQ(other.list->front(), std::string(63, 'x'));
}

}  // namespace
}  // namespace agent
