// What an agent that was killed had in the making, for the next one to remove.

#include <chrono>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "agent/files/temporary_name.h"
#include "unit/agent/files/file_agent.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

TEST(TemporaryName, IsOfThisProcessAndNoLeftOver) {
  const std::string name = files::temporaryName("w-");
  EXPECT_NE(name, files::temporaryName("w-"));
  EXPECT_FALSE(files::isLeftOver(name, "w-"));
  const std::string before = "w-" + files::hexDigits(32);
  EXPECT_TRUE(files::isLeftOver(before, "w-"));
  EXPECT_FALSE(files::isLeftOver(before, "t-"));
  EXPECT_FALSE(files::isLeftOver(before, ""));
  EXPECT_FALSE(files::isLeftOver("w-", "w-"));
}

class LeftOvers : public testing::Test {
 protected:
  std::string inTheMaking(const std::string& place, const std::string& prefix) {
    fs::create_directories(place);
    return place + '/' + prefix + files::hexDigits(32);
  }
  static bool isGone(const std::string& path) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (fs::exists(path) && std::chrono::steady_clock::now() < give_up)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    return !fs::exists(path);
  }

  FileAgent agent_;
};

TEST_F(LeftOvers, GoAtTheNextStartAndUploadsStay) {
  const std::string staging = agent_.root() + "/.ctrl-alt-play";
  const std::string data = fs::path(agent_.root()).parent_path();
  const std::string file = inTheMaking(staging, "w-");
  const std::string tree = inTheMaking(staging, "t-");
  const std::string restored = inTheMaking(data, ".restoring-ab-");
  const std::string backup = inTheMaking(agent_.backups() + "/a", ".unfinished-");
  writeFileAt(file, "half");
  fs::create_directories(tree + "/deep/deeper");
  fs::create_directories(restored + "/world");
  writeFileAt(backup, "half");
  const std::string of_another_node = inTheMaking(data, ".restoring-x-");
  fs::create_directories(of_another_node);
  EXPECT_EQ(outcome(agent_.ask("upload_file",
                               R"({"path":"up","offset":0,"content":"QUJD","last":false})")),
            "ok");

  agent_.restart();

  for (const std::string& path : {file, tree, restored, backup}) EXPECT_TRUE(isGone(path)) << path;
  EXPECT_TRUE(fs::exists(of_another_node));
  const Json finished =
      agent_.ask("upload_file", R"({"path":"up","offset":3,"content":"REVG","last":true})");
  EXPECT_EQ(outcome(finished), "ok") << finished.write();
  EXPECT_EQ(readFileAt(agent_.root() + "/up"), "ABCDEF");
  EXPECT_TRUE(isGone(staging));
}

}  // namespace
}  // namespace agent
