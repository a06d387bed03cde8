#include "agent/actions/server_files.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include "support/temp_dir.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

class ServerFilesTest : public testing::Test {
 protected:
  test_support::TempDir temporary_;
  const fs::path directory_ = temporary_.path();
  ServerFiles files_{(directory_ / "data").string()};
};

TEST_F(ServerFilesTest, MakesADirectoryOnceAndKeepsIt) {
  ASSERT_TRUE(files_.create("a"));
  std::ofstream(files_.pathOf("a") + "/kept") << "x";
  ASSERT_TRUE(files_.create("a"));
  EXPECT_TRUE(fs::exists(files_.pathOf("a") + "/kept"));
}

TEST_F(ServerFilesTest, LetsEveryUserOfAnImageWriteAndNoOtherUserOfTheHostIn) {
  ASSERT_TRUE(files_.create("a"));
  EXPECT_EQ(fs::status(files_.pathOf("a")).permissions(), fs::perms::all);
  EXPECT_EQ(fs::status(directory_ / "data").permissions(), fs::perms::owner_all);
}

TEST_F(ServerFilesTest, LetsNobodyWriteBelowADirectoryThatIsOpenToOthers) {
  fs::create_directory(directory_ / "data");
  fs::permissions(directory_ / "data", fs::perms(0755));
  ASSERT_TRUE(files_.create("a"));
  EXPECT_EQ(fs::status(files_.pathOf("a")).permissions(), fs::perms(0755));
}

TEST_F(ServerFilesTest, RefusesWhatIsNoDirectory) {
  ASSERT_TRUE(files_.create("a"));
  fs::create_directory_symlink(directory_, files_.pathOf("link"));
  std::ofstream(files_.pathOf("file")) << "x";
  EXPECT_FALSE(files_.create("link"));
  EXPECT_FALSE(files_.create("file"));
  EXPECT_FALSE(files_.remove("link"));
  EXPECT_TRUE(fs::exists(directory_));
}

TEST_F(ServerFilesTest, RemovesATreeAndFollowsNoLink) {
  ASSERT_TRUE(files_.create("a"));
  const fs::path outside = directory_ / "outside";
  fs::create_directory(outside);
  std::ofstream(outside / "file") << "not yours";
  fs::create_directories(files_.pathOf("a") + "/x/y");
  fs::create_directory_symlink(outside, files_.pathOf("a") + "/x/link");
  fs::create_symlink(outside / "file", files_.pathOf("a") + "/link");
  ASSERT_TRUE(files_.remove("a"));
  EXPECT_FALSE(fs::exists(files_.pathOf("a")));
  EXPECT_TRUE(fs::exists(outside / "file"));
  EXPECT_TRUE(files_.remove("a"));
}

TEST_F(ServerFilesTest, OpensUpADirectoryThatWasMadeAndNoMore) {
  ASSERT_TRUE(files_.create("a"));
  const fs::perms usual = fs::status(files_.pathOf("a")).permissions();
  ASSERT_NE(usual, fs::perms::owner_all);
  fs::permissions(files_.pathOf("a"),
                  fs::perms::owner_all);  // as an agent that is killed leaves it
  ASSERT_TRUE(files_.create("a"));
  EXPECT_EQ(fs::status(files_.pathOf("a")).permissions(), usual);
  fs::permissions(files_.pathOf("a"), fs::perms(0750));  // as somebody chose
  ASSERT_TRUE(files_.create("a"));
  EXPECT_EQ(fs::status(files_.pathOf("a")).permissions(), fs::perms(0750));
}

TEST_F(ServerFilesTest, LeavesTheRestWhenItIsStopped) {
  ASSERT_TRUE(files_.create("a"));
  std::ofstream(files_.pathOf("a") + "/file") << "x";
  std::stop_source stop;
  stop.request_stop();
  const auto removed = files_.remove("a", files::Patience(stop.get_token(), std::chrono::hours(1)));
  ASSERT_FALSE(removed);
  EXPECT_EQ(removed.error().code, control::ErrorCode::kCancelled);
  EXPECT_TRUE(fs::exists(files_.pathOf("a") + "/file"));
}

TEST_F(ServerFilesTest, RemovesATreeDeeperThanItHasDescriptorsFor) {
  ASSERT_TRUE(files_.create("a"));
  fs::path deep = files_.pathOf("a");
  for (int i = 0; i < 300; ++i) fs::create_directory(deep /= "d");
  std::ofstream(deep / "file") << "x";
  ASSERT_TRUE(files_.remove("a"));
  EXPECT_FALSE(fs::exists(files_.pathOf("a")));
}

TEST_F(ServerFilesTest, RemovesNothingOfWhatIsMountedInATree) {
  ASSERT_TRUE(files_.create("a"));
  const fs::path outside = directory_ / "outside";
  const fs::path inside = files_.pathOf("a") + "/mounted";
  fs::create_directory(outside);
  fs::create_directory(inside);
  std::ofstream(outside / "file") << "not yours";
  if (::mount(outside.c_str(), inside.c_str(), nullptr, MS_BIND, nullptr) != 0)
    GTEST_SKIP() << "nothing can be mounted here";
  const auto removed = files_.remove("a");
  ::umount(inside.c_str());
  EXPECT_TRUE(fs::exists(outside / "file"));
  ASSERT_FALSE(removed);
  EXPECT_NE(removed.error().message.find("unmount it first"), std::string::npos);
}

TEST_F(ServerFilesTest, KeepsTheMarksOfSuspendedServers) {
  const ServerMarks suspended((directory_ / "state" / "suspended").string());
  EXPECT_FALSE(suspended.contains("a"));
  ASSERT_TRUE(suspended.add("a"));
  EXPECT_TRUE(ServerMarks((directory_ / "state" / "suspended").string()).contains("a"));
  EXPECT_THAT(suspended.all(), testing::ElementsAre("a"));
  suspended.remove("a");
  EXPECT_FALSE(suspended.contains("a"));
}

}  // namespace
}  // namespace agent
