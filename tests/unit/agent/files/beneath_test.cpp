// What becomes a descriptor: each of the flags that keep names below a directory does its part.

#include "agent/files/beneath.h"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>

#include <gtest/gtest.h>

#include "support/own_mounts.h"
#include "support/temp_dir.h"

namespace agent::files {
namespace {

namespace fs = std::filesystem;

class Beneath : public testing::Test {
 protected:
  Beneath() {
    fs::create_directories(directory_.path("top/folder/deep"));
    fs::create_directories(directory_.path("outside/deep"));
    for (const char* name : {"top/folder/file", "outside/file"}) directory_.write(name, name);
    fs::create_symlink("folder", directory_.path("top/inside"));
    fs::create_symlink("../outside", directory_.path("top/out"));
    top_ = openOwnDirectory(directory_.path("top"));
  }

  /// Of opening it; 0: it is open.
  static int errorOf(const Descriptor& opened) { return opened ? 0 : errno; }
  int open(const char* path, Links links = Links::kBeneath, int flags = O_RDONLY) const {
    return errorOf(openBeneath(top_.get(), path, flags, links));
  }

  test_support::TempDir directory_;
  Descriptor top_;
};

/// On the same file system all the way, so that no other flag is in the way.
TEST_F(Beneath, NothingLeadsAboveTheDirectory) {
  for (const char* path : {"out/file", "out/.", "../outside/file", "folder/../../outside/file"})
    EXPECT_EQ(open(path), EXDEV) << path;
  EXPECT_EQ(open("folder/../folder/file"), 0);
}

TEST_F(Beneath, LinksOnTheWayAreFollowedWhereTheyMayBe) {
  EXPECT_EQ(open("inside/file"), 0);
  EXPECT_EQ(open("inside/file", Links::kNone), ELOOP);
  EXPECT_EQ(errorOf(openFarBelow(top_.get(), "folder/deep")), 0);
  EXPECT_EQ(errorOf(openFarBelow(top_.get(), "inside/deep")), ELOOP);
}

TEST_F(Beneath, TheLastPartIsNeverFollowed) {
  EXPECT_EQ(open("inside"), ELOOP);
  EXPECT_EQ(open("inside", Links::kBeneath, O_RDONLY | O_DIRECTORY), ENOTDIR);
  EXPECT_NE(errorOf(openDirectoryIn(top_.get(), "inside")), 0);
  const auto of = [this](const char* id) {
    return errorOf(openServerDirectory(directory_.path("top"), id));
  };
  EXPECT_EQ(of("folder"), 0);
  EXPECT_NE(of("inside"), 0);
  EXPECT_NE(of("out"), 0);
}

/// Those of /proc, which lead anywhere. RESOLVE_BENEATH alone would say EXDEV.
TEST_F(Beneath, MagicLinksAreNotFollowed) {
  const Descriptor self = openOwnDirectory("/proc/self");
  EXPECT_EQ(errorOf(openBeneath(self.get(), "cwd/.", O_RDONLY)), ELOOP);
}

TEST_F(Beneath, MountsAreNotEntered) {
  const std::string missing = test_support::ownMounts();
  if (!missing.empty()) GTEST_SKIP() << missing;
  top_ = openOwnDirectory(directory_.path("top"));  // among the mounts that it has by now
  const test_support::BindMount folder(directory_.path("outside"), directory_.path("top/folder"));
  for (const Links links : {Links::kBeneath, Links::kNone}) {
    EXPECT_EQ(open("folder", links), EXDEV);
    EXPECT_EQ(open("folder/file", links), EXDEV);
  }
  // The directory of one server may be one.
  EXPECT_EQ(errorOf(openServerDirectory(directory_.path("top"), "folder")), 0);
}

}  // namespace
}  // namespace agent::files
