#include "supervise/desired.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <fstream>

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

DesiredStates someStates() {
  return {{"a", {.wanted = Wanted::kRunning, .retries = 2}},
          {"b c/%\n", {.wanted = Wanted::kStopped}},
          {"d", {.wanted = Wanted::kFailed, .reason = Reason::kOomKilled}}};
}

TEST(Desired, TextReadsBackAsTheSameStates) {
  for (const DesiredStates& states : {someStates(), DesiredStates()}) {
    const auto again = desiredFromText(desiredToText(states));
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, states);
  }
}

TEST(Desired, TextThatWasCutOffAnywhereIsDamaged) {
  const std::string text = desiredToText(someStates());
  for (std::size_t size = 0; size < text.size(); ++size) {
    const auto cut = desiredFromText(text.substr(0, size));
    ASSERT_FALSE(cut) << size;
    EXPECT_EQ(cut.error().code, ErrorCode::kInvalidArgument);
  }
}

TEST(Desired, TextWithAnyByteChangedIsRefused) {
  const std::string text = desiredToText(someStates());
  for (std::size_t i = 0; i < text.size(); ++i)
    for (const char other : {'\0', '1', ' ', '\n', 'x'}) {
      std::string changed = text;
      if (changed[i] == other) continue;
      changed[i] = other;
      EXPECT_FALSE(desiredFromText(changed)) << i << other;
    }
}

TEST(Desired, NewerVersionIsNotReadAsDamage) {
  const auto read = desiredFromText("libcontrol-desired 2\nanything\n");
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::kUnsupported);
  EXPECT_THAT(read.error().message, HasSubstr("version 2"));
}

class DesiredOnDisk : public ::testing::Test {
 protected:
  DesiredOnDisk() {
    std::string made = ::testing::TempDir() + "desired-XXXXXX";
    directory_ = ::mkdtemp(made.data());
    path_ = directory_ / "servers";
  }
  ~DesiredOnDisk() override { std::filesystem::remove_all(directory_); }

  std::unique_ptr<DesiredFile> open() {
    return std::make_unique<DesiredFile>(path_, [this](const std::string& text) {
      const std::lock_guard lock(mutex_);
      told_.push_back(text);
      changed_.notify_all();
    });
  }
  void write(const std::string& text) { std::ofstream(path_) << text; }
  std::string text() {
    std::ifstream file(path_);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  std::vector<std::string> told() {
    const std::lock_guard lock(mutex_);
    return told_;
  }
  bool isTold(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, 20s, [&] { return told_.size() >= count; });
  }

  std::filesystem::path directory_;
  std::filesystem::path path_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> told_;
};

TEST_F(DesiredOnDisk, WhatWasWrittenIsReadByTheNext) {
  {
    const auto file = open();
    EXPECT_TRUE(file->read().empty());
    for (const auto& [name, desired] : someStates()) file->set(name, desired);
    file->set("gone", {});
    file->erase("gone");
    EXPECT_TRUE(file->awaitWritten(20s));
    // On disk by now, not at the end of the object's life.
    EXPECT_EQ(*desiredFromText(text()), someStates());
  }
  EXPECT_EQ(open()->read(), someStates());
  EXPECT_THAT(told(), ::testing::IsEmpty());
  struct stat about {};
  ASSERT_EQ(::stat(path_.c_str(), &about), 0);
  EXPECT_EQ(about.st_mode & 0777U, 0600U);
}

TEST_F(DesiredOnDisk, WhatCannotBeUnderstoodIsPutAsideAndTold) {
  for (const auto* bad : {"", "nonsense", "libcontrol-desired 99\n"}) {
    write(bad);
    const std::size_t before = told().size();
    {
      const auto file = open();
      EXPECT_TRUE(file->read().empty());
      file->set("new", {.wanted = Wanted::kRunning});
    }
    ASSERT_EQ(told().size(), before + 1);
    EXPECT_THAT(told().back(), HasSubstr(path_.string()));
    EXPECT_EQ(open()->read().size(), 1U);
    std::filesystem::remove(path_);
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(directory_), {}), 3);
}

TEST_F(DesiredOnDisk, WhatIsNoFileIsPutAside) {
  std::filesystem::create_symlink("/etc/passwd", path_);
  EXPECT_TRUE(open()->read().empty());
  EXPECT_EQ(told().size(), 1U);
  std::filesystem::create_directory(path_);
  EXPECT_TRUE(open()->read().empty());
  EXPECT_EQ(told().size(), 2U);
  ASSERT_EQ(::mkfifo(path_.c_str(), 0600), 0);
  EXPECT_TRUE(open()->read().empty());
  EXPECT_EQ(told().size(), 3U);
}

TEST_F(DesiredOnDisk, WhatCannotBeWrittenIsToldOnceAndWrittenLater) {
  const std::filesystem::path away = directory_ / "away";
  path_ = directory_ / "later" / "servers";
  const auto file = open();
  file->set("a", {.wanted = Wanted::kRunning});
  EXPECT_FALSE(file->awaitWritten(20s));
  file->set("b", {.wanted = Wanted::kRunning});
  EXPECT_FALSE(file->awaitWritten(20s));
  ASSERT_TRUE(isTold(1));
  EXPECT_THAT(told().front(), HasSubstr("No such file"));
  std::filesystem::create_directory(path_.parent_path());
  ASSERT_TRUE(isTold(2));
  EXPECT_TRUE(file->awaitWritten(20s));
  EXPECT_THAT(told()[1], HasSubstr("written again"));
  EXPECT_EQ(told().size(), 2U);
  EXPECT_EQ(desiredFromText(text())->size(), 2U);
}

TEST_F(DesiredOnDisk, ChangeDuringTheLastWriteIsWrittenToo) {
  const std::filesystem::path fresh = path_.string() + ".new";
  for (int i = 1; i <= 100; ++i) {
    auto file = open();
    file->set("a", {.wanted = Wanted::kFailed, .retries = i});
    // Where the write is over sooner, this round shows nothing.
    const auto give_up = std::chrono::steady_clock::now() + 2ms;
    while (!std::filesystem::exists(fresh) && std::chrono::steady_clock::now() < give_up) continue;
    file->set("a", {.wanted = Wanted::kRunning, .retries = i});
    file.reset();
    ASSERT_EQ(desiredFromText(text())->at("a").wanted, Wanted::kRunning) << i;
  }
}

TEST_F(DesiredOnDisk, FullDiskLeavesTheOldFileWhole) {
  const auto file = open();
  file->set("a", {.wanted = Wanted::kRunning});
  ASSERT_TRUE(file->awaitWritten(20s));
  // No file of this process may grow beyond 8 bytes, as on a disk that is full.
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tiny{8, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tiny), 0);
  file->set("b", {.wanted = Wanted::kRunning});
  const bool written = file->awaitWritten(20s);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);
  EXPECT_FALSE(written);
  ASSERT_TRUE(isTold(2)) << "it was to be written later";
  EXPECT_EQ(desiredFromText(text())->size(), 2U);
}

TEST(DesiredFile, WithoutAPathKeepsNothingAndWaitsForNothing) {
  DesiredFile file("", [](const std::string&) { ADD_FAILURE(); });
  EXPECT_TRUE(file.read().empty());
  file.set("a", {.wanted = Wanted::kRunning});
  EXPECT_TRUE(file.awaitWritten(0s));
}

}  // namespace
}  // namespace control
