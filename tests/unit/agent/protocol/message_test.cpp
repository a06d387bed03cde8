#include "agent/panel/message.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using testing::MatchesRegex;

TEST(Message, WritesTimestampsInUtcWithMilliseconds) {
  EXPECT_EQ(formatTimestamp(control::WallTime(std::chrono::nanoseconds(1'767'323'045'678'999'999))),
            "2026-01-02T03:04:05.678Z");
  EXPECT_EQ(formatTimestamp(control::WallTime()), "1970-01-01T00:00:00.000Z");
}

TEST(Message, WritesAResponseAsTheProtocolShowsIt) {
  Json data;
  data.set("serverId", "server_456").set("status", "stopping");
  EXPECT_THAT(
      writeSuccess("cmd_123", "stop_server", data),
      MatchesRegex(R"(\{"id":"cmd_123","type":"response","timestamp":"[^"]*Z","success":true,)"
                   R"("message":"stop_server command received",)"
                   R"("data":\{"serverId":"server_456","status":"stopping"\}\})"));
}

TEST(Message, WritesAFailureWithoutData) {
  EXPECT_THAT(
      writeFailure("cmd_125", "UNKNOWN_ACTION", "Unknown action: invalid_action"),
      MatchesRegex(
          R"(\{"id":"cmd_125","type":"response","timestamp":"[^"]*Z","success":false,)"
          R"("error":\{"code":"UNKNOWN_ACTION","message":"Unknown action: invalid_action"\}\})"));
}

TEST(Message, CutsAnErrorThatRepeatsTooMuchBetweenTwoCharacters) {
  std::string long_text = "x";
  while (long_text.size() < 1024 * 1024) long_text += "\u00e4";
  const std::string failure = writeFailure("a", "UNKNOWN_ACTION", long_text);
  EXPECT_LT(failure.size(), 1300U);
  EXPECT_THAT(failure, testing::HasSubstr("\u00e4...\""));
  EXPECT_LT(writeError("PARSE_ERROR", long_text).size(), 1300U);
}

TEST(Message, WritesEventsWithTheirNumber) {
  EXPECT_THAT(writeEvent("server_status", 7, Json::object()),
              MatchesRegex(R"(\{"type":"event","event":"server_status","timestamp":"[^"]*Z",)"
                           R"("seq":7,"data":\{\}\})"));
}

TEST(Message, WritesLegacyMessagesWithTheirMessageId) {
  EXPECT_THAT(writeLegacy("server_status", Json::object(), "m1"),
              MatchesRegex(R"(\{"type":"server_status","messageId":"m1","timestamp":"[^"]*Z",)"
                           R"("data":\{\}\})"));
  EXPECT_THAT(writeLegacy("heartbeat", Json::object()),
              MatchesRegex(R"(\{"type":"heartbeat","timestamp":"[^"]*Z","data":\{\}\})"));
}

TEST(Message, WritesAnErrorThatAnswersNoCommand) {
  EXPECT_THAT(writeError("PARSE_ERROR", "not JSON"),
              MatchesRegex(R"(\{"id":null,"type":"error","timestamp":"[^"]*Z",)"
                           R"("data":\{"code":"PARSE_ERROR","message":"not JSON"\}\})"));
}

}  // namespace
}  // namespace agent
