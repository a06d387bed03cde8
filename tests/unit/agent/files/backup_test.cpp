// Backups: made whole or not at all, and restored whole or not at all.

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/backup.h"
#include "agent/files/base64.h"
#include "agent/files/digest.h"
#include "unit/agent/files/backup_fixture.h"
#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class BackupTest : public BackupsOfAWorld {
 protected:
  std::vector<std::string> ids() {
    const Json listed = agent_.ask("list_backups", "{}");
    std::vector<std::string> all;
    for (const Json& backup : *listed.find("data")->find("backups")->elements())
      all.push_back(*backup.findText("backupId"));
    return all;
  }
  /// Names in the folder of the server's backups.
  std::size_t stored() const {
    const fs::path folder = agent_.backups() + "/a";
    if (!fs::exists(folder)) return 0;
    return static_cast<std::size_t>(
        std::distance(fs::directory_iterator(folder), fs::directory_iterator{}));
  }
};

TEST_F(BackupTest, BringsBackWhatWasThere) {
  const std::string outside = agent_.fingerprintOfOutside();
  const Json made = create(R"({"backupId":"first","name":"before the update"})");
  ASSERT_EQ(at(made, "data.success"), "true") << made.write();
  EXPECT_EQ(at(made, "data.result.backupId"), "first");
  EXPECT_EQ(at(made, "data.result.name"), "before the update");
  fs::remove_all(path("world"));
  fs::remove(path("link"));
  writeFileAt(path("server.properties"), "motd=after");
  writeFileAt(path("new"), "new");
  ::chmod(agent_.root().c_str(), 0775);
  const Json restored = finish("restore_backup", R"({"backupId":"first"})");
  ASSERT_EQ(at(restored, "data.success"), "true") << restored.write();
  EXPECT_EQ(readFileAt(path("world/region/r.0.0")), std::string(300'000, 'r'));
  EXPECT_EQ(readFileAt(path("server.properties")), "motd=before");
  EXPECT_EQ(fs::status(path("server.properties")).permissions(), fs::perms(0640));
  EXPECT_EQ(fs::read_symlink(path("link")), "world/region");
  EXPECT_EQ(fs::read_symlink(path("world/out")), agent_.outside());
  EXPECT_FALSE(fs::exists(path("new")));
  EXPECT_EQ(fs::status(agent_.root()).permissions(), fs::perms(0775));
  EXPECT_EQ(agent_.fingerprintOfOutside(), outside);
  EXPECT_EQ(outcome(agent_.ask("list_files", "{}")), "ok");
  EXPECT_EQ(outcome(agent_.ask("start_server", "{}")), "ok");
  const auto isReplaced = [](const fs::directory_entry& entry) {
    return entry.path().filename().string().starts_with(".restoring-");
  };
  const auto replacedIsThere = [&] {
    const fs::directory_iterator all(agent_.root() + "/..");
    return std::any_of(begin(all), end(all), isReplaced);
  };
  while (replacedIsThere()) std::this_thread::yield();  // it goes behind the scenes
}

TEST_F(BackupTest, SweepsWhatItLeftItselfAndNothingOfOtherServers) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  const std::string digits(32, '0');
  const fs::path all = fs::path(agent_.root()).parent_path();
  fs::create_directory(all / (".restoring-a-" + digits));
  fs::create_directory(all / (".restoring-a-b-" + digits));
  ASSERT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_FALSE(fs::exists(all / (".restoring-a-" + digits)));
  EXPECT_TRUE(fs::exists(all / (".restoring-a-b-" + digits)));
}

TEST_F(BackupTest, PermissionsOfDirectoriesComeBack) {
  const bool root = ::geteuid() == 0;  // else what is in them cannot be read
  ASSERT_EQ(::chmod(path("world/region").c_str(), 0555), 0);
  ASSERT_EQ(::chmod(path("world").c_str(), root ? 0 : 0555), 0);
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  ASSERT_EQ(::chmod(path("world").c_str(), 0755), 0);
  ASSERT_EQ(::chmod(path("world/region").c_str(), 0755), 0);
  ASSERT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_EQ(fs::status(path("world")).permissions(), fs::perms(root ? 0 : 0555));
  ASSERT_EQ(::chmod(path("world").c_str(), 0755), 0);
  EXPECT_EQ(fs::status(path("world/region")).permissions(), fs::perms(0555));
  EXPECT_EQ(readFileAt(path("world/region/r.0.0")), std::string(300'000, 'r'));
  ASSERT_EQ(::chmod(path("world/region").c_str(), 0755), 0);
}

TEST_F(BackupTest, SetIdBitsDoNotComeBack) {
  ASSERT_EQ(::chmod(path("world/session.lock").c_str(), 06755), 0);
  ASSERT_EQ(::chmod(path("world").c_str(), 03775), 0);
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  ASSERT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_EQ(fs::status(path("world/session.lock")).permissions(), fs::perms(0755));
  EXPECT_EQ(fs::status(path("world")).permissions(), fs::perms(0775));
}

TEST_F(BackupTest, TheirFolderIsMadeWithTheFirst) {
  EXPECT_THAT(ids(), testing::IsEmpty());
  EXPECT_EQ(outcome(agent_.ask("delete_backup", R"({"backupId":"b"})")), "FILE_NOT_FOUND");
  EXPECT_EQ(outcome(agent_.ask("download_backup", R"({"backupId":"b"})")), "FILE_NOT_FOUND");
  EXPECT_FALSE(fs::exists(agent_.backups() + "/a"));
  EXPECT_FALSE(fs::exists(agent_.backups()));
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_EQ(outcome(agent_.ask("list_backups", "{}", "ab")), "ok");
  EXPECT_FALSE(fs::exists(agent_.backups() + "/ab"));
  EXPECT_THAT(ids(), testing::ElementsAre("b"));
}

TEST_F(BackupTest, HolesComeBackAsHoles) {
  constexpr std::uintmax_t kSize = std::uintmax_t{1} << 33;
  writeFileAt(path("sparse"), "begin");
  fs::resize_file(path("sparse"), kSize);
  {
    std::fstream middle(path("sparse"), std::ios::in | std::ios::out);
    middle.seekp(kSize / 2);
    middle << "middle";
  }
  writeFileAt(path("hole"), "");
  fs::resize_file(path("hole"), kSize);
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  fs::remove(path("sparse"));
  fs::remove(path("hole"));
  ASSERT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  for (const char* name : {"sparse", "hole"}) {
    struct stat status {};
    ASSERT_EQ(::stat(path(name).c_str(), &status), 0);
    EXPECT_EQ(static_cast<std::uintmax_t>(status.st_size), kSize) << name;
    EXPECT_LT(status.st_blocks, 64) << name;
  }
  std::ifstream sparse(path("sparse"));
  std::string text(5, '\0');
  sparse.read(text.data(), 5);
  EXPECT_EQ(text, "begin");
  text.resize(8);
  sparse.seekg(kSize / 2 - 1);
  sparse.read(text.data(), 8);
  EXPECT_EQ(text, std::string("\0middle\0", 8));
}

/// Made of nothing in no time, it would be read for days.
TEST_F(BackupTest, AFileOfTooManyHolesIsRefusedByName) {
  writeFileAt(path("endless"), "begin");
  // Not every file system lets a file be so long.
  ASSERT_TRUE(::truncate(path("endless").c_str(), INT64_MAX) == 0 ||
              ::truncate(path("endless").c_str(), std::int64_t{15} << 40) == 0);
  const Json end = create();
  EXPECT_EQ(at(end, "data.error.code"), "FILE_TOO_LARGE") << end.write();
  EXPECT_THAT(at(end, "data.error.message"), HasSubstr("'/endless'"));
  EXPECT_EQ(stored(), 0U);
  EXPECT_EQ(at(create(R"({"ignore":["endless"]})"), "data.success"), "true");
}

TEST_F(BackupTest, HolesOfAllFilesCount) {
  for (const char* name : {"one", "another"})
    fs::resize_file((writeFileAt(path(name), "begin"), path(name)), 2 << 20);
  const auto root = files::ServerRoot::open(fs::path(agent_.root()).parent_path(), "a");
  files::Backups backups(agent_.backups(), "a");
  files::ArchiveWork work;
  work.limits.holes = 3 << 20;
  EXPECT_THAT(refused([&] { backups.create(root, {}, work, [] {}); }), HasSubstr("FILE_TOO_LARGE"));
  work.limits.holes = 4 << 20;
  EXPECT_NO_THROW(backups.create(root, {}, work, [] {}));
}

TEST_F(BackupTest, ItsEndIsToldAgainOnTheNextConnection) {
  const std::string id = agent_.send("create_backup", R"({"backupId":"b"})");
  ASSERT_EQ(outcome(agent_.response(id)), "ok");
  agent_.completed(id);
  agent_.reconnect();
  agent_.raw(R"({"id":")" + id + R"(","type":"command","action":"create_backup","serverId":"a",)" +
             R"("payload":{"backupId":"b"}})");
  EXPECT_EQ(at(agent_.response(id), "data.status"), "backing_up");
  const std::vector<Json> ends = agent_.events("command_completed");
  EXPECT_EQ(std::count_if(ends.begin(), ends.end(),
                          [&](const Json& end) { return at(end, "data.commandId") == id; }),
            2);
}

TEST_F(BackupTest, LeavesOutWhatIsIgnored) {
  writeFileAt(path("world/region/session.lock"), "lock");
  fs::create_directories(path("cache/deep"));
  writeFileAt(path("cache/deep/f"), "f");
  writeFileAt(path("world/cache"), "a file");
  const Json made = create(R"({"backupId":"b","ignore":["*.lock","cache/","/world/region/r.*"]})");
  ASSERT_EQ(at(made, "data.success"), "true") << made.write();
  ASSERT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_FALSE(fs::exists(path("world/session.lock")));
  EXPECT_FALSE(fs::exists(path("world/region/session.lock")));
  EXPECT_FALSE(fs::exists(path("world/region/r.0.0")));
  EXPECT_FALSE(fs::exists(path("cache")));
  EXPECT_TRUE(fs::exists(path("world/cache")));
  EXPECT_EQ(outcome(agent_.ask("create_backup", R"({"ignore":["!x"]})")), "INVALID_PAYLOAD");
}

TEST_F(BackupTest, LeavesOutWhatALineOfATextAreaNames) {
  writeFileAt(path("server.log"), "log");
  fs::create_directories(path("cache"));
  writeFileAt(path("cache/f"), "f");
  const Json made = create(R"({"backupId":"b","ignore":"*.log\r\n\r\ncache/\r\n"})");
  ASSERT_EQ(at(made, "data.success"), "true") << made.write();
  ASSERT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_FALSE(fs::exists(path("server.log")));
  EXPECT_FALSE(fs::exists(path("cache")));
}

TEST_F(BackupTest, ListsDeletesAndKeepsTheNewest) {
  for (const char* id : {"1", "2", "3", "4"})
    ASSERT_EQ(at(create(std::string(R"({"backupId":")") + id + "\"}"), "data.success"), "true");
  EXPECT_THAT(ids(), testing::ElementsAre("2", "3", "4"));
  EXPECT_EQ(at(create(R"({"backupId":"4"})"), "data.error.code"), "FILE_EXISTS");
  EXPECT_EQ(outcome(agent_.ask("delete_backup", R"({"backupId":"3"})")), "ok");
  EXPECT_EQ(outcome(agent_.ask("delete_backup", R"({"backupId":"3"})")), "FILE_NOT_FOUND");
  EXPECT_THAT(ids(), testing::ElementsAre("2", "4"));
  EXPECT_EQ(stored(), 4U);
  for (const char* id : {"../x", "", ".hidden", "a/b"})
    EXPECT_EQ(outcome(agent_.ask("delete_backup", std::string(R"({"backupId":")") + id + "\"}")),
              "INVALID_PAYLOAD");
}

TEST_F(BackupTest, IsDownloadedInPiecesThatMatchItsChecksum) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  std::string whole;
  Json piece;
  do {
    piece = agent_.ask("download_backup", R"({"backupId":"b","length":100,"offset":)" +
                                              std::to_string(whole.size()) + "}");
    ASSERT_EQ(outcome(piece), "ok") << piece.write();
    whole += *decodeBase64(at(piece, "data.content"));
  } while (at(piece, "data.eof") != "true");
  EXPECT_EQ(files::sha256(whole), at(piece, "data.sha256"));
}

/// What was accepted is told to have come to nothing, instead of being left open.
TEST_F(BackupTest, OnesThatWaitAreToldWhenTheAgentEnds) {
  agent_.limitBackups(1000);
  agent_.restart();
  writeFileAt(path("noise"), readFileAt("/proc/self/exe").substr(0, 400'000));
  const std::string runs = agent_.send("create_backup", "{}");
  const std::string waits = agent_.send("create_backup", "{}");
  ASSERT_EQ(outcome(agent_.response(waits)), "ok");
  agent_.restart();
  EXPECT_EQ(at(agent_.completed(runs), "data.success"), "false");
  EXPECT_EQ(at(agent_.completed(waits), "data.error.code"), "INVALID_STATE");
  EXPECT_THAT(at(agent_.completed(waits), "data.error.message"), HasSubstr("nothing was done"));
}

TEST_F(BackupTest, AFullDiskLeavesNoHalfBackupAndRestoresNothing) {
  ASSERT_EQ(at(create(R"({"backupId":"good"})"), "data.success"), "true");
  const std::size_t before_files = stored();
  writeFileAt(path("noise"), readFileAt("/proc/self/exe").substr(0, 400'000));
  ASSERT_EQ(at(create(R"({"backupId":"noisy"})"), "data.success"), "true");
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{50'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const Json made = create(R"({"backupId":"half"})");
  const Json restored = finish("restore_backup", R"({"backupId":"noisy"})");
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(at(made, "data.error.code"), "DISK_FULL") << made.write();
  EXPECT_EQ(at(restored, "data.error.code"), "DISK_FULL") << restored.write();
  EXPECT_THAT(ids(), testing::ElementsAre("good", "noisy"));
  EXPECT_EQ(stored(), before_files + 2);
  EXPECT_TRUE(fs::exists(path("noise")));
}

/// Noise that no compression makes smaller.
TEST_F(BackupTest, TakesTheTimeThatItsRateSays) {
  using namespace std::chrono_literals;
  std::mt19937_64 any(1);
  std::string noise(3 << 20, '\0');
  for (char& byte : noise) byte = static_cast<char>(any());
  writeFileAt(path("noise"), noise);
  agent_.limitBackups(2 << 20);
  agent_.restart();
  const auto began = std::chrono::steady_clock::now();
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  const auto took = std::chrono::steady_clock::now() - began;
  EXPECT_GE(took, 1400ms);
  EXPECT_LE(took, 6000ms);
}

TEST_F(BackupTest, WritesNoFasterThanItMayAndIsCancelled) {
  agent_.limitBackups(1000);
  agent_.restart();
  writeFileAt(path("noise"), readFileAt("/proc/self/exe").substr(0, 400'000));
  const std::string id = agent_.send("create_backup", R"({"backupId":"slow"})");
  ASSERT_EQ(outcome(agent_.response(id)), "ok");
  while (agent_.events("backup_progress").empty()) std::this_thread::yield();
  EXPECT_EQ(stored(), 1U);  // a hidden one
  EXPECT_TRUE(ids().empty());
  const auto began = std::chrono::steady_clock::now();
  EXPECT_EQ(at(agent_.ask("cancel_operation", R"({"commandId":")" + id + "\"}"), "data.cancelled"),
            "true");
  EXPECT_EQ(at(agent_.completed(id), "data.success"), "false");
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20));
  EXPECT_EQ(stored(), 0U);
}

}  // namespace
}  // namespace agent
