#include "unit/agent/protocol/payloads.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using payloads::kMiB;
using payloads::limitsRefusal;
using payloads::withLimits;
using testing::Contains;
using testing::HasSubstr;
using testing::Pair;
using testing::StartsWith;

TEST(Limits, TakeSmallNumbersForMebibytes) {
  const control::EntrySpec entry =
      withLimits(R"({"memory":2048,"disk":5000,"swap":0,"io":500,"cpu":100})");
  EXPECT_EQ(entry.container.limits.memory_bytes, 2048 * kMiB);
  EXPECT_EQ(entry.container.limits.memory_swap_bytes, 2048 * kMiB);
  EXPECT_EQ(entry.container.limits.nano_cpus, 1'000'000'000);
  EXPECT_THAT(entry.container.labels, Contains(Pair(kDiskLabel, std::to_string(5000 * kMiB))));
}

TEST(Limits, TakeUnitsInAnyUsualSpelling) {
  for (const char* memory :
       {"\"1g\"", "\"1G\"", "\"1gb\"", "\"1GiB\"", "\"1024m\"", "\"1024 MB\"", "\"1048576k\"",
        "\"1073741824b\"", "\"1073741824\"", "\"1024\"", "1024"})
    EXPECT_EQ(withLimits("{\"memory\":" + std::string(memory) + "}").container.limits.memory_bytes,
              1024 * kMiB)
        << memory;
  EXPECT_EQ(withLimits(R"({"memory":"1.5g"})").container.limits.memory_bytes, 1536 * kMiB);
}

TEST(Limits, CountSwapOnTopOfMemory) {
  const auto swap = [](const char* value) {
    return withLimits("{\"memory\":\"1g\",\"swap\":" + std::string(value) + "}")
        .container.limits.memory_swap_bytes;
  };
  EXPECT_EQ(swap("0"), 1024 * kMiB);
  EXPECT_EQ(swap("512"), 1536 * kMiB);
  EXPECT_EQ(swap("\"1g\""), 2048 * kMiB);
  EXPECT_EQ(swap("-1"), -1);
}

TEST(Limits, TakeZeroForNoLimit) {
  const control::ResourceLimits limits =
      withLimits(R"({"memory":0,"cpu":0,"swap":0})").container.limits;
  EXPECT_FALSE(limits.memory_bytes);
  EXPECT_FALSE(limits.memory_swap_bytes);
  EXPECT_FALSE(limits.nano_cpus);
  for (const char* zero : {"\"0\"", "\"0.0\"", "\"0g\""})
    EXPECT_FALSE(withLimits("{\"memory\":" + std::string(zero) + "}").container.limits.memory_bytes)
        << zero;
}

TEST(Limits, TakeCoresAsTextAndPercentAsNumber) {
  EXPECT_EQ(withLimits(R"({"cpu":"1.5"})").container.limits.nano_cpus, 1'500'000'000);
  EXPECT_EQ(withLimits(R"({"cpu":50})").container.limits.nano_cpus, 500'000'000);
  EXPECT_EQ(withLimits(R"({"cpu":12.5})").container.limits.nano_cpus, 125'000'000);
}

TEST(Limits, NameTheFieldThatIsWrong) {
  for (const char* memory :
       {"true", "\"\"", "\"abc\"", "\"5x\"", "\"-5g\"", "-1", "1.5", "[1]", "\"5m\"", "\"1e3\"",
        "\"nan\"", "\"inf\"", "5", "18446744073709551616", "9223372036854775807", "\"99999999t\""})
    EXPECT_THAT(limitsRefusal("{\"memory\":" + std::string(memory) + "}"),
                StartsWith("INVALID_PAYLOAD payload.limits.memory "))
        << memory;
  for (const char* cpu : {"-1", "\"two\"", "true", "\"-1\"", "1e300", "\"1e2\"", "0.5"})
    EXPECT_THAT(limitsRefusal("{\"cpu\":" + std::string(cpu) + "}"),
                StartsWith("INVALID_PAYLOAD payload.limits.cpu "))
        << cpu;
  for (const char* memory : {"\"1025t\"", "1125899906842625"})
    EXPECT_THAT(limitsRefusal("{\"memory\":" + std::string(memory) + "}"), HasSubstr("1 PiB"));
  for (const char* cpu : {"409601", "0.5", "\"0.001\""})
    EXPECT_THAT(limitsRefusal("{\"cpu\":" + std::string(cpu) + "}"),
                HasSubstr("percent of one core as a number from 1 to 409600"));
  for (const char* io : {"9", "1001", "\"500\"", "50.5"})
    EXPECT_THAT(limitsRefusal("{\"io\":" + std::string(io) + "}"),
                StartsWith("INVALID_PAYLOAD payload.limits.io "))
        << io;
  for (const char* field : {"memory", "swap", "disk"})
    for (const char* tiny : {"0.5", "0.3b", "0.0001k"})
      EXPECT_THAT(limitsRefusal("{\"" + std::string(field) + "\":\"" + tiny + "\"}"),
                  StartsWith("INVALID_PAYLOAD payload.limits." + std::string(field) +
                             " must be 0, or at least one byte"))
          << tiny;
  EXPECT_THAT(limitsRefusal(R"({"pids":0})"), StartsWith("INVALID_PAYLOAD payload.limits.pids "));
  EXPECT_THAT(limitsRefusal(R"({"swap":-2})"), StartsWith("INVALID_PAYLOAD payload.limits.swap "));
  EXPECT_THAT(limitsRefusal(R"({"swap":512})"), StartsWith("INVALID_PAYLOAD payload.limits.swap "));
  EXPECT_EQ(limitsRefusal("[]"), "INVALID_PAYLOAD payload.limits must be an object");
}

}  // namespace
}  // namespace agent
