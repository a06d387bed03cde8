#include "agent/files/base64.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

TEST(Base64Test, IsAsTheStandardShowsIt) {
  const std::pair<std::string, std::string> kPairs[] = {{"", ""},
                                                        {"f", "Zg=="},
                                                        {"fo", "Zm8="},
                                                        {"foo", "Zm9v"},
                                                        {"foob", "Zm9vYg=="},
                                                        {"fooba", "Zm9vYmE="},
                                                        {"foobar", "Zm9vYmFy"},
                                                        {"\xFB\xFF", "+/8="}};
  for (const auto& [bytes, text] : kPairs) {
    EXPECT_EQ(encodeBase64(bytes), text);
    EXPECT_EQ(decodeBase64(text), bytes);
  }
}

TEST(Base64Test, BringsEveryByteBack) {
  std::string bytes;
  for (int i = 0; i < 1000; ++i) {
    EXPECT_EQ(decodeBase64(encodeBase64(bytes)), bytes);
    bytes += static_cast<char>(i * 7);
  }
}

TEST(Base64Test, TakesTextWithoutPadding) { EXPECT_EQ(decodeBase64("Zg"), "f"); }

TEST(Base64Test, RefusesWhatIsNone) {
  for (const char* text : {"A", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", "Zm 9v", "Zm9-", "Zh=="})
    EXPECT_FALSE(decodeBase64(text)) << text;
}

}  // namespace
}  // namespace agent
