// What copy_file copies, and what it looks after meanwhile.

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/change.h"
#include "agent/files/tree.h"
#include "support/file_limit.h"
#include "unit/agent/files/file_agent_fixture.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

class FileCopies : public OnFilesOfA {};

TEST_F(FileCopies, CopiesFilesAndTreesWithoutLinks) {
  fs::create_directories(path("world/region"));
  writeFileAt(path("world/region/r.0.0"), std::string(100'000, 'r'));
  fs::create_symlink("/etc/passwd", path("world/link"));
  const Json copied = agent_.ask("copy_file", R"({"source":"world","destination":"backup/w"})");
  EXPECT_EQ(at(copied, "data.files"), "1") << copied.write();
  EXPECT_EQ(at(copied, "data.skipped"), "1");
  EXPECT_EQ(readFileAt(path("backup/w/region/r.0.0")), std::string(100'000, 'r'));
  EXPECT_FALSE(fs::exists(fs::symlink_status(path("backup/w/link"))));
  EXPECT_EQ(outcome(agent_.ask("copy_file", R"({"source":"world","destination":"backup/w"})")),
            "FILE_EXISTS");
  EXPECT_EQ(outcome(agent_.ask("copy_file", R"({"source":"/","destination":"world/all"})")), "ok");
  EXPECT_EQ(readFileAt(path("world/all/world/region/r.0.0")), std::string(100'000, 'r'));
  EXPECT_FALSE(fs::exists(path("world/all/world/all")));
  EXPECT_FALSE(fs::exists(path(".ctrl-alt-play")));
}

TEST_F(FileCopies, CopiesHolesAsHoles) {
  writeFileAt(path("sparse"), "begin");
  fs::resize_file(path("sparse"), std::uintmax_t{1} << 40);
  ASSERT_EQ(outcome(agent_.ask("copy_file", R"({"source":"sparse","destination":"c"})")), "ok");
  struct stat status {};
  ASSERT_EQ(::stat(path("c").c_str(), &status), 0);
  EXPECT_EQ(status.st_size, std::int64_t{1} << 40);
  EXPECT_LT(status.st_blocks, 1000);
}

/// With fewer descriptors than that.
TEST_F(FileCopies, CopiesAThousandLevels) {
  makeDeep(999);
  const Json copied = [this] {
    const control::test::FileLimit few(200);
    return agent_.ask("copy_file", R"({"source":"deep","destination":"copy"})");
  }();
  EXPECT_EQ(at(copied, "data.files"), "1998") << copied.write();
  EXPECT_EQ(at(copied, "data.directories"), "1998");
  EXPECT_EQ(at(copied, "data.skipped"), "0");
  std::string bottom = path("copy");
  for (int i = 0; i < 998; ++i) bottom += "/d";
  EXPECT_EQ(readFileAt(bottom + "/z"), "998");
  for (const std::string name : {"deep", "copy"})
    EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":")" + name + R"("})")), "ok");
}

TEST_F(FileCopies, RefusesByNameWhatLiesDeeper) {
  makeDeep(1001);
  const Json refused = agent_.ask("copy_file", R"({"source":"deep","destination":"copy"})");
  EXPECT_EQ(outcome(refused), "INVALID_PAYLOAD");
  EXPECT_THAT(at(refused, "error.message"),
              testing::HasSubstr("deeper than 1000 levels lies '/d/d"));
  EXPECT_FALSE(fs::exists(path("copy")));
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"deep"})")), "ok");
}

/// What is further up is opened anew, and may be something else by then.
TEST_F(FileCopies, WalksOnInNothingThatTookAFoldersPlace) {
  makeDeep(100);
  const Descriptor top(::open(path("deep").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const auto walkAround = [&](files::TreeWalk::Missing missing, const char* aside) {
    files::TreeWalk walk(top.get(), false, missing);
    const files::TreeWalk::Entry* entry = walk.next();
    while (entry != nullptr && entry->depth < 98) entry = walk.next();
    EXPECT_NE(entry, nullptr);
    fs::rename(path("deep/d"), path(aside));
    fs::create_directory(path("deep/d"));
    writeFileAt(path("deep/d/planted"), "");
    bool planted = false;
    while ((entry = walk.next()) != nullptr)
      planted = planted || std::string_view(entry->name) == "planted";
    EXPECT_FALSE(planted);
    return walk.passedOver();
  };
  using enum files::TreeWalk::Missing;
  EXPECT_THROW(walkAround(kRefuse, "aside"), Refusal);
  fs::remove_all(path("deep/d"));
  fs::rename(path("aside"), path("deep/d"));
  EXPECT_GT(walkAround(kCount, "aside"), 0U);
}

/// Others write at the same time, so one look before the work is not enough.
TEST_F(FileCopies, CopyingAsksForRoomAllTheWay) {
  constexpr std::int64_t kSize = std::int64_t{40} << 20;
  fs::create_directories(path("world"));
  writeFileAt(path("world/a"), std::string(kSize, 'a'));
  writeFileAt(path("world/b"), "b");
  const auto root = files::ServerRoot::open(fs::path(agent_.root()).parent_path(), "a");
  const auto parsed = [](const char* text) { return files::CheckedPath::parse(text); };
  std::int64_t asked = 0;
  std::int64_t most = 0;
  files::CopyWork work;
  work.before_writing = [&](std::int64_t bytes) {
    asked += bytes;
    most = std::max(most, bytes);
  };
  files::copy(root, parsed("world"), parsed("whole"), {}, work);
  EXPECT_EQ(asked, kSize + 1);
  EXPECT_LE(most, std::int64_t{8} << 20);
  for (const char* from : {"world", "world/a"}) {
    asked = 0;
    work.before_writing = [&](std::int64_t bytes) {
      asked += bytes;
      if (asked > kSize / 2) throw Refusal("DISK_FULL", "somebody else took it");
    };
    EXPECT_THROW(files::copy(root, parsed(from), parsed("half"), {}, work), Refusal) << from;
    EXPECT_LT(asked, kSize) << from;
    EXPECT_FALSE(fs::exists(path("half"))) << from;
    EXPECT_FALSE(fs::exists(path(".ctrl-alt-play"))) << from;
  }
}

}  // namespace
}  // namespace agent
