// Whose the files are that actions make, and what they may.

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "unit/agent/files/file_agent_fixture.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

class FileOwnership : public OnFilesOfA {
 protected:
  void act(const std::string& action, const std::string& payload) {
    const Json response = agent_.ask(action, payload);
    EXPECT_EQ(outcome(response), "ok") << action << ' ' << payload << response.write();
  }
  struct stat statusOf(const std::string& name) const {
    struct stat status {};
    EXPECT_EQ(::lstat(path(name).c_str(), &status), 0) << name;
    return status;
  }
  /// A folder and a program in it with all bits that there are.
  void laySetId(const std::string& folder) const {
    fs::create_directories(path(folder));
    writeFileAt(path(folder + "/run"), "#!/bin/sh");
    ASSERT_EQ(::chmod(path(folder + "/run").c_str(), 06755), 0);
    ASSERT_EQ(::chmod(path(folder).c_str(), 03775), 0);
  }
};

TEST_F(FileOwnership, WhatIsNewBelongsToWhoeverOwnsTheServersDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  for (const char* name : {"world/region/r", "other"}) {
    fs::create_directories(fs::path(path(name)).parent_path());
    writeFileAt(path(name), "of root");
  }
  ASSERT_EQ(::chown(agent_.root().c_str(), 1234, 1235), 0);
  ASSERT_EQ(::chmod(agent_.root().c_str(), 0755), 0);
  act("upload_file", R"({"path":"up/whole","content":"eHg="})");
  act("upload_file", R"({"path":"up/pieces","content":"eHg=","offset":0,"size":4})");
  act("upload_file", R"({"path":"up/pieces","content":"eHg=","offset":2,"size":4})");
  act("copy_file", R"({"source":"world","destination":"copied/world"})");
  act("copy_file", R"({"source":"other","destination":"copied/other"})");
  act("create_directory", R"({"path":"made/folder"})");
  act("create_archive", R"({"path":"world","destination":"packed/world.tar"})");
  act("extract_archive", R"({"path":"packed/world.tar","destination":"unpacked/here"})");
  act("move_file", R"({"source":"other","destination":"moved/to/other"})");
  int seen = 0;
  for (const char* top : {"up", "copied", "made", "packed", "unpacked", "moved"}) {
    EXPECT_EQ(statusOf(top).st_uid, 1234U) << top;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(path(top))) {
      const std::string name = entry.path().string().substr(agent_.root().size());
      const bool moved = name == "/moved/to/other";
      EXPECT_EQ(statusOf(name).st_uid, moved ? 0U : 1234U) << name;
      EXPECT_EQ(statusOf(name).st_gid, moved ? 0U : 1235U) << name;
      ++seen;
    }
  }
  EXPECT_EQ(seen, 14);
}

TEST_F(FileOwnership, NothingThatIsWrittenHasSetIdBits) {
  laySetId("tools");
  act("copy_file", R"({"source":"tools","destination":"copied"})");
  act("create_archive", R"({"path":"tools","destination":"tools.tar"})");
  act("extract_archive", R"({"path":"tools.tar","destination":"unpacked"})");
  for (const char* name :
       {"copied", "copied/run", "unpacked", "unpacked/tools", "unpacked/tools/run"})
    EXPECT_EQ(statusOf(name).st_mode & 07000, 0U) << name;
  for (const auto& [action, payload] : std::vector<std::pair<const char*, const char*>>{
           {"write_file", R"({"path":"tools/run","content":"x"})"},
           {"upload_file", R"({"path":"tools/run","content":"eHg="})"},
           {"copy_file", R"({"source":"copied/run","destination":"tools/run","overwrite":true})"},
           {"extract_archive", R"({"path":"tools.tar"})"},
           {"set_file_permissions", R"({"path":"tools/run","permissions":"6755"})"}}) {
    laySetId("tools");
    act(action, payload);
    EXPECT_EQ(statusOf("tools/run").st_mode & 07000, 0U) << action;
  }
}

}  // namespace
}  // namespace agent
