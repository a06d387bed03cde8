// What backups hold of odd trees, and what becomes of it.

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/backup.h"
#include "agent/files/unpack.h"
#include "unit/agent/files/backup_fixture.h"
#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A server could make itself one that has no backups.
TEST_F(Backups, OfAThousandLevelsComeBack) {
  makeDeep(999);
  std::string bottom = path("deep");
  for (int i = 0; i < 998; ++i) bottom += "/d";
  ASSERT_EQ(::chmod((bottom + "/s").c_str(), 0555), 0);
  const Json made = create(R"({"backupId":"b"})");
  ASSERT_EQ(at(made, "data.success"), "true") << made.write();
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"deep"})")), "ok");
  const Json restored = finish("restore_backup", R"({"backupId":"b"})");
  ASSERT_EQ(at(restored, "data.success"), "true") << restored.write();
  EXPECT_EQ(at(restored, "data.result.entries"), at(made, "data.result.entries"));
  EXPECT_EQ(readFileAt(bottom + "/z"), "998");
  EXPECT_EQ(fs::status(bottom + "/s").permissions(), fs::perms(0555));
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"deep"})")), "ok");
}

/// What would pass the server's limit is not unpacked first; holes may say what they want.
class RestoreWithinALimit : public Backups {
 protected:
  static constexpr std::int64_t kMebibyte = 1 << 20;

  RestoreWithinALimit() {
    writeFileAt(path("one"), std::string(8 * kMebibyte, 'x'));
    writeFileAt(path("another"), std::string(8 * kMebibyte, 'y'));
    fs::resize_file((writeFileAt(path("sparse"), "begin"), path("sparse")), kMebibyte << 10);
    EXPECT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
    for (const char* name : {"one", "another", "sparse"}) fs::remove(path(name));
  }

  /// Why it is refused, with at most `content` bytes unpacked, and nothing left of them.
  std::string restore(std::int64_t limit, std::int64_t content, const std::string& id = "b") {
    files::Backups backups(agent_.backups(), "a");
    const fs::path data_dir = fs::path(agent_.root()).parent_path();
    const std::string data = data_dir.string();
    std::int64_t unpacked = 0;
    files::ArchiveWork work;
    work.progress = [&](const files::ArchiveProgress& progress) { unpacked = progress.bytes; };
    const std::string why =
        refused([&] { backups.restore(id, placeIn(data, limit), work, [](int) {}); });
    EXPECT_LE(unpacked, content);
    EXPECT_EQ(fs::exists(path("one")), why.empty());
    for (const fs::directory_entry& entry : fs::directory_iterator(data_dir))
      EXPECT_THAT(entry.path().filename().string(), testing::Not(HasSubstr("restoring")));
    return why;
  }
};

TEST_F(RestoreWithinALimit, IsRefusedAtOnceByWhatWasWrittenDown) {
  EXPECT_THAT(restore(16 * kMebibyte, 0), testing::StartsWith("DISK_FULL"));
  EXPECT_EQ(restore(20 * kMebibyte, INT64_MAX), "");
}

TEST_F(RestoreWithinALimit, EndsAsSoonAsItIsPassed) {
  // As those before this agent's wrote it.
  const std::string info = agent_.backups() + "/a/b.info";
  std::string text = readFileAt(info);
  const std::size_t begin = text.find("taken=");
  ASSERT_NE(begin, std::string::npos);
  writeFileAt(info, text.erase(begin, text.find('\n', begin) + 1 - begin));
  // The holes come out as well, and count for nothing.
  EXPECT_THAT(restore(2 * kMebibyte, (kMebibyte << 10) + 3 * kMebibyte),
              testing::StartsWith("DISK_FULL"));
  EXPECT_THAT(restore(12 * kMebibyte, (kMebibyte << 10) + 13 * kMebibyte),
              testing::StartsWith("DISK_FULL"));
  EXPECT_EQ(restore(20 * kMebibyte, INT64_MAX), "");
}

/// What was set aside for it is not in the backup.
TEST_F(RestoreWithinALimit, CountsNothingThatWasSetAside) {
  const Descriptor file(::open(path("one").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  ASSERT_EQ(::posix_fallocate(file.get(), 0, 64 * kMebibyte), 0);
  ASSERT_EQ(::pwrite(file.get(), "x", 1, 0), 1);
  ASSERT_EQ(at(create(R"({"backupId":"c"})"), "data.success"), "true");
  fs::remove(path("one"));
  EXPECT_EQ(restore(kMebibyte, INT64_MAX, "c"), "");
}

TEST_F(Backups, FoldersThatNobodyMayWriteToComeBackWithAllInThem) {
  for (const char* name : {"a", "a/b", "a/b/c", "a/d", "e"}) fs::create_directory(path(name));
  for (const char* name : {"a/b/c/f", "a/b/f", "a/d/f", "a/f", "e/f"})
    writeFileAt(path(name), name);
  for (const char* name : {"a/b/c", "a/b", "a", "e"}) ::chmod(path(name).c_str(), 0555);
  ASSERT_EQ(at(create(R"({"backupId":"b"})"), "data.success"), "true");
  for (const char* name : {"a", "a/b", "a/b/c", "e"}) ::chmod(path(name).c_str(), 0755);
  fs::remove_all(path("a"));
  fs::remove_all(path("e"));
  ASSERT_EQ(at(finish("restore_backup", R"({"backupId":"b"})"), "data.success"), "true");
  for (const char* name : {"a", "a/b", "a/b/c", "e"})
    EXPECT_EQ(fs::status(path(name)).permissions(), fs::perms(0555)) << name;
  EXPECT_EQ(fs::status(path("a/d")).permissions(), fs::perms(0755));
  for (const char* name : {"a/b/c/f", "a/b/f", "a/d/f", "a/f", "e/f"})
    EXPECT_EQ(readFileAt(path(name)), name);
  for (const char* name : {"a", "a/b", "a/b/c", "e"}) ::chmod(path(name).c_str(), 0755);
}

/// An archive that says of some names twice what they are.
class NamedTwice : public Backups {
 protected:
  NamedTwice() : archive_(::memfd_create("archive", MFD_CLOEXEC)) {
    files::ArchiveWriter writer(
        files::ArchiveFormat::kTarZst, [&](const void* bytes, std::size_t size) {
          ASSERT_EQ(::write(archive_.get(), bytes, size), static_cast<ssize_t>(size));
        });
    addFile(writer, "file", "older");
    addFile(writer, "file", "newer");
    fs::create_symlink("older", path("link"));
    writer.addSymlink("link", statusOf(path("link")), "older");
    writer.addSymlink("link", statusOf(path("link")), "newer");
    writer.addDirectory("becomes-a-file", statusOf(path("")));
    addFile(writer, "becomes-a-file/inner", "");
    addFile(writer, "becomes-a-file", "newer");
    addFile(writer, "becomes-a-folder", "older");
    addFile(writer, "becomes-a-folder/inner", "newer");
    writer.finish();
    ::lseek(archive_.get(), 0, SEEK_SET);
    fs::create_directory(path("out"));
  }

  std::string unpack(files::UnpackLinks links) {
    const Descriptor to(::open(path("out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    return refused([&] {
      files::unpack(
          archive_.get(), "it", to.get(), {}, [](int, const files::ArchiveEntry&) {}, links);
    });
  }
  std::string unpacked(const std::string& name) const { return readFileAt(path("out/" + name)); }

 private:
  static struct stat statusOf(const std::string& name) {
    struct stat status {};
    EXPECT_EQ(::lstat(name.c_str(), &status), 0);
    return status;
  }
  void addFile(files::ArchiveWriter& writer, const char* name, const std::string& content) const {
    writeFileAt(path("content"), content);
    const Descriptor file(::open(path("content").c_str(), O_RDONLY | O_CLOEXEC));
    writer.addFile(name, statusOf(path("content")), file.get(), [](std::size_t) {});
  }

  Descriptor archive_;
};

/// As it happens where a server exchanges files while the backup of them is made.
TEST_F(NamedTwice, InABackupTheLaterOneIsTheNewer) {
  EXPECT_EQ(unpack(files::UnpackLinks::kMake), "");
  EXPECT_EQ(unpacked("file"), "newer");
  EXPECT_EQ(fs::read_symlink(path("out/link")), "newer");
  EXPECT_EQ(unpacked("becomes-a-file"), "newer");
  EXPECT_EQ(unpacked("becomes-a-folder/inner"), "newer");
}

TEST_F(NamedTwice, InAnotherArchiveItIsRefused) {
  EXPECT_THAT(unpack(files::UnpackLinks::kSkip), HasSubstr("names 'file' twice"));
}

}  // namespace
}  // namespace agent
