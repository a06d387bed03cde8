#include "agent/log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

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

TEST_F(Log, CutsALongMessageWithoutSplittingWhatItEscaped) {
  for (const std::size_t before : {0U, 1U, 2U, 3U}) {
    const std::string line = written(LogLevel::kInfo, LogFormat::kJson, [&] {
      log::info("a", std::string(2'996 + before, 'x') + "\\\xff" + std::string(1'000'000, 'y'));
    });
    EXPECT_LE(line.size(), 3'200U);
    EXPECT_THAT(line, testing::MatchesRegex(".*x(\\\\\\\\(\\\\u00ff)?y*)?\\.\\.\\.\"\\}\n"));
  }
}

/// Standard output is a pipe that nobody reads, and full.
class UnreadOutput {
 public:
  UnreadOutput() : old_(::dup(STDOUT_FILENO)) {
    std::fflush(stdout);
    EXPECT_EQ(::pipe2(ends_.data(), O_CLOEXEC), 0);
    ::dup2(ends_[1], STDOUT_FILENO);
    ::fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    const std::array<char, 4096> page{};
    while (::write(ends_[1], page.data(), page.size()) > 0) filled_ += page.size();
    ::fcntl(ends_[1], F_SETFL, 0);
  }
  ~UnreadOutput() {
    std::fflush(stdout);
    ::dup2(old_, STDOUT_FILENO);
    for (const int fd : {old_, ends_[0], ends_[1]}) ::close(fd);
  }
  UnreadOutput(const UnreadOutput&) = delete;
  UnreadOutput& operator=(const UnreadOutput&) = delete;

  /// Makes room by reading what filled it.
  void read() {
    std::string text(filled_, ' ');
    EXPECT_EQ(::read(ends_[0], text.data(), text.size()), static_cast<ssize_t>(filled_));
  }
  std::string next() {
    std::string text(4096, ' ');
    text.resize(static_cast<std::size_t>(::read(ends_[0], text.data(), text.size())));
    return text;
  }

 private:
  const int old_;
  std::array<int, 2> ends_{};
  std::size_t filled_ = 0;
};

TEST_F(Log, HoldsUpNoWorkWhenNobodyReadsIt) {
  log::setUp(LogLevel::kInfo, LogFormat::kText);
  UnreadOutput output;
  for (int index = 0; index < 15; ++index) log::info("a", "lost");
  output.read();
  log::info("a", "seen");
  EXPECT_THAT(output.next(),
              HasSubstr("seen (15 lines before it are lost: nobody read the log)\n"));
  log::info("a", "as ever");
  EXPECT_THAT(output.next(), testing::EndsWith("as ever\n"));
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
