// When a backup is restored, and when the server's files stay as they are.

#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/backup.h"
#include "unit/agent/files/backup_fixture.h"
#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

class RestoreTest : public BackupsOfAWorld {
 protected:
  /// Within a generous time.
  bool isTold(const std::string& server, const std::string& state, const std::string& reason) {
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (std::chrono::steady_clock::now() < give_up) {
      for (const Json& event : agent_.events("server_status_changed"))
        if (at(event, "data.serverId") == server && at(event, "data.currentStatus") == state &&
            at(event, "data.reason") == reason)
          return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return false;
  }
};

TEST_F(RestoreTest, OneThatIsDamagedIsNotRestored) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  const std::string archive = agent_.backups() + "/a/b.tar.zst";
  std::string bytes = readFileAt(archive);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  writeFileAt(archive, bytes);
  writeFileAt(path("server.properties"), "motd=after");
  const Json restored = finish("restore_backup", R"({"backupId":"b"})");
  EXPECT_EQ(at(restored, "data.error.code"), "INVALID_STATE");
  EXPECT_EQ(readFileAt(path("server.properties")), "motd=after");
}

TEST_F(RestoreTest, IsMadeOfAServerThatRunsAndNotRestoredToIt) {
  agent_.completed(agent_.send("start_server", "{}"));
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  const Json refused = agent_.ask("restore_backup", R"({"backupId":"b"})");
  EXPECT_EQ(outcome(refused), "INVALID_STATE");
  EXPECT_THAT(refused.write(), HasSubstr("stop it"));
  EXPECT_EQ(outcome(agent_.ask("list_files", "{}")), "ok");
}

TEST_F(RestoreTest, IsNotRestoredToAServerWhoseStartWasAcceptedBefore) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  writeFileAt(path("server.properties"), "motd=after");
  const std::string start = agent_.send("start_server", "{}");
  const std::string restore = agent_.send("restore_backup", R"({"backupId":"b"})");
  ASSERT_EQ(outcome(agent_.response(start)), "ok");
  const std::string accepted = outcome(agent_.response(restore));
  EXPECT_EQ(accepted == "ok" ? at(agent_.completed(restore), "data.error.code") : accepted,
            "INVALID_STATE");
  EXPECT_EQ(readFileAt(path("server.properties")), "motd=after");
  EXPECT_EQ(at(agent_.completed(start), "data.success"), "true");
}

/// Ended from outside, and brought back when it turns out that the engine went down then.
TEST_F(RestoreTest, ServerThatComesBackByItselfWaitsUntilItIsRestored) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  agent_.limitBackups(1000);
  agent_.restart();
  writeFileAt(path("server.properties"), "motd=after");
  writeFileAt(path("noise"), readFileAt("/proc/self/exe").substr(0, 400'000));
  for (const std::string server : {"a", "ab"}) {
    const std::string start = agent_.send("start_server", "{}", server);
    ASSERT_EQ(at(agent_.completed(start), "data.success"), "true");
    ASSERT_TRUE(agent_.engine().kill({"ctrl-alt-play-" + server}, control::Signal::term()));
    ASSERT_TRUE(isTold(server, "stopped", "exited"));
  }
  // The restore is accepted, and waits for its turn.
  const std::size_t told = agent_.events("backup_progress").size();
  const std::string slow = agent_.send("create_backup", "{}");
  ASSERT_EQ(outcome(agent_.response(slow)), "ok");
  while (agent_.events("backup_progress").size() == told) std::this_thread::yield();
  const std::string restore = agent_.send("restore_backup", R"({"backupId":"b"})");
  ASSERT_EQ(outcome(agent_.response(restore)), "ok");
  agent_.engine().engineDown(true);
  ASSERT_TRUE(isTold("a", "unknown", "engine_lost"));
  agent_.engine().engineDown(false);
  ASSERT_TRUE(isTold("a", "stopped", "engine_lost"));
  ASSERT_TRUE(isTold("ab", "running", "restored"));
  EXPECT_EQ(outcome(agent_.ask("cancel_operation", R"({"commandId":")" + slow + "\"}")), "ok");
  const Json restored = agent_.completed(restore);
  EXPECT_EQ(at(restored, "data.success"), "true") << restored.write();
  EXPECT_EQ(readFileAt(path("server.properties")), "motd=before");
  EXPECT_TRUE(isTold("a", "running", "restored"));
}

/// Whether this process has the file open.
bool isOpen(const std::string& file) {
  std::error_code gone;
  for (const fs::directory_entry& one : fs::directory_iterator("/proc/self/fd"))
    if (fs::read_symlink(one.path(), gone) == file) return true;
  return false;
}

TEST_F(RestoreTest, RestoreWaitsForWorkOnTheFilesThatBeganBefore) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  writeFileAt(path("endless"), "");
  fs::resize_file(path("endless"), std::uintmax_t{1} << 40);
  const std::string work = agent_.send("get_file_info", R"({"path":"endless","checksum":true})");
  while (!isOpen(path("endless"))) std::this_thread::yield();
  // A checksum keeps nothing waiting that is quick.
  EXPECT_EQ(outcome(agent_.ask("list_files", "{}")), "ok");
  const std::size_t ended = agent_.events("command_completed").size();
  const std::string restore = agent_.send("restore_backup", R"({"backupId":"b"})");
  ASSERT_EQ(outcome(agent_.response(restore)), "ok");
  std::this_thread::sleep_for(std::chrono::milliseconds(300));  // long enough to restore so little
  EXPECT_EQ(agent_.events("command_completed").size(), ended);
  EXPECT_TRUE(fs::exists(path("endless")));
  EXPECT_EQ(outcome(agent_.ask("cancel_operation", R"({"commandId":")" + work + "\"}")), "ok");
  EXPECT_EQ(outcome(agent_.response(work)), "INVALID_STATE");
  EXPECT_EQ(at(agent_.completed(restore), "data.success"), "true");
  EXPECT_FALSE(fs::exists(path("endless")));
}

TEST_F(RestoreTest, LeavesEverythingWhenTheLastLookRefuses) {
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  writeFileAt(path("server.properties"), "motd=after");
  files::Backups backups(agent_.backups(), "a");
  const std::string data_dir = fs::path(agent_.root()).parent_path().string();
  EXPECT_EQ(refused([&] {
              backups.restore("b", placeIn(data_dir), {},
                              [](int) { throw Refusal("INVALID_STATE", "it runs"); });
            }),
            "INVALID_STATE it runs");
  EXPECT_EQ(readFileAt(path("server.properties")), "motd=after");
}

}  // namespace
}  // namespace agent
