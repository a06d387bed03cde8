#include "supervise/kept_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/disk_calls.h"
#include "support/temp_dir.h"

namespace control {
namespace {

using test_support::diskCalls;
using testing::ElementsAre;

class KeptFile : public testing::Test {
 protected:
  KeptFile() { test_support::forgetDiskCalls(); }

  const test_support::TempDir directory_;
  const std::string path_ = directory_.path("servers");
};

/// A rename that reaches the disk before the text does leaves an empty file when the power goes.
TEST_F(KeptFile, IsOnTheDiskBeforeItTakesThePlaceOfTheOldOneAndItsNameAfterwards) {
  ASSERT_EQ(replaceFile(path_, "text"), 0);
  EXPECT_THAT(diskCalls(), ElementsAre("sync " + path_ + ".new 4", "rename " + path_,
                                       "sync " + directory_.path() + '/'));
}

TEST_F(KeptFile, ThatMayBeLostIsNotWaitedFor) {
  ASSERT_EQ(replaceFile(path_, "text", Sync::kNo), 0);
  EXPECT_THAT(diskCalls(), ElementsAre("rename " + path_));
}

TEST_F(KeptFile, IsGoneFromTheDiskOnceItWasRemoved) {
  ASSERT_EQ(replaceFile(path_, "text"), 0);
  test_support::forgetDiskCalls();
  ASSERT_EQ(removeFile(path_), 0);
  EXPECT_THAT(diskCalls(), ElementsAre("sync " + directory_.path() + '/'));
}

}  // namespace
}  // namespace control
