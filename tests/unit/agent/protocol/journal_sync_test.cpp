#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include <gtest/gtest.h>

#include "agent/panel/journal.h"
#include "support/disk_calls.h"
#include "support/temp_dir.h"

namespace agent {
namespace {

/// Whether the file as it is now was brought onto the disk, within 10 s.
bool isSynced(const std::string& path) {
  const std::string sync = "sync " + path + ' ' + std::to_string(std::filesystem::file_size(path));
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  for (;;) {
    const auto calls = test_support::diskCalls();
    if (std::find(calls.begin(), calls.end(), sync) != calls.end()) return true;
    if (std::chrono::steady_clock::now() > deadline) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

TEST(JournalSync, WhatIsWrittenIsBroughtOntoTheDiskWithoutFurtherAsking) {
  const test_support::TempDir directory;
  CommandJournal journal(directory.path());
  ASSERT_TRUE(journal.open());
  const std::string file = directory.path("commands.journal");
  ASSERT_TRUE(journal.begin({.id = "a", .action = "create_server", .server_id = "s"}));
  EXPECT_TRUE(isSynced(file));
  journal.accepted("a");
  EXPECT_TRUE(isSynced(file));
  journal.end("a", {.success = true});
  EXPECT_TRUE(isSynced(file));
}

TEST(JournalSync, TheEndOfTheAgentLeavesNothingUnsynced) {
  const test_support::TempDir directory;
  const std::string file = directory.path("commands.journal");
  {
    CommandJournal journal(directory.path());
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin({.id = "a", .action = "create_server", .server_id = "s"}));
  }
  const auto calls = test_support::diskCalls();
  ASSERT_FALSE(calls.empty());
  EXPECT_EQ(calls.back(), "sync " + file + ' ' + std::to_string(std::filesystem::file_size(file)));
}

}  // namespace
}  // namespace agent
