#include "agent/panel/json_text.h"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using testing::HasSubstr;

std::string rewritten(std::string_view text) {
  const JsonReading reading = readJsonObject(text);
  return reading.value ? reading.value->write() : "refused: " + reading.problem;
}

std::string nested(int levels) {
  std::string text;
  for (int i = 0; i < levels - 1; ++i) text += "{\"a\":";
  text += "{}";
  for (int i = 0; i < levels - 1; ++i) text += '}';
  return text;
}

TEST(JsonReading, KeepsValuesAndTheirOrder) {
  const std::string text =
      R"({"id":"cmd_1","n":-12,"f":1.5,"t":true,"z":null,"list":[1,"two",{"three":3}],"a":{}})";
  EXPECT_EQ(rewritten(text), text);
}

TEST(JsonReading, TellsIntegersFromOtherNumbers) {
  const JsonReading reading = readJsonObject(R"({"i":30,"f":30.0})");
  ASSERT_TRUE(reading.value);
  EXPECT_NE(reading.value->find("i")->integer(), nullptr);
  EXPECT_EQ(reading.value->find("f")->integer(), nullptr);
  EXPECT_NE(reading.value->find("f")->real(), nullptr);
}

TEST(JsonReading, KnowsOneZeroOnly) {
  for (const char* zero : {"0", "-0", "0.0", "-0.0", "-1e-400"}) {
    const auto reading = readJsonObject(R"({"n":)" + std::string(zero) + "}");
    ASSERT_TRUE(reading.value) << zero;
    EXPECT_EQ(reading.value->write(), R"({"n":0})") << zero;
  }
}

TEST(JsonReading, RefusesWhatIsNotJson) {
  for (const char* text :
       {"", "  ", "not json", "{", "{\"a\":1", "{\"a\":1,}", "{'a':1}", "{\"a\":01}", "{\"a\":1.}",
        "{\"a\":+1}", "{\"a\":NaN}", "{\"a\":Infinity}", "{\"a\":1}{\"b\":2}", "{\"a\":1} x",
        "\xEF\xBB\xBF{}", "{\"a\":\"\n\"}", "{\"a\":\"\\ud800\"}", "/* */{}"})
    EXPECT_FALSE(readJsonObject(text).value) << text;
}

TEST(JsonReading, RefusesWhatIsNoObject) {
  for (const char* text : {"[]", "[{}]", "1", "\"text\"", "null", "true"})
    EXPECT_FALSE(readJsonObject(text).value) << text;
}

TEST(JsonReading, TakesThirtyTwoLevelsAndNoMore) {
  EXPECT_TRUE(readJsonObject(nested(32)).value);
  const JsonReading reading = readJsonObject(nested(33));
  EXPECT_FALSE(reading.value);
  EXPECT_THAT(reading.problem, HasSubstr("deeper than 32"));
}

TEST(JsonReading, SurvivesAMegabyteOfBrackets) {
  EXPECT_FALSE(readJsonObject(std::string(1 << 20, '[')).value);
}

TEST(JsonReading, RefusesDuplicateKeysAtAnyLevel) {
  EXPECT_THAT(readJsonObject(R"({"a":1,"a":1})").problem, HasSubstr("duplicate key 'a'"));
  EXPECT_FALSE(readJsonObject(R"({"x":[{"b":{"c":1,"c":2}}]})").value);
  EXPECT_FALSE(readJsonObject(R"({"ab":1,"\u0061b":2})").value);
}

TEST(JsonReading, TakesTheSameNameInDifferentObjects) {
  EXPECT_TRUE(readJsonObject(R"({"a":{"a":[{"a":1},{"a":2}]}})").value);
}

TEST(JsonReading, RefusesARawNul) {
  using namespace std::string_literals;
  EXPECT_FALSE(readJsonObject("{\"a\":\"x\0y\"}"s).value);
  EXPECT_FALSE(readJsonObject("{\"a\":1}\0"s).value);
}

TEST(JsonReading, KeepsAnEscapedNulInTextsAndNames) {
  using namespace std::string_literals;
  const JsonReading reading = readJsonObject("{\"a\\u0000b\":\"x\\u0000y\",\"a\":1}");
  ASSERT_TRUE(reading.value);
  EXPECT_EQ(*reading.value->findText("a\0b"s), "x\0y"s);
  EXPECT_EQ(reading.value->write(), "{\"a\\u0000b\":\"x\\u0000y\",\"a\":1}");
}

TEST(JsonReading, TakesAnEscapedBackslashInFrontOfZeros) {
  EXPECT_EQ(rewritten("{\"a\":\"\\\\u0000\"}"), "{\"a\":\"\\\\u0000\"}");
}

TEST(JsonReading, RefusesInvalidUtf8) {
  for (const char* text : {"{\"a\":\"\xFF\"}", "{\"a\":\"\xC0\xAF\"}", "{\"a\":\"\xED\xA0\x80\"}",
                           "{\"a\":\"\xE2\x82\"}", "{\"\xC3\":1}"})
    EXPECT_FALSE(readJsonObject(text).value) << text;
}

TEST(JsonReading, NeverWrapsAnIntegerAround) {
  for (const char* number : {"18446744073709551616", "18446744073709551619", "9223372036854775808",
                             "-9223372036854775809", "99999999999999999999999999"}) {
    const JsonReading reading = readJsonObject("{\"n\":" + std::string(number) + "}");
    ASSERT_TRUE(reading.value) << number;
    ASSERT_NE(reading.value->find("n")->real(), nullptr) << number;
    EXPECT_GT(std::abs(*reading.value->find("n")->real()), 9.2e18) << number;
  }
  EXPECT_EQ(*readJsonObject(R"({"n":9223372036854775807})").value->find("n")->integer(),
            std::numeric_limits<std::int64_t>::max());
}

TEST(JsonReading, KeepsLongTextsAndNoncharactersAsTheyAre) {
  const std::string run(300'000, 'x');
  const std::string aside = "\xEF\xBF\xBF";
  for (const std::string& text :
       {run, run + aside + run, aside + "R0;", aside, aside + "0", run + "\n\xC3\xBC" + run,
        run.substr(0, 256) + '\0' + run.substr(0, 255) + aside + 'F'}) {
    Json json;
    json.set(text, text).set("other", run);
    const JsonReading reading = readJsonObject(json.write());
    ASSERT_TRUE(reading.value) << reading.problem;
    ASSERT_NE(reading.value->findText(text), nullptr);
    EXPECT_EQ(*reading.value->findText(text), text);
    EXPECT_EQ(*reading.value->findText("other"), run);
  }
  EXPECT_EQ(*readJsonObject(R"({"a":"\uffFF0\\uFFFF"})").value->findText("a"), aside + "0\\uFFFF");
}

TEST(JsonReading, RefusesNumbersBeyondADouble) {
  EXPECT_THAT(readJsonObject(R"({"n":1e400})").problem, HasSubstr("out of range"));
  EXPECT_FALSE(readJsonObject("{\"n\":" + std::string(100'000, '9') + "}").value);
}

TEST(JsonReading, EchoesTheIdThatCameBeforeTheProblem) {
  EXPECT_EQ(readJsonObject(R"({"id":"cmd_1","type":oops})").id, "cmd_1");
  EXPECT_EQ(readJsonObject(R"({"id":"cmd_1","a":1,"a":2})").id, "cmd_1");
  EXPECT_EQ(readJsonObject("{\"id\":\"cmd_1\",\"payload\":" + nested(40) + "}").id, "cmd_1");
}

TEST(JsonReading, HasNoIdWhereNoneCouldBeRead) {
  EXPECT_FALSE(readJsonObject("oops").id);
  EXPECT_FALSE(readJsonObject(R"({"payload":{"id":"inner"},x})").id);
  EXPECT_FALSE(readJsonObject(R"({"id":7,x})").id);
}

TEST(JsonWriting, EscapesWhatJsonRequires) {
  EXPECT_EQ(Json("a\"b\\c\n\r\t\x01/").write(), R"("a\"b\\c\n\r\t\u0001/")");
}

TEST(JsonWriting, ReplacesInvalidUtf8) {
  EXPECT_EQ(Json("a\xFF"
                 "b\xE2\x82")
                .write(),
            "\"a\xEF\xBF\xBD"
            "b\xEF\xBF\xBD\xEF\xBF\xBD\"");
  EXPECT_EQ(Json("grün €").write(), "\"grün €\"");
}

TEST(JsonWriting, WritesNoNumberThatJsonDoesNotHave) {
  EXPECT_EQ(Json(std::nan("")).write(), "null");
  EXPECT_EQ(Json(std::numeric_limits<double>::infinity()).write(), "null");
}

TEST(JsonWriting, WritesBooleansAndIntegersAsSuch) {
  Json json;
  json.set("t", true).set("n", std::int64_t{-5}).set("f", 45.2).setIf("none", std::optional<int>());
  EXPECT_EQ(json.write(), R"({"t":true,"n":-5,"f":45.2})");
}

TEST(JsonWriting, IsTheSameForTheSameContentInCanonicalForm) {
  EXPECT_EQ(readJsonObject(R"({"b":{"y":1,"x":2},"a":1})").value->writeCanonical(),
            readJsonObject(R"({"a":1,"b":{"x":2,"y":1}})").value->writeCanonical());
}

}  // namespace
}  // namespace agent
