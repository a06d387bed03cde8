#include "agent/disk/disk_watch.h"

#include <filesystem>
#include <fstream>
#include <mutex>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/actions/create_payload.h"
#include "agent/actions/services.h"
#include "support/temp_dir.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr std::chrono::seconds kEnough{60};

class DiskWatchTest : public testing::Test {
 protected:
  ~DiskWatchTest() override {
    if (watch_) watch_->close();
  }

  void begin(DiskWatch::Options options = {}) {
    watch_ = std::make_unique<DiskWatch>(
        files_, notes_,
        DiskWatch::Hooks{.running = [this] { return running_; },
                         .exceeded =
                             [this](const std::string& id, const DiskUse& use, bool is_new) {
                               const std::lock_guard lock(mutex_);
                               if (runs_) told_.push_back(id + (is_new ? " new" : " still"));
                               used_ = use.used_bytes.value_or(0);
                               return runs_;
                             }},
        options);
    watch_->start();
  }
  void add(const std::string& id, const std::string& limit = "0") {
    ASSERT_TRUE(files_.create(id));
    notes_.learn(id, {{kDiskLabel, limit}});
  }
  void file(const std::string& id, const std::string& name, std::size_t bytes) {
    std::ofstream(files_.pathOf(id) + '/' + name) << std::string(bytes, 'x');
  }
  /// What was told of a measurement after `bytes` were put into the one file of `a`.
  std::vector<std::string> measured(std::size_t bytes) {
    file("a", "file", bytes);
    EXPECT_TRUE(watch_->measure("a", kEnough));
    const std::lock_guard lock(mutex_);
    return std::exchange(told_, {});
  }
  std::optional<std::int64_t> used(const std::string& id) const {
    return notes_.disk(id).used_bytes;
  }
  bool comesTrue(const std::function<bool()>& condition) {
    const auto end = std::chrono::steady_clock::now() + kEnough;
    while (!condition()) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return true;
  }

  const test_support::TempDir directory_;
  ServerFiles files_{directory_.path("data")};
  ServerNotes notes_;
  std::mutex mutex_;
  std::vector<std::string> running_;
  std::vector<std::string> told_;
  std::int64_t used_ = 0;
  bool runs_ = true;
  std::unique_ptr<DiskWatch> watch_;
};

TEST_F(DiskWatchTest, MeasuresWhoIsAskedForAndNobodyElse) {
  add("a");
  add("b");
  file("a", "file", 100'000);
  begin();
  EXPECT_TRUE(watch_->measure("a", kEnough));
  EXPECT_GE(used("a").value_or(0), 100'000);
  EXPECT_FALSE(used("b"));
  watch_->want("b");
  EXPECT_TRUE(comesTrue([&] { return used("b").has_value(); }));
}

TEST_F(DiskWatchTest, MeasuresUnaskedWhoRuns) {
  add("a");
  running_ = {"a"};
  begin();
  EXPECT_TRUE(comesTrue([&] { return used("a").has_value(); }));
}

TEST_F(DiskWatchTest, TakesAFigureAnewWhenItIsOldOrSomethingChanged) {
  add("a");
  begin({.age = std::chrono::hours(1)});
  ASSERT_TRUE(watch_->measure("a", kEnough));
  const std::int64_t before = *used("a");
  file("a", "file", 1'000'000);
  watch_->want("a");
  EXPECT_EQ(used("a"), before);
  watch_->changed("a");
  EXPECT_TRUE(comesTrue([&] { return *used("a") >= 1'000'000; }));
}

TEST_F(DiskWatchTest, TellsOfALimitOnceUntilLessThan95PercentAreTaken) {
  add("a", "1000000");
  begin();
  EXPECT_THAT(measured(900'000), IsEmpty());
  EXPECT_THAT(measured(2'000'000), ElementsAre("a new"));
  EXPECT_GE(used_, 2'000'000);
  EXPECT_THAT(measured(3'000'000), ElementsAre("a still"));
  EXPECT_THAT(measured(970'000), IsEmpty());
  EXPECT_THAT(measured(2'000'000), ElementsAre("a still"));
  EXPECT_THAT(measured(900'000), IsEmpty());
  EXPECT_THAT(measured(2'000'000), ElementsAre("a new"));
}

TEST_F(DiskWatchTest, OneThatDoesNotRunIsToldOfWhenItDoes) {
  add("a", "1000000");
  runs_ = false;
  begin();
  EXPECT_THAT(measured(2'000'000), IsEmpty());
  runs_ = true;
  EXPECT_THAT(measured(2'000'000), ElementsAre("a new"));
}

TEST_F(DiskWatchTest, AServerWithVeryManyFilesKeepsNoOtherWaiting) {
  add("a");
  add("b");
  for (int i = 0; i < 10'000; ++i) std::ofstream(files_.pathOf("a") + '/' + std::to_string(i));
  begin({.entries_per_second = 1000});
  watch_->want("a");
  EXPECT_TRUE(watch_->measure("b", kEnough));
  EXPECT_TRUE(watch_->measure("b", kEnough));
  EXPECT_FALSE(used("a"));  // it takes ten seconds
  EXPECT_FALSE(watch_->measure("a", std::chrono::milliseconds(1)));
}

TEST_F(DiskWatchTest, IsDoneWithServersThatAreGone) {
  begin();
  EXPECT_FALSE(watch_->measure("nobody", kEnough));
  add("a");
  ASSERT_TRUE(files_.remove("a"));
  EXPECT_TRUE(watch_->measure("a", kEnough));
  EXPECT_FALSE(used("a"));
  notes_.forget("a");
  EXPECT_FALSE(watch_->measure("a", kEnough));
}

TEST(ServerNotes, WhatIsWrittenWhileItIsMeasuredIsNotForgotten) {
  ServerNotes notes;
  notes.learn("a", {});
  notes.setDiskUsed("a", 1000, false);
  notes.addDiskUsed("a", 500);
  EXPECT_EQ(notes.disk("a").used_bytes, 1500);
  notes.beginMeasuring("a");
  notes.addDiskUsed("a", 100);
  notes.setDiskUsed("a", 1500, false);
  EXPECT_EQ(notes.disk("a").used_bytes, 1600);
  notes.beginMeasuring("a");
  notes.setDiskUsed("a", 1550, false);
  EXPECT_EQ(notes.disk("a").used_bytes, 1550);
}

}  // namespace
}  // namespace agent
