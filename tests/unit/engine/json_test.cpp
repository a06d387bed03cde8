#include "engine/json.h"

#include <gtest/gtest.h>

#include <limits>

namespace control::engine {
namespace {

JsonDocument parsed(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  EXPECT_TRUE(document) << document.error().message;
  return std::move(*document);
}

TEST(Json, FollowsPathsAndMissesSoftly) {
  const JsonDocument document = parsed(R"( {"a":{"b":[1,{"c":"d"}],"n":null},"e":true} )");
  const JsonValue root = document.root();
  EXPECT_EQ(root["e"].boolean(), true);
  EXPECT_TRUE(root["a"]["n"].isNull());
  EXPECT_TRUE(root["a"]["x"]["y"].isMissing());
  EXPECT_TRUE(root["e"]["x"].isMissing());
  std::string inner;
  root["a"]["b"].forEachElement([&](const JsonValue& one) { inner += one["c"].stringOrEmpty(); });
  EXPECT_EQ(inner, "d");
}

TEST(Json, FindsTheEndOfAStringAtEveryOffset) {
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string plain(size, 'x');
    for (const char* end : {"", "\n", "\"", "\\", "\xC3\xBC"}) {
      const std::string text = plain + end;
      EXPECT_EQ(parsed("{\"k\":" + jsonQuoted(text) + "}").root()["k"].string(), text);
    }
    EXPECT_FALSE(JsonDocument::parse("[\"" + plain + "\n\"]"));
    EXPECT_FALSE(JsonDocument::parse("[\"" + plain + "\x80\"]"));
  }
}

TEST(Json, TakesPlainBytesAndNoOthersAtEveryOffset) {
  for (std::size_t offset = 0; offset < 20; ++offset) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string text(20, 'x');
      text[offset] = static_cast<char>(byte);
      const bool plain = byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\';
      const auto document = JsonDocument::parse("[\"" + text + "\"]");
      ASSERT_EQ(document.has_value(), plain) << byte << " at " << offset;
      if (!plain) continue;
      document->root().forEachElement([&](const JsonValue& one) { EXPECT_EQ(one.string(), text); });
    }
  }
}

TEST(Json, ConvertsNothing) {
  const JsonDocument document = parsed(R"({"s":"12","n":12,"f":1.5,"e":1e3,"b":true})");
  const JsonValue root = document.root();
  EXPECT_FALSE(root["s"].integer());
  EXPECT_FALSE(root["n"].string());
  EXPECT_FALSE(root["f"].integer());
  EXPECT_FALSE(root["e"].integer());
  EXPECT_FALSE(root["b"].integer());
  EXPECT_EQ(root["n"].integer(), 12);
}

TEST(Json, KeepsLargeNumbersExactAndRefusesLarger) {
  const JsonDocument document =
      parsed("[9223372036854775807,18446744073709551615,18446744073709551616,-1]");
  std::vector<JsonValue> values;
  document.root().forEachElement([&](const JsonValue& one) { values.push_back(one); });
  EXPECT_EQ(values.at(0).integer(), std::numeric_limits<std::int64_t>::max());
  EXPECT_FALSE(values.at(1).integer());
  EXPECT_EQ(values.at(1).natural(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_FALSE(values.at(2).natural());
  EXPECT_FALSE(values.at(3).natural());
}

TEST(Json, DecodesEscapes) {
  const JsonDocument document = parsed(R"(["a\"\\\/\b\f\n\r\t\u00fc\u20ac\ud83d\ude00z"])");
  document.root().forEachElement([](const JsonValue& one) {
    EXPECT_EQ(one.string(), "a\"\\/\b\f\n\r\t\xC3\xBC\xE2\x82\xAC\xF0\x9F\x98\x80z");
  });
}

TEST(Json, TakesTheFirstOfTwoMembersOfOneName) {
  EXPECT_EQ(parsed(R"({"a":1,"a":2})").root()["a"].integer(), 1);
}

TEST(Json, RefusesWhatIsNotJson) {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[",
                           "[1",
                           "[1,",
                           "[1,]",
                           "{\"a\"",
                           "{\"a\":",
                           "{\"a\":1",
                           "{\"a\":1,}",
                           "{a:1}",
                           "'a'",
                           "01",
                           "1.",
                           "+1",
                           "-",
                           ".5",
                           "1e",
                           "nul",
                           "NaN",
                           "\"",
                           "\"\\",
                           "\"\\x\"",
                           "\"\\u12\"",
                           "\"\\ud800\"",
                           "\"\\ud800x\"",
                           "\"\\udc00\"",
                           "\"\\ud800\\u0041\"",
                           "\"\\ud800\\ud800\"",
                           "\"\\ud800\\n\"",
                           "\"\\ud800\\",
                           "\"\\ud800\\udc0",
                           "\"a\nb\"",
                           "\"\xff\"",
                           "\"\xc0\xaf\"",
                           "\"\xed\xa0\x80\"",
                           "{} {}",
                           "[1]x",
                           "{1:2}"}) {
    const auto document = JsonDocument::parse(text);
    EXPECT_FALSE(document) << text;
  }
}

TEST(Json, BoundsTheDepth) {
  EXPECT_TRUE(JsonDocument::parse(std::string(64, '[') + std::string(64, ']')));
  EXPECT_FALSE(JsonDocument::parse(std::string(65, '[') + std::string(65, ']')));
  EXPECT_FALSE(JsonDocument::parse(std::string(1'000'000, '[')));
}

TEST(Json, ReadsBackWhatItQuotes) {
  const std::string text = "a\"b\\c\n\x01\xC3\xBC";
  EXPECT_EQ(parsed("{\"k\":" + jsonQuoted(text) + "}").root()["k"].string(), text);
}

}  // namespace
}  // namespace control::engine
