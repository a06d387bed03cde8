// Backups of servers that run, which are told over their consoles.

#include <chrono>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/files/file_agent.h"

namespace agent {
namespace {

/// A server that says what it reads.
class BackupOfARunningServer : public testing::Test {
 protected:
  static constexpr const char* kServer = "chatty";

  BackupOfARunningServer() {
    const std::string created = agent_.send(
        "create_server", R"({"image":"example/game:1","startup":"cat","start":true,"tty":false})",
        kServer);
    EXPECT_EQ(outcome(agent_.response(created)), "ok");
    EXPECT_EQ(at(agent_.completed(created), "data.success"), "true");
  }
  Json backUp(const std::string& console) {
    const std::string id = agent_.send("create_backup", R"({"console":)" + console + "}", kServer);
    const Json accepted = agent_.response(id);
    return outcome(accepted) == "ok" ? agent_.completed(id) : accepted;
  }
  std::size_t backups() {
    return agent_.ask("list_backups", "{}", kServer)
        .find("data")
        ->find("backups")
        ->elements()
        ->size();
  }
  /// What the server has read so far, as soon as that is `count` lines.
  std::vector<std::string> read(std::size_t count) {
    std::vector<std::string> lines;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    do {
      lines.clear();
      const Json answer = agent_.ask("get_server_logs", "{}", kServer);
      for (const Json& line : *answer.find("data")->find("lines")->elements())
        lines.push_back(*line.findText("message"));
    } while (lines.size() < count && std::chrono::steady_clock::now() < give_up);
    return lines;
  }

  FileAgent agent_;
};

TEST_F(BackupOfARunningServer, IsMadeWhileItHoldsStill) {
  const Json end =
      backUp(R"({"before":["save-off","save-all"],"saved":"all","after":["save-on"]})");
  EXPECT_EQ(at(end, "data.success"), "true") << end.write();
  EXPECT_EQ(at(end, "data.result.consoleTold"), "true");
  EXPECT_THAT(read(3), testing::ElementsAre("save-off", "save-all", "save-on"));
  EXPECT_EQ(backups(), 1U);
}

TEST_F(BackupOfARunningServer, ThatDoesNotSayThatItSavedIsNotMade) {
  const Json end = backUp(
      R"({"before":["save-all"],"saved":"Saved the game","timeout":0.2,"after":["save-on"]})");
  EXPECT_EQ(at(end, "data.error.code"), "TIMEOUT") << end.write();
  EXPECT_THAT(read(2), testing::ElementsAre("save-all", "save-on"));
  EXPECT_EQ(backups(), 0U);
}

TEST_F(BackupOfARunningServer, ThatSaysItAmongVeryManyLinesIsHeard) {
  const std::string id = agent_.send(
      "create_backup",
      R"({"console":{"before":["save-all"],"saved":"Saved the game","timeout":3}})", kServer);
  ASSERT_EQ(outcome(agent_.response(id)), "ok");
  ASSERT_THAT(read(1), testing::ElementsAre("save-all"));
  std::string much;
  for (int i = 0; i < 9000; ++i) much += "x\n";
  ASSERT_TRUE(agent_.engine().print({"ctrl-alt-play-chatty"}, much + "Saved the game\n"));
  const Json end = agent_.completed(id);
  EXPECT_EQ(at(end, "data.success"), "true") << end.write();
}

TEST_F(BackupOfARunningServer, WhoseConsoleIsNotReadCannotSayIt) {
  agent_.readNoConsoles();
  agent_.restart();
  const Json refused = backUp(R"({"before":["save-all"],"saved":"Saved","timeout":600})");
  EXPECT_EQ(at(refused, "error.code"), "INVALID_PAYLOAD") << refused.write();
  EXPECT_THAT(at(refused, "error.message"), testing::HasSubstr("CONSOLE_BYTES"));
  EXPECT_EQ(at(backUp(R"({"before":["save\tall"],"timeout":null})"), "data.success"), "true");
}

TEST_F(BackupOfARunningServer, ThatIsStoppedMeanwhileNeedsNoWord) {
  const std::string stopped = agent_.send("kill_server", "{}", kServer);
  ASSERT_EQ(at(agent_.completed(stopped), "data.success"), "true");
  const Json end = backUp(R"({"before":["save-all"],"saved":"Saved","after":["save-on"]})");
  EXPECT_EQ(at(end, "data.success"), "true") << end.write();
  EXPECT_EQ(at(end, "data.result.consoleTold"), "false");
}

TEST_F(BackupOfARunningServer, ThatEndsMeanwhileIsNotWaitedFor) {
  for (const char* action : {"restart_server", "kill_server"}) {
    const std::size_t before = read(0).size();
    const std::string id = agent_.send(
        "create_backup",
        R"({"console":{"before":["save-all"],"saved":"Saved the game","timeout":600}})", kServer);
    ASSERT_EQ(outcome(agent_.response(id)), "ok");
    ASSERT_EQ(read(before + 1).size(), before + 1);
    ASSERT_EQ(
        at(agent_.completed(agent_.send(action, R"({"timeout":0})", kServer)), "data.success"),
        "true");
    const Json end = agent_.completed(id);
    EXPECT_EQ(at(end, "data.error.code"), "INVALID_STATE") << action << end.write();
    EXPECT_THAT(at(end, "data.error.message"), testing::HasSubstr("ended before its console said"));
  }
  EXPECT_EQ(backups(), 0U);
}

TEST_F(BackupOfARunningServer, ThatCannotBeWrittenIsNotAnnounced) {
  const auto saving = R"({"before":["save-off"],"after":["save-on"]},"backupId":"b")";
  // A folder that is not there and cannot be made.
  std::filesystem::create_symlink(agent_.outside() + "/missing/folder", agent_.backups());
  EXPECT_EQ(at(backUp(saving), "data.success"), "false");
  std::filesystem::remove(agent_.backups());
  EXPECT_EQ(at(backUp(R"({},"backupId":"b")"), "data.success"), "true");
  EXPECT_EQ(at(backUp(saving), "data.error.code"), "FILE_EXISTS");
  EXPECT_EQ(outcome(agent_.ask("send_command", R"({"command":"first"})", kServer)), "ok");
  EXPECT_THAT(read(1), testing::ElementsAre("first"));
}

TEST_F(BackupOfARunningServer, TakesLinesOnly) {
  for (const char* wrong : {R"({"before":"save-all"})", R"({"before":["a\nb"]})",
                            R"({"before":[""]})", R"({"after":[7]})", R"({"saved":"x"})",
                            R"({"before":["a"],"timeout":0})", R"({"before":["a\u0085b"]})"}) {
    const Json refused = backUp(wrong);
    EXPECT_EQ(at(refused, "error.code"), "INVALID_PAYLOAD") << wrong;
    EXPECT_THAT(at(refused, "error.message"), testing::HasSubstr("payload.console.")) << wrong;
  }
}

}  // namespace
}  // namespace agent
