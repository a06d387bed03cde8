// What is neither a file nor a folder of the server: special files, and other mounts.

#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <set>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "support/own_mounts.h"
#include "unit/agent/files/rooted_fixture.h"
#include "unit/agent/files/samples.h"

namespace agent {
namespace {

namespace fs = std::filesystem;

struct Special {
  const char* name;
  mode_t kind;
  dev_t device;
};
/// A device that anybody can read and write, and one that there is none of.
const Special kSpecial[] = {{"fifo", S_IFIFO, 0},
                            {"socket", S_IFSOCK, 0},
                            {"char", S_IFCHR, makedev(1, 3)},
                            {"block", S_IFBLK, makedev(240, 1048575)}};

/// Made where only root makes devices: false where this process may not.
bool makeSpecial(const Special& special, const std::string& folder) {
  const std::string path = folder + '/' + special.name;
  if (::mknod(path.c_str(), special.kind | 0666, special.device) == 0) return true;
  EXPECT_TRUE(errno == EPERM && special.device != 0) << path;
  return false;
}

class SpecialFilesTest : public RootedTest {};

TEST_F(SpecialFilesTest, AreNeitherReadNorWritten) {
  for (const Special& special : kSpecial) {
    for (const Sample& sample : samples()) {
      if (!hasPath(sample)) continue;
      layOut();
      if (!makeSpecial(special, agent_.root())) break;
      const std::string got =
          outcome(agent_.ask(std::string(sample.action), payloadFor(sample, special.name)));
      if (sample.on_links_themselves && got == "ok") continue;
      EXPECT_TRUE(got == "PATH_FORBIDDEN" || got == "NOT_A_DIRECTORY" || got == "FILE_EXISTS")
          << sample.action << ' ' << sample.payload << ' ' << special.name << ' ' << got;
      struct stat status {};
      ASSERT_EQ(::lstat((agent_.root() + '/' + special.name).c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & S_IFMT, special.kind) << sample.action;
    }
  }
}

TEST_F(SpecialFilesTest, InAFolderArePassedOver) {
  layOut();
  const auto made = std::count_if(
      std::begin(kSpecial), std::end(kSpecial),
      [this](const Special& special) { return makeSpecial(special, agent_.root() + "/folder"); });
  const auto namesIn = [this](const std::string& folder) {
    std::set<std::string> names;
    for (const fs::directory_entry& entry : fs::directory_iterator(agent_.root() + folder))
      names.insert(entry.path().filename());
    return names;
  };
  const std::string skipped = std::to_string(made);
  const Json copied = agent_.ask("copy_file", R"({"source":"folder","destination":"copied"})");
  EXPECT_EQ(at(copied, "data.skipped"), skipped) << copied.write();
  EXPECT_EQ(namesIn("/copied"), std::set<std::string>{"in"});
  const Json archived =
      agent_.ask("create_archive", R"({"path":"folder","destination":"made.tar"})");
  EXPECT_EQ(at(archived, "data.skipped"), skipped) << archived.write();
  const Json found = agent_.ask("search_files", R"({"path":"folder","content":"inner"})");
  EXPECT_EQ(found.find("data")->find("files")->elements()->size(), 1U) << found.write();
  const Json backup = finish("create_backup", R"({"backupId":"b"})");
  EXPECT_EQ(at(backup, "data.result.skipped"), skipped) << backup.write();
  EXPECT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  EXPECT_EQ(namesIn("/folder"), std::set<std::string>{"in"});
}

/// Before the agent has threads.
class Apart {
 protected:
  const std::string missing_ = test_support::ownMounts();
};

/// What lies outside is seen in the server's folder, on the same file system.
class MountedTest : public Apart, public RootedTest {
 protected:
  void SetUp() override {
    if (!missing_.empty()) GTEST_SKIP() << missing_;
    layOut();
  }
  void mount(const std::string& what, const std::string& where) {
    mounts_.push_back(std::make_unique<test_support::BindMount>(what, agent_.root() + where));
  }
  void mountFolder() {
    fs::create_directories(agent_.root() + "/folder/in/mounted");
    mount(agent_.outside(), "/folder/in/mounted");
  }

  // Gone before the directory is removed with all that is in it.
  std::vector<std::unique_ptr<test_support::BindMount>> mounts_;
};

TEST_F(MountedTest, NoActionReachesWhatIsMounted) {
  mountFolder();
  writeFileAt(agent_.root() + "/mounted-file", "");
  mount(agent_.outside() + "/secret", "/mounted-file");
  for (const char* path :
       {"mounted-file", "folder/in/mounted", "folder/in/mounted/secret", "folder/in/mounted/deep",
        "folder/in/mounted/deep/secret", "folder/in/mounted/new", "folder/in/mounted/new/newer"}) {
    for (const Sample& sample : samples()) {
      if (!hasPath(sample)) continue;
      const std::string payload = payloadFor(sample, path);
      const Json response = agent_.ask(std::string(sample.action), payload);
      EXPECT_NE(outcome(response), "ok") << sample.action << ' ' << payload << response.write();
      expectUntouched(std::string(sample.action) + ' ' + payload);
      if (HasFailure()) return;
    }
  }
}

TEST_F(MountedTest, NothingIsListedCopiedArchivedOrDeletedThroughWhatIsAbove) {
  mountFolder();
  const Json found = agent_.ask("search_files", R"({"content":"CANARY"})");
  EXPECT_EQ(found.find("data")->find("files")->elements()->size(), 0U) << found.write();
  const Json named = agent_.ask("search_files", R"({"pattern":"secret"})");
  EXPECT_EQ(named.find("data")->find("files")->elements()->size(), 0U) << named.write();
  for (const auto& [action, payload] : std::vector<std::pair<const char*, const char*>>{
           {"copy_file", R"({"source":"folder","destination":"copied"})"},
           {"create_archive", R"({"path":"folder","destination":"made.zip"})"},
           {"delete_file", R"({"path":"folder"})"}})
    EXPECT_EQ(outcome(agent_.ask(action, payload)), "PATH_FORBIDDEN") << action;
  EXPECT_FALSE(fs::exists(agent_.root() + "/copied"));
  EXPECT_FALSE(fs::exists(agent_.root() + "/made.zip"));
  expectUntouched("what is above a mount");
}

TEST_F(MountedTest, NothingIsUnpackedIntoWhatIsMounted) {
  fs::create_directories(agent_.root() + "/folder/in/mounted");
  writeFileAt(agent_.root() + "/folder/in/mounted/secret", "evil");
  ASSERT_EQ(outcome(agent_.ask("create_archive", R"({"path":"folder","destination":"evil.tar"})")),
            "ok");
  mountFolder();
  EXPECT_EQ(outcome(agent_.ask("extract_archive", R"({"path":"evil.tar"})")), "PATH_FORBIDDEN");
  expectUntouched("an archive unpacked over a mount");
}

TEST_F(MountedTest, BackupsNeitherHoldNorReplaceWhatIsMounted) {
  ASSERT_EQ(at(finish("create_backup", R"({"backupId":"before"})"), "data.success"), "true");
  mountFolder();
  const Json made = finish("create_backup", R"({"backupId":"b"})");
  EXPECT_EQ(at(made, "data.error.code"), "PATH_FORBIDDEN") << made.write();
  EXPECT_EQ(fs::exists(agent_.backups() + "/a/b.tar.zst"), false);
  const Json restored = finish("restore_backup", R"({"backupId":"before"})");
  EXPECT_EQ(at(restored, "data.error.code"), "PATH_FORBIDDEN") << restored.write();
  EXPECT_TRUE(fs::exists(agent_.root() + "/folder/in/mounted/secret"));
  expectUntouched("a restore");
  mounts_.clear();
  EXPECT_EQ(at(finish("restore_backup", R"({"backupId":"before"})"), "data.success"), "true");
}

TEST_F(MountedTest, AServerThatIsDeletedTakesNothingOfItAlong) {
  mountFolder();
  const Json end = finish("delete_server", R"({"removeData":true})");
  EXPECT_THAT(at(end, "data.error.message"), testing::HasSubstr("unmount it first")) << end.write();
  expectUntouched("a removal");
}

}  // namespace
}  // namespace agent
