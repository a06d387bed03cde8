#include "agent/panel/command.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

Command decoded(std::string_view text) {
  const JsonReading reading = readJsonObject(text);
  if (!reading.value) throw std::runtime_error("the test's own JSON is wrong: " + reading.problem);
  return decodeCommand(*reading.value, "node-1");
}

std::string refusal(std::string_view text) {
  return refused([&] { decoded(text); });
}

TEST(Command, IsReadFromTheCurrentFormat) {
  const Command command = decoded(
      R"({"id":"cmd_123","type":"command","timestamp":"2026-01-02T03:04:05.678Z","agentId":"node-1",
          "action":"stop_server","serverId":"server_456","payload":{"signal":"SIGTERM","timeout":30}})");
  EXPECT_EQ(command.id, "cmd_123");
  EXPECT_EQ(command.action, "stop_server");
  EXPECT_EQ(command.server_id, "server_456");
  EXPECT_EQ(command.fields().text("signal"), "SIGTERM");
}

TEST(Command, NeedsNeitherTimestampNorAgentNorPayload) {
  EXPECT_EQ(
      decoded(R"({"id":"c","type":"command","action":"start_server","serverId":"s"})").server_id,
      "s");
}

TEST(Command, IgnoresUnknownFields) {
  EXPECT_EQ(refusal(R"({"id":"c","type":"command","action":"a","colour":["red"]})"), "");
}

TEST(Command, TakesTheServerFromThePayload) {
  EXPECT_EQ(
      decoded(R"({"id":"c","type":"command","action":"a","payload":{"serverId":"s"}})").server_id,
      "s");
}

TEST(Command, IsRefusedWhenTheTwoServersDiffer) {
  EXPECT_THAT(
      refusal(
          R"({"id":"c","type":"command","action":"a","serverId":"s","payload":{"serverId":"t"}})"),
      StartsWith("INVALID_PAYLOAD payload.serverId"));
}

TEST(Command, IsInvalidWithoutIdOrAction) {
  for (const char* text :
       {R"({"type":"command","action":"a"})", R"({"id":7,"type":"command","action":"a"})",
        R"({"id":"","type":"command","action":"a"})", R"({"id":"c","type":"command"})",
        R"({"id":"c","type":"command","action":["a"]})",
        R"({"id":null,"type":"command","action":"a"})"})
    EXPECT_THAT(refusal(text), StartsWith("INVALID_COMMAND")) << text;
}

TEST(Command, NamesANulInItsIdOrAction) {
  EXPECT_EQ(refusal(R"({"type":"command","action":"a","id":"a\u0000b"})"),
            "INVALID_COMMAND id must not hold a NUL character");
  EXPECT_EQ(refusal(R"({"type":"command","action":"a\u0000b","id":"c"})"),
            "INVALID_COMMAND action must not hold a NUL character");
}

TEST(Command, IsInvalidWithControlCharactersInItsId) {
  for (const char* id : {R"(\u0001)", R"(a\n)", R"(\tb)", R"(a\u001fb)", R"(a\u007f)"}) {
    const std::string text = R"({"type":"command","action":"a","id":")" + std::string(id) + "\"}";
    EXPECT_THAT(refusal(text), StartsWith("INVALID_COMMAND id must not hold control characters"))
        << id;
  }
  for (const char* id : {"a b", "\u00e4\u0080", "~"})
    EXPECT_EQ(refusal(R"({"type":"command","action":"a","id":")" + std::string(id) + "\"}"), "")
        << id;
}

TEST(Command, IsInvalidWithAnIdThatIsTooLong) {
  const std::string text =
      R"({"type":"command","action":"a","id":")" + std::string(257, 'x') + "\"}";
  EXPECT_THAT(refusal(text), StartsWith("INVALID_COMMAND"));
}

TEST(Command, IsRefusedForAnotherAgent) {
  EXPECT_THAT(refusal(R"({"id":"c","type":"command","action":"a","agentId":"node-2"})"),
              StartsWith("WRONG_AGENT"));
  EXPECT_EQ(refusal(R"({"id":"c","type":"command","action":"a","agentId":null})"), "");
}

TEST(Command, NamesFieldsOfTheWrongType) {
  EXPECT_EQ(refusal(R"({"id":"c","type":"command","action":"a","serverId":7})"),
            "INVALID_PAYLOAD serverId must be text");
  EXPECT_EQ(refusal(R"({"id":"c","type":"command","action":"a","payload":[1]})"),
            "INVALID_PAYLOAD payload must be an object");
}

TEST(Command, HasTheSameContentWhateverTheOrderOfItsFields) {
  EXPECT_EQ(
      decoded(R"({"id":"c","action":"a","payload":{"x":1,"y":2},"timestamp":"t1"})").content(),
      decoded(R"({"payload":{"y":2,"x":1},"action":"a","timestamp":"t2","id":"c"})").content());
  EXPECT_NE(decoded(R"({"id":"c","action":"a","payload":{"x":1}})").content(),
            decoded(R"({"id":"c","action":"a","payload":{"x":2}})").content());
}

TEST(ServerId, TakesWhatTheProtocolNames) {
  for (const char* id : {"a", "server_456", "0", "A.b-c_d"}) EXPECT_TRUE(isServerId(id)) << id;
  EXPECT_TRUE(isServerId(std::string(64, 'x')));
}

TEST(ServerId, RefusesEverythingElse) {
  using namespace std::string_literals;
  for (const std::string& id : {""s, "."s, ".."s, "../x"s, "-a"s, "_a"s, "a/b"s, "a b"s, "a\0b"s,
                                "ä"s, "a\n"s, "a%2f"s, "a:b"s, std::string(65, 'x')})
    EXPECT_FALSE(isServerId(id)) << id;
}

TEST(ServerId, IsRequiredAndNamed) {
  Command command;
  command.action = "start_server";
  EXPECT_THAT(refused([&] { requireServerId(command); }),
              StartsWith("INVALID_PAYLOAD serverId is required"));
  command.server_id = "../etc";
  EXPECT_THAT(refused([&] { requireServerId(command); }),
              StartsWith("INVALID_PAYLOAD serverId must"));
}

TEST(Fields, NameThePathOfWhatIsWrong) {
  const Json json = *readJsonObject(R"({"limits":{"memory":true},"n":1.5,"t":"12","b":1})").value;
  const Fields payload(&json, "payload");
  EXPECT_THAT(refused([&] { payload.object("limits").integer("memory", 0, 9); }),
              StartsWith("INVALID_PAYLOAD payload.limits.memory"));
  EXPECT_THAT(refused([&] { payload.integer("n", 0, 9); }), HasSubstr("payload.n must be a whole"));
  EXPECT_THAT(refused([&] { payload.number("t", 0, 99); }),
              HasSubstr("payload.t must be a number"));
  EXPECT_THAT(refused([&] { payload.boolean("b"); }), HasSubstr("payload.b must be true or false"));
  EXPECT_THAT(refused([&] { payload.text("n"); }), HasSubstr("payload.n must be text"));
  EXPECT_THAT(refused([&] { payload.object("t"); }), HasSubstr("payload.t must be an object"));
}

TEST(Fields, TakeNullForAbsent) {
  const Json json = *readJsonObject(R"({"a":null})").value;
  EXPECT_FALSE(Fields(&json, "payload").text("a"));
  EXPECT_FALSE(Fields(&json, "payload").object("a").present());
}

}  // namespace
}  // namespace agent
