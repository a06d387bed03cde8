// Directories in pages: what is kept between two of them, and that it is never old.

#include "agent/files/listing.h"

#include <ctime>
#include <filesystem>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/temp_dir.h"

namespace agent::files {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;

class ListingTest : public testing::Test {
 protected:
  void fill(int first, int last) {
    for (int i = first; i < last; ++i) directory_.write("folder/" + numbered(i), "");
  }
  /// In byte order as in number.
  static std::string numbered(int i) { return "n" + std::to_string(100'000 + i); }

  /// The file system's clock has gone on since the last change.
  static void settle() {
    const timespec tick{.tv_sec = 0, .tv_nsec = 20'000'000};
    ::nanosleep(&tick, nullptr);
  }

  Page page(std::size_t offset, std::size_t limit, const char* path = "folder") {
    return listing_.page(root_, CheckedPath::parse(path), offset, limit, {});
  }
  static std::vector<std::string> namesOf(const Page& page) {
    std::vector<std::string> names;
    for (const EntryInfo& entry : page.entries) names.push_back(entry.name);
    return names;
  }

  const test_support::TempDir directory_;
  const bool made_ = fs::create_directory(directory_.path("folder"));
  const ServerRoot root_{openOwnDirectory(directory_.path())};
  Listing listing_;
};

TEST_F(ListingTest, PagesFollowEachOtherInByteOrder) {
  fill(0, 1000);
  settle();
  std::vector<std::string> all;
  for (Page part = page(0, 70);; part = page(all.size(), 70)) {
    for (std::string& name : namesOf(part)) all.push_back(std::move(name));
    EXPECT_EQ(part.total, 1000U);
    EXPECT_EQ(listing_.keepsNames(), all.size() < 1000U);
    if (all.size() == part.total) break;
  }
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(all[static_cast<std::size_t>(i)], numbered(i));
  EXPECT_TRUE(page(1000, 70).entries.empty());
  EXPECT_TRUE(page(SIZE_MAX, 70).entries.empty());
}

TEST_F(ListingTest, AChangeBetweenPagesIsSeen) {
  fill(0, 10);
  settle();
  ASSERT_EQ(page(0, 3).total, 10U);
  ASSERT_TRUE(listing_.keepsNames());
  fs::remove(directory_.path("folder/" + numbered(0)));
  settle();
  EXPECT_THAT(namesOf(page(2, 2)), ElementsAre(numbered(3), numbered(4)));
  fs::rename(directory_.path("folder/" + numbered(9)), directory_.path("folder/a"));
  EXPECT_THAT(namesOf(page(0, 2)), ElementsAre("a", numbered(1)));
  // A file's own size is no name: it is read anew for each page.
  directory_.write("folder/" + numbered(4), "content");
  EXPECT_EQ(page(4, 1).entries.at(0).size, 7);
}

/// File systems' times of change move by milliseconds.
TEST_F(ListingTest, AChangeRightAfterAPageIsSeen) {
  fill(0, 10);
  for (int i = 10; i < 500; ++i) {
    ASSERT_EQ(page(0, 3).total, static_cast<std::size_t>(i));
    fill(i, i + 1);
  }
}

TEST_F(ListingTest, OtherDirectoriesAreToldApart) {
  fs::create_directory(directory_.path("other"));
  for (const char* name : {"a", "b"}) directory_.write(std::string("other/") + name, "");
  fill(0, 10);
  settle();
  page(0, 3);
  EXPECT_THAT(namesOf(page(0, 5, "other")), ElementsAre("a", "b"));
  EXPECT_TRUE(listing_.keepsNames()) << "one that fits a page takes nobody's place";
  EXPECT_THAT(namesOf(page(1, 1)), ElementsAre(numbered(1)));
  EXPECT_THAT(namesOf(page(0, 1, "other")), ElementsAre("a"));
  EXPECT_THAT(namesOf(page(1, 1)), ElementsAre(numbered(1)));
}

TEST_F(ListingTest, TooManyNamesAreNotKept) {
  const std::string longest(240, 'x');
  const auto most = static_cast<int>(Listing::kMostKeptBytes / 240);
  for (int i = 0; i < most; ++i) directory_.write("folder/" + longest + numbered(i), "");
  settle();
  EXPECT_THAT(namesOf(page(1, 2)), ElementsAre(longest + numbered(1), longest + numbered(2)));
  EXPECT_FALSE(listing_.keepsNames());
  EXPECT_THAT(namesOf(page(static_cast<std::size_t>(most) - 1, 2)),
              ElementsAre(longest + numbered(most - 1)));
}

}  // namespace
}  // namespace agent::files
