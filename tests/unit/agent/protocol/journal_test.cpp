#include "agent/panel/journal.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>

namespace agent {
namespace {

using testing::ElementsAre;
using testing::Field;
using testing::HasSubstr;

class JournalTest : public testing::Test {
 protected:
  JournalTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "journal-XXXXXX").string();
    directory_ = ::mkdtemp(pattern.data());
  }
  ~JournalTest() override { std::filesystem::remove_all(directory_); }

  static JournalEntry command(std::string id, std::string action = "create_server") {
    return {.id = std::move(id),
            .action = std::move(action),
            .server_id = "s1",
            .fingerprint = 0xFEDCBA9876543210U};
  }
  std::vector<JournalEntry> reopened() {
    CommandJournal journal(directory_);
    auto entries = journal.open();
    EXPECT_TRUE(entries) << entries.error().message;
    problem_ = journal.problem();
    return entries ? *std::move(entries) : std::vector<JournalEntry>{};
  }
  std::string file() const { return directory_ + "/commands.journal"; }

  std::string directory_;
  std::string problem_;
};

TEST_F(JournalTest, TellsHowEachCommandOfTheAgentBeforeEnded) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("done")));
    journal.end("done", {.success = true});
    ASSERT_TRUE(journal.begin(command("failed", "delete_server")));
    journal.accepted("failed");
    journal.end("failed", {.code = "TIMEOUT", .message = "a \"quoted\"\nreason"});
    ASSERT_TRUE(journal.begin(command("accepted")));
    journal.accepted("accepted");
    ASSERT_TRUE(journal.begin(command("begun")));
    ASSERT_TRUE(journal.begin(command("overtaken")));
    journal.end("overtaken", {.success = true}, true);
    journal.accepted("overtaken");
    ASSERT_TRUE(journal.begin(command("busy")));
    journal.forget("busy");
  }
  const auto entries = reopened();
  ASSERT_THAT(entries,
              ElementsAre(Field(&JournalEntry::id, "done"), Field(&JournalEntry::id, "failed"),
                          Field(&JournalEntry::id, "accepted"), Field(&JournalEntry::id, "begun"),
                          Field(&JournalEntry::id, "overtaken")));
  EXPECT_TRUE(entries[0].outcome && entries[0].outcome->success);
  EXPECT_EQ(entries[0].fingerprint, 0xFEDCBA9876543210U);
  EXPECT_EQ(entries[0].server_id, "s1");
  EXPECT_EQ(entries[1].action, "delete_server");
  ASSERT_TRUE(entries[1].outcome);
  EXPECT_FALSE(entries[1].outcome->success);
  EXPECT_EQ(entries[1].outcome->code, "TIMEOUT");
  EXPECT_EQ(entries[1].outcome->message, "a \"quoted\"\nreason");
  EXPECT_TRUE(entries[2].accepted);
  EXPECT_FALSE(entries[2].outcome);
  EXPECT_FALSE(entries[3].accepted);
  EXPECT_FALSE(entries[3].outcome);
  EXPECT_TRUE(entries[4].accepted);
}

TEST_F(JournalTest, AnIdThatWasForgottenCanBeUsedAgain) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("a", "create_server")));
    journal.forget("a");
    ASSERT_TRUE(journal.begin(command("a", "delete_server")));
  }
  const auto entries = reopened();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].action, "delete_server");
}

TEST_F(JournalTest, PassesOverWhatCannotBeReadAndSaysSo) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("a")));
  }
  std::ofstream(file(), std::ios::app) << "garbage\n{\"end\":\"a\"}\n\n{\"begin\":\"half";
  auto entries = reopened();
  EXPECT_THAT(problem_, HasSubstr("4 lines"));
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_FALSE(entries[0].outcome);
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("b")));
  }
  entries = reopened();
  ASSERT_EQ(entries.size(), 2U) << "a line that was cut short swallowed the next one";
}

TEST_F(JournalTest, CutAtAnyByteItGivesTheCommandsBeforeTheCut) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("a")));
    journal.end("a", {.success = true});
    ASSERT_TRUE(journal.begin(command("b")));
    journal.accepted("b");
  }
  std::ostringstream whole;
  whole << std::ifstream(file()).rdbuf();
  const std::string text = whole.str();
  const std::size_t end_of_a = text.find("{\"begin\":\"b\"");
  ASSERT_NE(end_of_a, std::string::npos);
  for (std::size_t size = 0; size <= text.size(); ++size) {
    std::ofstream(file(), std::ios::trunc) << text.substr(0, size);
    const auto entries = reopened();
    ASSERT_LE(entries.size(), 2U);
    if (size < end_of_a) continue;
    ASSERT_GE(entries.size(), 1U) << size;
    EXPECT_TRUE(entries[0].outcome && entries[0].outcome->success) << size;
  }
}

TEST_F(JournalTest, StaysSmallAndKeepsTheLast4096AndWhatHasNotEnded) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("long")));
    journal.accepted("long");
    for (int i = 0; i < 60'000; ++i) {
      const std::string id = "cmd-" + std::to_string(i);
      ASSERT_TRUE(journal.begin(command(id)));
      journal.end(id, {.code = "WRONG", .message = std::string(300, 'm')});
    }
  }
  std::uintmax_t bytes = 0;
  for (const auto& one : std::filesystem::directory_iterator(directory_)) bytes += one.file_size();
  EXPECT_LT(bytes, 9'000'000U);
  const auto entries = reopened();
  EXPECT_GE(entries.size(), 4096U);
  EXPECT_EQ(entries.back().id, "cmd-59999");
  const auto open = std::find_if(entries.begin(), entries.end(),
                                 [](const JournalEntry& entry) { return entry.id == "long"; });
  ASSERT_NE(open, entries.end());
  EXPECT_TRUE(open->accepted);
  EXPECT_FALSE(open->outcome);
}

TEST_F(JournalTest, KeepsTheLast4096AndNotMuchMoreOnceTheyAreOld) {
  for (int run = 0; run < 10; ++run) {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    for (int i = run * 3000; i < (run + 1) * 3000; ++i) {
      JournalEntry entry = command("cmd-" + std::to_string(i));
      entry.at = control::WallTime(std::chrono::seconds(i));
      ASSERT_TRUE(journal.begin(entry));
      if (i > 0) journal.end(entry.id, {.success = true, .at = entry.at});
    }
  }
  const auto entries = reopened();
  EXPECT_GE(entries.size(), 4096U);
  EXPECT_LE(entries.size(), 2 * 4096U + 1);
  EXPECT_TRUE(std::any_of(entries.begin(), entries.end(), [](const JournalEntry& entry) {
    return entry.id == "cmd-0" && !entry.outcome;
  }));
  EXPECT_EQ(entries.back().id, "cmd-29999");
}

TEST_F(JournalTest, KeepsTenMinutesWorthHoweverMany) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    for (int i = 0; i < 20'000; ++i) {
      JournalEntry entry = command("cmd-" + std::to_string(i));
      entry.at = control::WallTime(std::chrono::milliseconds(i * 29));
      ASSERT_TRUE(journal.begin(entry));
      journal.end(entry.id, {.success = true, .at = entry.at});
    }
  }
  EXPECT_EQ(reopened().size(), 20'000U);
}

TEST_F(JournalTest, ReadsWhatItWroteWhateverIdsHold) {
  const std::vector<std::string> ids = {"a\"b",      "a\\b", "\u00e4\U0001f3ae",
                                        "{\"x\":1}", ",",    std::string(256, 'x')};
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    for (const std::string& id : ids) {
      ASSERT_TRUE(journal.begin(command(id)));
      journal.accepted(id);
      journal.end(id, {.success = true});
    }
  }
  const auto entries = reopened();
  EXPECT_EQ(problem_, "");
  ASSERT_EQ(entries.size(), ids.size());
  for (std::size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(entries[i].id, ids[i]);
    EXPECT_TRUE(entries[i].accepted && entries[i].outcome && entries[i].outcome->success) << ids[i];
  }
}

TEST_F(JournalTest, WhereNothingCanBeWrittenItSaysWhatAndWhy) {
  CommandJournal journal("/proc/no/such");
  const auto opened = journal.open();
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("/proc/no/such/commands.journal: "));
  EXPECT_FALSE(journal.begin(command("a")));
  journal.end("a", {});
}

/// As long as it lives no file grows beyond `bytes`.
class FullDisk {
 public:
  explicit FullDisk(std::uintmax_t bytes) {
    EXPECT_EQ(::getrlimit(RLIMIT_FSIZE, &limit_), 0);
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit small{bytes, limit_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  }
  ~FullDisk() {
    ::setrlimit(RLIMIT_FSIZE, &limit_);
    ::signal(SIGXFSZ, SIG_DFL);
  }
  FullDisk(const FullDisk&) = delete;
  FullDisk& operator=(const FullDisk&) = delete;

 private:
  rlimit limit_{};
};

TEST_F(JournalTest, AFullDiskRefusesTheBeginningAndSpoilsNothing) {
  CommandJournal journal(directory_);
  ASSERT_TRUE(journal.open());
  ASSERT_TRUE(journal.begin(command("a")));
  const auto before = std::filesystem::file_size(file());
  std::optional<FullDisk> full(before + 20);
  const auto refused = journal.begin(command("b"));
  full.reset();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, control::ErrorCode::kResourceExhausted);
  EXPECT_EQ(std::filesystem::file_size(file()), before);
  ASSERT_TRUE(journal.begin(command("c")));
}

TEST_F(JournalTest, AnEndThatFoundNoRoomIsWrittenBeforeAnythingElseBegins) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("a")));
    {
      const FullDisk full(std::filesystem::file_size(file()) + 5);
      journal.end("a", {.success = true});
      EXPECT_FALSE(journal.begin(command("b")));
    }
    ASSERT_TRUE(journal.begin(command("c")));
  }
  const auto entries = reopened();
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_TRUE(entries[0].outcome && entries[0].outcome->success);
  EXPECT_FALSE(entries[1].outcome);
}

TEST_F(JournalTest, AnEndThatFoundNoRoomIsNotSpoiledByTheFileThatIsBegunNext) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("a")));
    for (int i = 0; std::filesystem::file_size(file()) < 4 * 1024 * 1024; ++i) {
      const std::string id = "filler-" + std::to_string(i);
      ASSERT_TRUE(journal.begin(command(id)));
      journal.end(id, {.code = "WRONG", .message = std::string(4'000, 'm')});
    }
    {
      const FullDisk full(0);
      journal.accepted("a");
      journal.end("a", {.success = true}, true);
    }
    ASSERT_TRUE(journal.begin(command("last")));  // in a new file
  }
  const auto entries = reopened();
  EXPECT_EQ(problem_, "");
  const auto a = std::find_if(entries.begin(), entries.end(),
                              [](const JournalEntry& entry) { return entry.id == "a"; });
  ASSERT_NE(a, entries.end());
  EXPECT_TRUE(a->accepted);
  EXPECT_TRUE(a->outcome && a->outcome->success);
}

TEST_F(JournalTest, WhatHasNotEndedIsInANewFileWhereverThePuttingAsideWasCutOff) {
  {
    CommandJournal journal(directory_);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin(command("a")));
  }
  std::filesystem::rename(file(), file() + ".old");
  ASSERT_EQ(reopened().size(), 1U);
  std::filesystem::remove(file() + ".old");
  const auto entries = reopened();
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_FALSE(entries[0].outcome);
}

}  // namespace
}  // namespace agent
