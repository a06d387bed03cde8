#include "agent/panel/frame_writer.h"

#include <gtest/gtest.h>

#include <set>

namespace agent {
namespace {

std::string written(std::size_t size, const Mask& mask) {
  FrameWriter writer([mask] { return mask; });
  std::string bytes;
  writer.append(bytes, Opcode::kText, std::string(size, 'a'));
  return bytes;
}

TEST(FrameWriter, WritesTheShortestLengthThatHoldsTheSize) {
  EXPECT_EQ(written(0, {}), std::string("\x81\x80\0\0\0\0", 6));
  EXPECT_EQ(written(125, {}).substr(0, 6), std::string("\x81\xFD\0\0\0\0", 6));
  EXPECT_EQ(written(126, {}).substr(0, 8), std::string("\x81\xFE\0\x7E\0\0\0\0", 8));
  EXPECT_EQ(written(65535, {}).substr(0, 4), "\x81\xFE\xFF\xFF");
  EXPECT_EQ(written(65536, {}).substr(0, 10), std::string("\x81\xFF\0\0\0\0\0\1\0\0", 10));
}

TEST(FrameWriter, MasksEveryByteInItsTurn) {
  const Mask mask{0x11, 0x22, 0x33, 0x44};
  for (std::size_t size = 0; size < 40; ++size) {
    const std::string frame = written(size, mask);
    ASSERT_EQ(frame.size(), 6 + size);
    for (std::size_t at = 0; at < size; ++at)
      ASSERT_EQ(static_cast<unsigned char>(frame[6 + at]), 'a' ^ mask[at % 4]) << size << ' ' << at;
  }
}

TEST(FrameWriter, AppendsToWhatIsThere) {
  FrameWriter writer([] { return Mask{}; });
  std::string bytes = "before";
  writer.append(bytes, Opcode::kPing, "x");
  EXPECT_EQ(bytes, std::string("before\x89\x81\0\0\0\0x", 13));
}

TEST(RandomMasks, HardlyRepeat) {
  RandomMasks masks;
  std::set<Mask> seen;
  for (int count = 0; count < 10'000; ++count) seen.insert(masks());
  // Two equal ones among so many have a chance of 1 in 86; five of them have none.
  EXPECT_GT(seen.size(), 9'995u);
}

TEST(RandomMasks, AreDifferentInEverySource) {
  RandomMasks one;
  RandomMasks other;
  const std::array<Mask, 4> first{one(), one(), one(), one()};
  const std::array<Mask, 4> second{other(), other(), other(), other()};
  EXPECT_NE(first, second);
}

TEST(ClosePayload, HoldsCodeAndReason) { EXPECT_EQ(closePayload(1002, "why"), "\x03\xEAwhy"); }

TEST(ClosePayload, CutsALongReasonBetweenTwoCharacters) {
  EXPECT_EQ(closePayload(1000, std::string(200, 'x')).size(), 125u);
  // The 62nd two-byte character would end in byte 124.
  std::string reason;
  for (int index = 0; index < 100; ++index) reason += "\xC3\xA4";
  const std::string payload = closePayload(1000, reason);
  EXPECT_EQ(payload.size(), 2u + 122u);
  EXPECT_TRUE(isUtf8(std::string_view(payload).substr(2)));
}

}  // namespace
}  // namespace agent
