#include <csignal>

#include <gtest/gtest.h>

#include <libcontrol/types.h>

namespace control {
namespace {

struct Case {
  std::string_view text;
  int number;
};

class SignalText : public ::testing::TestWithParam<Case> {};

TEST_P(SignalText, IsRead) {
  const auto signal = Signal::parse(GetParam().text);
  ASSERT_TRUE(signal) << GetParam().text << ": " << signal.error().message;
  EXPECT_EQ(signal->number, GetParam().number);
}

INSTANTIATE_TEST_SUITE_P(AllForms, SignalText,
                         ::testing::Values(Case{"SIGTERM", 15}, Case{"TERM", 15}, Case{"term", 15},
                                           Case{"sigint", 2}, Case{"15", 15}, Case{"1", 1},
                                           Case{"64", 64}, Case{"SIGKILL", 9}, Case{"USR1", 10},
                                           Case{"SIGRTMIN", 34}, Case{"SIGRTMIN+3", 37},
                                           Case{"rtmin+30", 64}, Case{"SIGRTMAX", 64},
                                           Case{"RTMAX-1", 63}, Case{"WINCH", SIGWINCH},
                                           Case{"POLL", SIGIO}, Case{"IOT", SIGABRT}));

class NoSignal : public ::testing::TestWithParam<std::string_view> {};

TEST_P(NoSignal, IsRefusedWithWhatWouldBeRight) {
  const auto signal = Signal::parse(GetParam());
  ASSERT_FALSE(signal) << GetParam();
  EXPECT_EQ(signal.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(signal.error().message.find("SIGTERM"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(Nonsense, NoSignal,
                         ::testing::Values("", "0", "65", "-1", "9999999999", "SIG", "SIGBOGUS",
                                           "TERM ", " TERM", "15x", "1.5", "SIGRTMIN+31",
                                           "SIGRTMIN-1", "SIGRTMAX+1", "SIGRTMIN+", "SIGRTMIN+-1",
                                           "SIGSIGTERM", "\xff\xfe", "T\nERM"));

TEST(Signal, ErrorShowsNoControlCharacters) {
  const auto signal = Signal::parse("\x1b[31m\n");
  ASSERT_FALSE(signal);
  EXPECT_EQ(signal.error().message.find('\x1b'), std::string::npos);
  EXPECT_EQ(signal.error().message.find('\n'), std::string::npos);
}

TEST(Signal, NameReadsBackAsTheSameSignal) {
  for (int number = 1; number <= 64; ++number) {
    if (number == 32 || number == 33) continue;  // the C library's own, without a name
    const auto again = Signal::parse(Signal{number}.name());
    ASSERT_TRUE(again) << number;
    EXPECT_EQ(again->number, number);
  }
}

}  // namespace
}  // namespace control
