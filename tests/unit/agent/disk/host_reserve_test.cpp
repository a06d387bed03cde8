#include "agent/disk/host_reserve.h"

#include <sys/statvfs.h>

#include <gtest/gtest.h>

#include "agent/panel/refusal.h"
#include "support/temp_dir.h"

namespace agent {
namespace {

constexpr std::int64_t kVeryMuch = std::int64_t{1} << 60;

TEST(HostReserve, KeepsTheLesserOfAGibibyteAndATwentieth) {
  const test_support::TempDir directory;
  struct statvfs status {};
  ASSERT_EQ(::statvfs(directory.path().c_str(), &status), 0);
  const auto block = static_cast<std::int64_t>(status.f_frsize);
  const std::int64_t reserve =
      std::min(std::int64_t{1} << 30, static_cast<std::int64_t>(status.f_blocks) * block / 20);
  // Others write to this disk too: the two are asked at different times.
  const std::int64_t free = HostReserve(0).room(directory.path());
  EXPECT_NEAR(static_cast<double>(HostReserve({}).room(directory.path())),
              static_cast<double>(free - reserve), static_cast<double>(reserve) / 4);
}

TEST(HostReserve, RefusesWhatWouldEatIt) {
  const test_support::TempDir directory;
  EXPECT_NO_THROW(HostReserve(0).require(directory.path(), 1));
  EXPECT_THROW(HostReserve(0).require(directory.path(), kVeryMuch), Refusal);
  EXPECT_THROW(HostReserve(kVeryMuch).require(directory.path(), 0), Refusal);
}

TEST(HostReserve, IsNotInTheWayWhereItCannotBeAsked) {
  EXPECT_NO_THROW(HostReserve({}).require("/nowhere/at/all", kVeryMuch));
}

TEST(HostReserve, IsAskedAgainWhileWorkGoesOn) {
  const test_support::TempDir directory;
  const HostReserve none(kVeryMuch);
  ReserveMeter meter(none, directory.path());
  EXPECT_THROW(meter.passed(0), Refusal);
  const HostReserve enough(0);
  ReserveMeter long_work(enough, directory.path());
  for (std::int64_t bytes = 0; bytes < 100'000'000; bytes += 1'000'000)
    EXPECT_NO_THROW(long_work.passed(bytes));
}

}  // namespace
}  // namespace agent
