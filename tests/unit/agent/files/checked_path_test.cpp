#include "agent/files/checked_path.h"

#include <gtest/gtest.h>

#include "unit/agent/protocol/refused.h"

namespace agent::files {
namespace {

std::string shown(std::string_view text) { return CheckedPath::parse(text).shown(); }
std::string why(std::string_view text) {
  return refused([&] { (void)CheckedPath::parse(text); });
}

TEST(CheckedPathTest, OneFileHasOneForm) {
  for (const char* text : {"a/b", "/a/b", "//a//b//", "./a/./b/.", "/./a/b/"})
    EXPECT_EQ(shown(text), "/a/b") << text;
  for (const char* text : {"", "/", ".", "./", "//."}) {
    EXPECT_TRUE(CheckedPath::parse(text).isRoot()) << text;
    EXPECT_STREQ(CheckedPath::parse(text).relative(), ".") << text;
  }
}

TEST(CheckedPathTest, NeverGoesUp) {
  for (const char* text : {"..", "../a", "a/..", "a/../b", "/..", "a/b/../../.."})
    EXPECT_EQ(why(text).substr(0, 14), "PATH_FORBIDDEN") << text;
  EXPECT_EQ(shown("..a/b../..."), "/..a/b../...");
}

TEST(CheckedPathTest, RefusesWhatNoFileSystemHolds) {
  EXPECT_NE(why(std::string_view("a\0b", 3)), "");
  EXPECT_NE(why("a/\xFF"), "");
  EXPECT_NE(why("\xC0\xAE\xC0\xAE/x"), "");  // ".." in an overlong form
  EXPECT_NE(why(std::string(256, 'x')), "");
  EXPECT_EQ(why(std::string(255, 'x')), "");
  EXPECT_NE(why(std::string(4097, '/')), "");
  EXPECT_EQ(why(std::string(4096, '/')), "");
}

TEST(CheckedPathTest, LeadsNotIntoTheStagingDirectory) {
  EXPECT_NE(why(".ctrl-alt-play"), "");
  EXPECT_NE(why("/.//.ctrl-alt-play/u-1"), "");
  EXPECT_EQ(why("mods/.ctrl-alt-play"), "");
  EXPECT_EQ(why(".ctrl-alt-play-2"), "");
}

TEST(CheckedPathTest, HasParentNameAndChildren) {
  const CheckedPath path = CheckedPath::parse("a/b/c");
  EXPECT_EQ(path.name(), "c");
  EXPECT_EQ(path.parent().shown(), "/a/b");
  EXPECT_EQ(path.depth(), 3U);
  EXPECT_EQ(path.child("d").shown(), "/a/b/c/d");
  EXPECT_NE(refused([&] { (void)path.child("d/e"); }), "");
  EXPECT_NE(refused([&] { (void)path.child(".."); }), "");
  EXPECT_TRUE(CheckedPath::root().parent().isRoot());
  EXPECT_EQ(CheckedPath::root().depth(), 0U);
}

TEST(CheckedPathTest, KnowsWhatItIsIn) {
  const CheckedPath path = CheckedPath::parse("a/b");
  EXPECT_TRUE(path.isIn(path));
  EXPECT_TRUE(path.isIn(CheckedPath::parse("a")));
  EXPECT_TRUE(path.isIn(CheckedPath::root()));
  EXPECT_FALSE(CheckedPath::parse("ab").isIn(CheckedPath::parse("a")));
  EXPECT_FALSE(CheckedPath::parse("a").isIn(path));
}

}  // namespace
}  // namespace agent::files
