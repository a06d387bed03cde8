// Pulls, archives, backups: their words, their bars and how their end is said.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/panel/panel_fixture.h"

namespace panel {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const char* const kAccepted = R"("success":true,"data":{})";

class OperationsTest : public PanelTest {
 protected:
  OperationsTest() : agent_(listener_.port()) { EXPECT_EQ(console_.run("agent 10"), ""); }

  std::string run(const std::string& line, const std::string& answer = kAccepted) {
    return runAnswered(line, agent_, answer);
  }

  /// What the last command asked for: "ACTION SERVER PAYLOAD".
  std::string asked() {
    std::ostringstream out;
    out << text(command_, "action") << ' ' << text(command_, "serverId") << ' ';
    command_->getObject("payload")->stringify(out);
    return out.str();
  }

  void event(const std::string& name, const std::string& data) {
    agent_.send(R"({"type":"event","seq":1,"event":")" + name + R"(","data":{)" + data + "}}");
  }

  void progress(const std::string& name, const std::string& rest) {
    event(name, R"("commandId":")" + text(command_, "id") + "\"," + rest);
  }

  void completed(const std::string& rest) { progress("command_completed", rest); }

  std::string shown() { return output_.str(); }

  FakeAgent agent_;
};

TEST_F(OperationsTest, ABackupIsMadeWithABarAndItsEndIsSaid) {
  ASSERT_EQ(run("backup web b1"), "");
  EXPECT_EQ(asked(), R"(create_backup web {"backupId":"b1"})");
  progress("backup_progress",
           R"("serverId":"web","action":"create_backup","entries":2,"bytes":3145728)");
  completed(R"("action":"create_backup","serverId":"web","success":true,"result":)"
            R"({"backupId":"b1","size":1024,"bytes":4194304,"entries":3,"skipped":1})");
  EXPECT_EQ(console_.run("done 10"), "");
  EXPECT_THAT(shown(), HasSubstr("[..........]   ? %  backup of web: 2 entries, 3.0 MiB\n"
                                 "[##########] 100 %  backup of web: 3 entries, 4.0 MiB\n"));
  EXPECT_THAT(shown(), HasSubstr("backup of web is done: b1, 1.0 KiB packed, 1 left out\n"));
}

TEST_F(OperationsTest, ABackupNeedsNoName) {
  ASSERT_EQ(run("backup web"), "");
  EXPECT_EQ(asked(), "create_backup web {}");
}

TEST_F(OperationsTest, ARestoreThatFailsSaysTheCodeAndWhy) {
  ASSERT_EQ(run("restore web b1"), "");
  EXPECT_EQ(asked(), R"(restore_backup web {"backupId":"b1"})");
  progress("backup_progress", R"("serverId":"web","action":"restore_backup","entries":1,)"
                              R"("bytes":5,"percentage":35.5)");
  completed(R"("action":"restore_backup","serverId":"web","success":false,)"
            R"("error":{"code":"DISK_FULL","message":"no room"})");
  EXPECT_EQ(console_.run("refused DISK_FULL done 10"), "");
  EXPECT_THAT(shown(), HasSubstr("[###.......]  35 %  restore of web: 1 entry, 5 bytes\n"));
  EXPECT_THAT(shown(), HasSubstr("restore of web failed: DISK_FULL: no room\n"));
  EXPECT_THAT(shown(), Not(HasSubstr("100 %")));
}

TEST_F(OperationsTest, AnEndThatIsToldTwiceIsSaidOnce) {
  ASSERT_EQ(run("restore web b1"), "");
  for (int i = 0; i < 2; ++i)
    completed(R"("action":"restore_backup","serverId":"web","success":true)");
  agent_.changed("web", "stopped");
  ASSERT_EQ(console_.run("wait web stopped 10"), "");
  const std::string all = shown();
  const std::string line = "restore of web is done";
  ASSERT_NE(all.find(line), std::string::npos);
  EXPECT_EQ(all.find(line), all.rfind(line));
}

TEST_F(OperationsTest, APullHasABarAndItsEndIsSaid) {
  ASSERT_EQ(run("pull game:1"), "");
  EXPECT_EQ(asked(), R"(pull_image  {"image":"game:1"})");
  for (const char* current : {"0", "4194304", "4194305", "8388608"})
    progress("image_pull_progress",
             R"("image":"game:1","total":16777216,"layers":[],"current":)" + std::string(current));
  completed(R"("action":"pull_image","image":"game:1","success":true)");
  EXPECT_EQ(console_.run("done 10"), "");
  EXPECT_THAT(shown(), HasSubstr("[##........]  25 %  pull of game:1: 4.0 MiB of 16.0 MiB\n"
                                 "[#####.....]  50 %  pull of game:1: 8.0 MiB of 16.0 MiB\n"
                                 "[##########] 100 %  pull of game:1: 16.0 MiB of 16.0 MiB\n"));
  EXPECT_THAT(shown(), HasSubstr("pull of game:1 is done\n"));
}

TEST_F(OperationsTest, ThePullOfANewServerHasABar) {
  ASSERT_EQ(run("create web image=game:1"), "");
  progress("image_pull_progress",
           R"("image":"game:1","serverId":"web","total":100,"current":50,"percentage":50)");
  completed(R"("action":"create_server","serverId":"web","success":true)");
  EXPECT_EQ(console_.run("done 10"), "");
  EXPECT_THAT(shown(), HasSubstr("[##########] 100 %  pull of game:1: 100 bytes of 100 bytes\n"));
  EXPECT_THAT(shown(), Not(HasSubstr("is done")));
}

TEST_F(OperationsTest, AnArchiveIsWaitedForWithABar) {
  EXPECT_EQ(run("archive web all.zip world server.properties",
                R"("success":true,"data":{"serverId":"web","path":"/all.zip","entries":2,)"
                R"("bytes":2048,"size":1024,"skipped":0})"),
            "");
  EXPECT_EQ(asked(), R"(create_archive web {"destination":"all.zip",)"
                     R"("paths":["world","server.properties"]})");
  EXPECT_THAT(shown(), HasSubstr("[##########] 100 %  archive of web: 2 entries, 2.0 KiB\n"));
  EXPECT_THAT(shown(), HasSubstr("archive of web is done, 1.0 KiB packed\n"));
  EXPECT_EQ(console_.run("done"), "");
}

TEST_F(OperationsTest, AnExtractionShowsHowFarItIsUntilItsAnswer) {
  std::string problem = "not run";
  {
    std::jthread word([&] { problem = console_.run("extract web all.zip"); });
    int flags = 0;
    command_ = Poco::JSON::Parser().parse(agent_.receive(flags)).extract<Poco::JSON::Object::Ptr>();
    const std::string about = R"("serverId":"web","action":"extract_archive","entries":1,)"
                              R"("bytes":512,"percentage":)";
    progress("archive_progress", about + "40");
    agent_.send(R"({"type":"response","success":true,"id":")" + text(command_, "id") +
                R"(","data":{"serverId":"web","entries":2,"bytes":2048,"size":1024}})");
  }
  EXPECT_EQ(problem, "");
  progress("archive_progress", R"("serverId":"web","action":"extract_archive","percentage":90)");
  agent_.changed("web", "stopped");
  ASSERT_EQ(console_.run("wait web stopped 10"), "");
  EXPECT_THAT(shown(), HasSubstr("[####......]  40 %  extraction to web: 1 entry, 512 bytes\n"
                                 "[##########] 100 %  extraction to web: 2 entries, 2.0 KiB\n"));
  EXPECT_THAT(shown(), Not(HasSubstr("90 %")));
}

TEST_F(OperationsTest, AnExtractionThatFailsIsAFailureOfItsWord) {
  const std::string failure =
      R"("success":false,"error":{"code":"FILE_NOT_FOUND","message":"no such file"})";
  EXPECT_EQ(run("extract web none.zip", failure), "FILE_NOT_FOUND: no such file");
  EXPECT_EQ(asked(), R"(extract_archive web {"path":"none.zip"})");
  EXPECT_EQ(console_.run("done"), "FILE_NOT_FOUND: no such file");
  EXPECT_EQ(run("refused FILE_NOT_FOUND extract web none.zip there", failure), "");
  EXPECT_EQ(asked(), R"(extract_archive web {"destination":"there","path":"none.zip"})");
}

TEST_F(OperationsTest, WhatIsNotWatchedIsNotShown) {
  ASSERT_EQ(console_.run("watch off"), "");
  ASSERT_EQ(run("backup web"), "");
  progress("backup_progress",
           R"("serverId":"web","action":"create_backup","entries":2,"bytes":3145728)");
  completed(R"("action":"create_backup","serverId":"web","success":true,"result":)"
            R"({"backupId":"b1","size":1024,"bytes":4194304,"entries":3,"skipped":1})");
  EXPECT_EQ(console_.run("done 10"), "");
  EXPECT_THAT(shown(), Not(HasSubstr("backup of")));
}

TEST_F(OperationsTest, ADiskThatIsFullerThanItMayBeIsTold) {
  const auto exceeded = [&](const char* action) {
    event("disk_limit_exceeded", R"("serverId":"web","usedBytes":2097152,"limitBytes":1048576,)"
                                 R"("action":")" +
                                     std::string(action) + "\"");
  };
  exceeded("event");
  exceeded("stop");
  agent_.changed("web", "stopped");
  ASSERT_EQ(console_.run("wait web stopped 10"), "");
  const std::string line = "web  takes 2.0 MiB of the disk, its limit is 1.0 MiB";
  EXPECT_THAT(shown(), HasSubstr(line + "\n"));
  EXPECT_THAT(shown(), HasSubstr(line + ": it is being stopped\n"));
}

TEST_F(OperationsTest, BackupsAreListedAndRemoved) {
  EXPECT_EQ(run("backups web", R"("success":true,"data":{"backups":[{"backupId":"b1",)"
                               R"("name":"before","created":"2024-05-01T10:00:00Z","size":1024,)"
                               R"("bytes":2048,"entries":3,"skipped":0}]})"),
            "");
  EXPECT_THAT(shown(), HasSubstr("b1  2024-05-01T10:00:00Z  1.0 KiB with 3 entries of 2.0 KiB"
                                 "  before\n"));
  EXPECT_EQ(run("backups web", R"("success":true,"data":{"backups":[]})"), "");
  EXPECT_THAT(shown(), HasSubstr("no backups of web\n"));
  EXPECT_EQ(run("rmbackup web b1"), "");
  EXPECT_EQ(asked(), R"(delete_backup web {"backupId":"b1"})");
}

TEST_F(OperationsTest, ImagesAreListedAndRemoved) {
  EXPECT_EQ(run("images", R"("success":true,"data":{"images":[)"
                          R"({"id":"sha256:1","references":["a:1","b:1"],"sizeBytes":1024,)"
                          R"("removable":true},)"
                          R"({"id":"sha256:2","references":[],"sizeBytes":5,"removable":false}]})"),
            "");
  EXPECT_EQ(asked(), "list_images  {}");
  EXPECT_THAT(shown(), HasSubstr("a:1, b:1  1.0 KiB  (pulled by a panel)\nsha256:2  5 bytes\n"));
  EXPECT_EQ(run("rmimage a:1", R"("success":true,"data":{"image":"a:1","removed":true})"), "");
  EXPECT_EQ(asked(), R"(remove_image  {"image":"a:1"})");
  EXPECT_EQ(run("rmimage b:1", R"("success":true,"data":{"image":"b:1","removed":false})"), "");
  EXPECT_THAT(shown(), HasSubstr("\nb:1 was not there any more\n"));
  EXPECT_THAT(shown(), Not(HasSubstr("a:1 was not")));
  EXPECT_EQ(run("prune", R"("success":true,"data":{"removed":["a:1","b:1"],"inUse":["c:1"]})"), "");
  EXPECT_THAT(shown(), HasSubstr("removed: a:1, b:1\nin use: c:1\n"));
}

TEST_F(OperationsTest, WordsSayWhatTheyNeed) {
  for (const char* words : {"pull", "rmimage", "archive web", "archive web all.zip", "extract web",
                            "backup", "backups", "restore web", "rmbackup web"}) {
    const std::string verb = std::string(words).substr(0, std::string(words).find(' '));
    EXPECT_THAT(console_.run(words), ::testing::StartsWith("use: " + verb + ' ')) << words;
  }
  ASSERT_EQ(console_.run("help"), "");
  for (const char* usage :
       {"pull IMAGE\n", "images\n", "rmimage IMAGE\n", "prune\n", "archive ID ARCHIVE PATH…\n",
        "extract ID ARCHIVE [FOLDER]\n", "backup ID [BACKUP]\n", "backups ID\n",
        "restore ID BACKUP\n", "rmbackup ID BACKUP\n", "readiness=console:TEXT"})
    EXPECT_THAT(shown(), HasSubstr(usage));
}

}  // namespace
}  // namespace panel
