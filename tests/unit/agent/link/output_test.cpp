#include "agent/panel/output.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using testing::ElementsAre;

/// A message whose frame has 10 bytes.
Outbox::Message message(const std::string& text) {
  Outbox::Message made;
  made.text = text;
  return made;
}

std::vector<std::string> texts(const std::vector<Outbox::Message>& messages) {
  std::vector<std::string> found;
  for (const Outbox::Message& one : messages) found.push_back(one.text);
  return found;
}

class AnOutput : public testing::Test {
 protected:
  AnOutput() {
    for (const char* text : {"one.", "two.", "thr."}) output_.message(message(text));
  }
  Output output_;
};

TEST_F(AnOutput, CountsMessagesWhenTheirLastByteIsOut) {
  EXPECT_EQ(output_.pending(), 30u);
  EXPECT_EQ(output_.sent(9), 0u);
  EXPECT_EQ(output_.sent(1), 1u);
  EXPECT_EQ(output_.sent(20), 2u);
  EXPECT_EQ(output_.pending(), 0u);
}

TEST_F(AnOutput, DoesNotCountControlFrames) {
  output_.sent(30);
  output_.frame(Opcode::kPing, "");
  EXPECT_EQ(output_.sent(6), 0u);
}

TEST_F(AnOutput, GoesOnWhereItStopped) {
  const std::string whole(output_.unsent());
  for (std::size_t at = 0; at < whole.size(); ++at) {
    ASSERT_EQ(output_.unsent(), std::string_view(whole).substr(at));
    output_.sent(1);
  }
}

TEST_F(AnOutput, CutsNothingThatTheTransportHasInItsHands) {
  output_.sent(3);
  output_.held(8);
  EXPECT_THAT(texts(output_.cut()), ElementsAre("thr."));
  output_.sent(17);
  EXPECT_EQ(output_.pending(), 0u);
}

TEST_F(AnOutput, CutsBehindTheFrameThatWasBegun) {
  const std::string whole(output_.unsent());
  output_.sent(13);
  EXPECT_THAT(texts(output_.cut()), ElementsAre("thr."));
  EXPECT_EQ(output_.unsent(), std::string_view(whole).substr(13, 7));
  output_.frame(Opcode::kClose, "");
  EXPECT_EQ(output_.unsent().substr(0, 8), whole.substr(13, 7) + '\x88');
}

TEST_F(AnOutput, CutsAllBetweenTwoFrames) {
  output_.sent(10);
  output_.frame(Opcode::kPong, "");
  EXPECT_THAT(texts(output_.cut()), ElementsAre("thr.", "two."));
  EXPECT_EQ(output_.pending(), 0u);
}

TEST_F(AnOutput, GivesBackWhatIsNotOutAsAWhole) {
  output_.sent(13);
  EXPECT_THAT(texts(output_.takeBack()), ElementsAre("thr.", "two."));
}

TEST_F(AnOutput, GivesNothingBackWhenAllIsOut) {
  output_.sent(30);
  EXPECT_TRUE(output_.takeBack().empty());
}

TEST_F(AnOutput, SendsBinaryMessagesAsSuch) {
  output_.sent(30);
  Outbox::Message binary = message("\x01\x02");
  binary.binary = true;
  output_.message(std::move(binary));
  EXPECT_EQ(static_cast<unsigned char>(output_.unsent().front()), 0x82);
}

}  // namespace
}  // namespace agent
