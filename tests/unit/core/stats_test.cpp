#include <gtest/gtest.h>

#include <libcontrol/stats.h>

namespace control {
namespace {

using namespace std::chrono_literals;

StatsSample sampleAt(Duration when, Duration cpu, std::uint64_t rx) {
  StatsSample sample;
  sample.run = {.container = {"abc"}, .started_at = WallTime(1h)};
  sample.taken_at = TimePoint(when);
  sample.cpu_time = cpu;
  sample.network_rx_bytes = rx;
  return sample;
}

TEST(Rates, TwoBusyCoresAreTwoHundredPercent) {
  const auto rates = ratesBetween(sampleAt(1s, 1s, 100), sampleAt(2s, 3s, 1100));
  ASSERT_TRUE(rates);
  EXPECT_DOUBLE_EQ(*rates->cpu_percent, 200.0);
  EXPECT_DOUBLE_EQ(*rates->network_rx_bytes_per_second, 1000.0);
}

TEST(Rates, AFigureThatIsNotKnownStaysUnknown) {
  auto later = sampleAt(2s, 3s, 1100);
  later.cpu_time.reset();
  const auto rates = ratesBetween(sampleAt(1s, 1s, 100), later);
  ASSERT_TRUE(rates);
  EXPECT_FALSE(rates->cpu_percent);
  EXPECT_FALSE(rates->network_tx_bytes_per_second);
}

TEST(Rates, SamplesTooCloseGiveNone) {
  EXPECT_FALSE(ratesBetween(sampleAt(1s, 1s, 0), sampleAt(1s + 99ms, 1s, 0)));
  EXPECT_TRUE(ratesBetween(sampleAt(1s, 1s, 0), sampleAt(1s + 100ms, 1s, 0)));
}

TEST(Rates, ACounterThatWentBackwardsGivesNone) {
  EXPECT_FALSE(ratesBetween(sampleAt(1s, 2s, 0), sampleAt(2s, 1s, 0)));
  EXPECT_FALSE(ratesBetween(sampleAt(1s, 1s, 5), sampleAt(2s, 2s, 4)));
}

TEST(Rates, SamplesOfTwoRunsGiveNone) {
  auto later = sampleAt(2s, 3s, 1100);
  later.run.started_at += 1s;
  EXPECT_FALSE(ratesBetween(sampleAt(1s, 1s, 100), later));
}

}  // namespace
}  // namespace control
