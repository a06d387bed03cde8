// What an agent that was killed had in the making, for the next one to remove.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "agent/files/backup.h"
#include "agent/files/temporary_name.h"
#include "agent/files/tree.h"
#include "support/temp_dir.h"
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

/// A restore brings back folders as they were, also such.
TEST(RemovedTree, MayBeClosedToItsOwner) {
  const test_support::TempDir directory;
  const std::string top = directory.path("top");
  fs::create_directories(top + "/closed/inner");
  writeFileAt(top + "/closed/f", "f");
  writeFileAt(top + "/closed/inner/f", "f");
  // As root everything can be removed: it is somebody else's then, and removed as theirs.
  const uid_t self = ::geteuid();
  const uid_t owner = self == 0 ? 65534 : self;
  for (const char* name : {"", "/closed", "/closed/inner", "/closed/f", "/closed/inner/f"})
    ASSERT_EQ(::lchown((top + name).c_str(), owner, static_cast<gid_t>(-1)), 0);
  for (const char* name : {"/closed/inner", "/closed"})
    ASSERT_EQ(::chmod((top + name).c_str(), 0555), 0);
  const Descriptor opened(::open(top.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::seteuid(owner), 0);
  const int error = files::emptyDirectory(opened.get());
  ASSERT_EQ(::seteuid(self), 0);
  EXPECT_EQ(error, 0) << std::strerror(error);
  EXPECT_TRUE(fs::is_empty(top));
}

/// Makes another for each that is removed.
Descriptor openAndRefill(int directory, const char* name) noexcept {
  static std::atomic<unsigned> made{0};
  (void)::mkdirat(directory, ("again-" + std::to_string(++made)).c_str(), 0700);
  return files::openDirectoryIn(directory, name);
}

TEST(RemovedTree, ThatIsFilledAgainAndAgainIsGivenUp) {
  const test_support::TempDir directory;
  for (int i = 0; i < 3; ++i) fs::create_directories(directory.path("d" + std::to_string(i)));
  const Descriptor opened(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(files::emptyDirectory(opened.get(), {}, openAndRefill), ENOTEMPTY);
  EXPECT_FALSE(fs::exists(directory.path("d0")));
}

TEST(RemovedTree, OfManyNamesAndDeepOnesGoesWhole) {
  const test_support::TempDir directory;
  for (int i = 0; i < 2000; ++i) writeFileAt(directory.path("f" + std::to_string(i)), "f");
  std::string deep = directory.path("deep");
  for (int i = 0; i < 200; ++i) deep += "/d";
  fs::create_directories(deep);
  const Descriptor opened(::open(directory.path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_EQ(files::emptyDirectory(opened.get()), 0);
  EXPECT_TRUE(fs::is_empty(directory.path()));
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

TEST_F(LeftOvers, GoWhenTheEngineIsFoundIfItIsNotThereAtTheStart) {
  const std::string file = inTheMaking(agent_.root() + "/.ctrl-alt-play", "w-");
  writeFileAt(file, "half");
  agent_.engine().engineDown(true);
  agent_.restart();
  EXPECT_TRUE(fs::exists(file));
  agent_.engine().engineDown(false);
  EXPECT_TRUE(isGone(file));
}

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

/// The server's directory is open to its container's users, who may be quicker.
TEST_F(LeftOvers, AFolderOfThatNameThatOthersCanWriteInIsNotUsed) {
  const std::string staging = agent_.root() + "/.ctrl-alt-play";
  const std::string trap = inTheMaking(staging, "t-");
  fs::create_directories(trap);
  writeFileAt(trap + "/theirs", "theirs");
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(staging.c_str(), 65534, 65534), 0);
  } else {
    ASSERT_EQ(::chmod(staging.c_str(), 0777), 0);
  }
  const Json begun =
      agent_.ask("upload_file", R"({"path":"up","offset":0,"content":"QUJD","last":false})");
  ASSERT_EQ(outcome(begun), "ok") << begun.write();
  struct stat made {};
  ASSERT_EQ(::stat(staging.c_str(), &made), 0);
  EXPECT_EQ(made.st_uid, ::geteuid());
  EXPECT_EQ(made.st_mode & 0777, 0700U);
  std::size_t moved = 0;
  for (const fs::directory_entry& entry : fs::directory_iterator(agent_.root()))
    if (entry.path().filename().string().starts_with(".ctrl-alt-play-moved-")) {
      ++moved;
      EXPECT_EQ(readFileAt(entry.path() / fs::path(trap).filename() / "theirs"), "theirs");
    }
  EXPECT_EQ(moved, 1U);
}

/// Whoever has the agent's user in the container cannot be kept out: he holds up nobody.
TEST_F(LeftOvers, ThatSomebodyGoesOnFillingHoldUpNoUpload) {
  const std::string tree = inTheMaking(agent_.root() + "/.ctrl-alt-play", "t-");
  std::atomic<bool> done{false};
  std::vector<std::thread> fillers;
  for (int filler = 0; filler < 4; ++filler)
    fillers.emplace_back([&, filler] {
      for (int i = 0; !done; ++i) {
        (void)::mkdir((agent_.root() + "/.ctrl-alt-play").c_str(), 0700);
        (void)::mkdir(tree.c_str(), 0700);
        std::ofstream(tree + "/f" + std::to_string(filler) + '-' + std::to_string(i));
      }
    });
  for (int i = 0; i < 3; ++i) {
    const Json begun =
        agent_.ask("upload_file", R"({"path":"up","offset":0,"content":"QUJD","last":false})");
    EXPECT_EQ(outcome(begun), "ok") << begun.write();
  }
  done = true;
  for (std::thread& filler : fillers) filler.join();
}

TEST_F(LeftOvers, FilesOfADeletedServerGoOnGoing) {
  const std::string state = fs::path(agent_.root()).parent_path().parent_path() / "state";
  fs::create_directories(state + "/removing");
  writeFileAt(state + "/removing/gone", "");
  writeFileAt(state + "/removing/a", "");  // its container was not removed
  fs::create_directories(agent_.rootOf("gone") + "/world");
  agent_.restart();
  EXPECT_TRUE(isGone(agent_.rootOf("gone")));
  EXPECT_TRUE(isGone(state + "/removing/gone"));
  EXPECT_TRUE(isGone(state + "/removing/a"));
  EXPECT_TRUE(fs::exists(agent_.root()));
}

TEST_F(LeftOvers, FilesStayUntilTheEngineSaysThatTheirServerIsGone) {
  const std::string state = fs::path(agent_.root()).parent_path().parent_path() / "state";
  fs::create_directories(state + "/removing");
  writeFileAt(state + "/removing/a", "");  // its container was not removed
  writeFileAt(agent_.root() + "/world", "all of it");
  agent_.engine().engineDown(true);
  agent_.restart();
  agent_.engine().engineDown(false);
  EXPECT_TRUE(isGone(state + "/removing/a"));
  EXPECT_EQ(readFileAt(agent_.root() + "/world"), "all of it");
}

TEST_F(LeftOvers, AServerThatGoesIsMarkedUntilItsFilesAreGone) {
  const std::string state = fs::path(agent_.root()).parent_path().parent_path() / "state";
  ASSERT_EQ(
      at(agent_.completed(agent_.send("delete_server", R"({"removeData":true})")), "data.success"),
      "true");
  EXPECT_FALSE(fs::exists(agent_.root()));
  EXPECT_TRUE(isGone(state + "/removing/a"));
  EXPECT_TRUE(fs::exists(state + "/removing"));
}

class LeftOverBackups : public LeftOvers {
 protected:
  Json create(const std::string& payload) {
    return agent_.completed(agent_.send("create_backup", payload));
  }
  std::string archive(const std::string& id) { return agent_.backups() + "/a/" + id + ".tar.zst"; }
  std::string description(const std::string& id) { return agent_.backups() + "/a/" + id + ".info"; }
};

/// A kill between the two steps of making or removing one.
TEST_F(LeftOverBackups, ADescriptionAloneIsNoBackupAndInNobodysWay) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  fs::remove(archive("b"));
  EXPECT_EQ(at(agent_.ask("list_backups", "{}"), "data.backups"), "[]");
  EXPECT_EQ(outcome(agent_.ask("delete_backup", R"({"backupId":"b"})")), "FILE_NOT_FOUND");
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_EQ(outcome(agent_.ask("delete_backup", R"({"backupId":"b"})")), "ok");
  EXPECT_FALSE(fs::exists(archive("b")));
  EXPECT_FALSE(fs::exists(description("b")));
}

TEST_F(LeftOverBackups, ADescriptionAloneGoesAtTheNextStartAndWithTheNextBackup) {
  for (const char* id : {"whole", "killed"})
    ASSERT_EQ(at(create(std::string(R"({"backupId":")") + id + "\"}"), "data.success"), "true");
  const std::string text = readFileAt(description("killed"));
  fs::remove(archive("killed"));
  agent_.restart();
  EXPECT_TRUE(isGone(description("killed")));
  writeFileAt(description("killed"), text);
  ASSERT_EQ(at(create(R"({"backupId":"next"})"), "data.success"), "true");
  EXPECT_FALSE(fs::exists(description("killed")));
  EXPECT_EQ(agent_.ask("list_backups", "{}").find("data")->find("backups")->elements()->size(), 2U);
}

/// What an agent clears away at its start while its first backups are made and deleted.
TEST_F(LeftOverBackups, OnesThatAreBeingMadeKeepTheirDescriptions) {
  std::atomic<bool> done{false};
  std::thread sweeping([&] {
    while (!done)
      if (const Descriptor all{
              ::open((agent_.backups() + "/a").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)})
        files::removeUnfinishedBackups(all.get());
  });
  for (int i = 0; i < 200; ++i) {
    const std::string id = R"({"backupId":"b)" + std::to_string(i) + "\"}";
    const Json made = create(id);
    EXPECT_EQ(at(made, "data.success"), "true") << made.write();
    EXPECT_EQ(outcome(agent_.ask("delete_backup", id)), "ok") << i;
  }
  done = true;
  sweeping.join();
  EXPECT_TRUE(fs::is_empty(agent_.backups() + "/a"));
}

TEST_F(LeftOverBackups, OneThatWasMadeJustNowIsSparedWhateverTheClockSays) {
  ASSERT_EQ(at(create(R"({"backupId":"old"})"), "data.success"), "true");
  std::string text = readFileAt(description("old"));
  const std::size_t created = text.find("created=") + 8;
  text.replace(created, text.find('\n', created) - created, "9000000000000000000");
  writeFileAt(description("old"), text);
  files::Backups backups(agent_.backups(), "a");
  ASSERT_EQ(at(create(R"({"backupId":"new"})"), "data.success"), "true");
  backups.keepNewest(1, "new");
  EXPECT_TRUE(fs::exists(archive("new")));
  EXPECT_FALSE(fs::exists(archive("old")));
}

TEST_F(LeftOverBackups, ALostFolderComesBackAsOneThatTheContainerCanUse) {
  const fs::perms usual = fs::status(agent_.root()).permissions();
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  fs::remove_all(agent_.root());
  const Json restored = agent_.completed(agent_.send("restore_backup", R"({"backupId":"b"})"));
  ASSERT_EQ(at(restored, "data.success"), "true") << restored.write();
  EXPECT_EQ(fs::status(agent_.root()).permissions(), usual);
}

}  // namespace
}  // namespace agent
