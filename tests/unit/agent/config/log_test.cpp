#include "agent/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

class Log : public testing::Test {
 protected:
  ~Log() override { log::setUp(LogLevel::kOff, LogFormat::kText); }

  template <class Write>
  static std::string written(LogLevel level, LogFormat format, Write write) {
    log::setUp(level, format);
    testing::internal::CaptureStdout();
    write();
    return testing::internal::GetCapturedStdout();
  }
};

TEST_F(Log, WritesOneLineWithTimeLevelAndComponent) {
  const std::string line =
      written(LogLevel::kInfo, LogFormat::kText, [] { log::info("panel", "connected"); });
  EXPECT_THAT(line, testing::MatchesRegex("....-..-..T..:..:..\\....Z info panel: connected\n"));
}

TEST_F(Log, WritesOneObjectALineAsJson) {
  const std::string line =
      written(LogLevel::kInfo, LogFormat::kJson, [] { log::warning("a", "say \"hi\"\n"); });
  EXPECT_THAT(line, testing::MatchesRegex("\\{\"time\":\".*Z\",\"level\":\"warning\",\"component\":"
                                          "\"a\",\"message\":\"say \\\\\"hi\\\\\"\\\\n\"\\}\n"));
}

TEST_F(Log, WritesNothingBelowItsLevel) {
  EXPECT_EQ(written(LogLevel::kWarning, LogFormat::kText, [] { log::info("a", "b"); }), "");
}

TEST_F(Log, NeverWritesASecret) {
  log::hide("hunter2");
  const std::string line = written(LogLevel::kInfo, LogFormat::kText,
                                   [] { log::info("a", "Bearer hunter2 and hunter2"); });
  EXPECT_THAT(line, HasSubstr("Bearer [secret] and [secret]"));
}

TEST(LogWithoutSecret, EndsForASecretThatIsPartOfWhatStandsForIt) {
  EXPECT_EQ(log::withoutSecret("a secret", "secret"), "a [secret]");
  EXPECT_EQ(log::withoutSecret("as", "s"), "a[secret]");
  EXPECT_EQ(log::withoutSecret("as", ""), "as");
}

TEST_F(Log, LetsNobodyForgeALine) {
  const std::string line = written(LogLevel::kInfo, LogFormat::kText, [] {
    log::info("a", "x\n2026-01-01 error agent: \x1b[31mforged\x7f {} %v");
  });
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_THAT(line, HasSubstr("x\\n2026"));
  EXPECT_THAT(line, HasSubstr("\\x1b[31mforged\\x7f {} %v"));
}

TEST_F(Log, HoldsBackACallSiteThatRepeatsItself) {
  const std::string lines = written(LogLevel::kInfo, LogFormat::kText, [] {
    for (int index = 0; index < 1000; ++index) log::info("a", "again");
    log::info("a", "another");
  });
  EXPECT_LE(std::count(lines.begin(), lines.end(), '\n'), 30);
  EXPECT_GE(std::count(lines.begin(), lines.end(), '\n'), 21);
  EXPECT_THAT(lines, HasSubstr("another"));
}

TEST(LogEscape, KeepsUtf8AndEscapesTheRest) {
  EXPECT_EQ(log::escape("\xC3\xA4\xE2\x82\xAC", LogFormat::kText), "\xC3\xA4\xE2\x82\xAC");
  EXPECT_EQ(log::escape("a\xFFz", LogFormat::kText), "a\\xffz");
  EXPECT_EQ(log::escape("a\xFFz", LogFormat::kJson), "a\\u00ffz");
  EXPECT_EQ(log::escape("\xC2\x9B", LogFormat::kText), "\\x9b");
  EXPECT_EQ(log::escape(std::string_view("\0", 1), LogFormat::kJson), "\\u0000");
  EXPECT_EQ(log::escape("\"\\", LogFormat::kJson), "\\\"\\\\");
  EXPECT_EQ(log::escape("C:\\n", LogFormat::kText), "C:\\\\n");
}

}  // namespace
}  // namespace agent
