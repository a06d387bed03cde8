// Archives of any origin: what is hostile leaves everything as it was.

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <filesystem>
#include <map>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/merge.h"
#include "unit/agent/files/archive_fixture.h"
#include "unit/agent/files/crafted_archives.h"
#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using namespace crafted;
using testing::HasSubstr;

TEST_F(Archives, SayThatANameCannotBeRead) {
  craft(path("evil.zip"), {{.path = "fine", .content = "f"}, {.path = "wr\xC3\xB6ng"}}, true);
  std::string bytes = readFileAt(path("evil.zip"));
  for (std::size_t found = 0; (found = bytes.find("wr\xC3\xB6ng", found)) != std::string::npos;) {
    bytes[found + 2] = '\xFF';
    // The flag that says that it is UTF-8, of the local header and of the directory's.
    const bool local = bytes.compare(found - 30, 4, "PK\3\4") == 0;
    bytes[local ? found - 30 + 7 : found - 46 + 9] |= '\x08';
  }
  writeFileAt(path("evil.zip"), bytes);
  expectRefused("evil.zip", "PATH_FORBIDDEN");
  EXPECT_THAT(at(extract("evil.zip"), "error.message"), HasSubstr("entry 2"));
  EXPECT_THAT(at(extract("evil.zip"), "error.message"), HasSubstr("cannot be read"));
}

TEST_F(Archives, KeepThePermissionsOfDirectories) {
  ASSERT_EQ(::chmod(agent_.root().c_str(), 0755), 0);  // else all that is new is open to all
  craft(path("evil.tar"), {{.path = "r", .type = AE_IFDIR, .permissions = 0555},
                           {.path = "r/in", .type = AE_IFDIR, .permissions = 0555},
                           {.path = "r/in/f", .content = "f"},
                           {.path = "none", .type = AE_IFDIR, .permissions = 0},
                           {.path = "r/late", .content = "late"}});
  ASSERT_EQ(outcome(extract("evil.tar", R"(,"destination":"out")")), "ok");
  // An agent that is not root could not move them.
  const bool root = ::geteuid() == 0;
  EXPECT_EQ(fs::status(path("out/r")).permissions(), fs::perms(root ? 0555 : 0755));
  EXPECT_EQ(fs::status(path("out/r/in")).permissions(), fs::perms(root ? 0555 : 0755));
  EXPECT_EQ(fs::status(path("out/none")).permissions(), fs::perms(root ? 0 : 0700));
  EXPECT_EQ(readFileAt(path("out/r/in/f")), "f");
  EXPECT_EQ(readFileAt(path("out/r/late")), "late");
}

/// Megabytes that are kept in memory, in a few kilobytes.
TEST_F(Archives, RefuseDescriptionsWithoutEnd) {
  craftHoles(path("evil.tar.zst"), 100'000);
  ASSERT_LT(fs::file_size(path("evil.tar.zst")), 200'000U);

  expectRefused("evil.tar.zst", "FILE_TOO_LARGE");
}

TEST_F(Archives, TakeThePlaceOfFilesUnlessTheyMustNot) {
  craft(path("evil.tar"),
        {{.path = "kept", .content = "new"}, {.path = "d/other", .content = "o"}});
  EXPECT_EQ(outcome(extract("evil.tar", R"(,"overwrite":false)")), "FILE_EXISTS");
  EXPECT_EQ(tree(), before_);
  EXPECT_EQ(outcome(extract("evil.tar")), "ok");
  EXPECT_EQ(readFileAt(path("kept")), "new");
  EXPECT_EQ(readFileAt(path("d/other")), "o");
}

TEST_F(Archives, RefuseNamesThatLeadElsewhere) {
  const std::string long_name(200, 'x');
  for (const std::string& name : {std::string("../evil"), std::string("a/../../evil"),
                                  std::string("/tmp/evil"), std::string(".."), "../" + long_name,
                                  std::string(".ctrl-alt-play/x"), agent_.outside() + "/secret"}) {
    for (const bool zip : {false, true}) {
      craft(path("evil.arc"), {{.path = "fine", .content = "f"}, {.path = name, .content = "e"}},
            zip);
      expectRefused("evil.arc", "PATH_FORBIDDEN");
    }
  }
}

TEST_F(Archives, WriteThroughNoLink) {
  craft(path("evil.tar"), {{.path = "link", .type = AE_IFLNK, .link = agent_.outside()},
                           {.path = "link/secret", .content = "evil"}});
  const Json out = extract("evil.tar", R"(,"destination":"out")");
  EXPECT_EQ(outcome(out), "ok");
  EXPECT_EQ(at(out, "data.skipped"), "1");
  EXPECT_FALSE(fs::is_symlink(path("out/link")));
  EXPECT_EQ(readFileAt(path("out/link/secret")), "evil");
  EXPECT_EQ(agent_.fingerprintOfOutside(), outside_before_);
  // The server itself laid a link where the archive has a directory.
  fs::remove_all(path("out/link"));
  fs::create_symlink(agent_.outside(), path("out/link"));
  EXPECT_EQ(outcome(extract("evil.tar", R"(,"destination":"out")")), "NOT_A_DIRECTORY");
  EXPECT_EQ(agent_.fingerprintOfOutside(), outside_before_);
}

TEST_F(Archives, SkipHardLinksAndDevices) {
  craft(path("evil.tar"), {{.path = "hard", .hard_link = "kept"},
                           {.path = "outer", .hard_link = "../ab/secret"},
                           {.path = "fifo", .type = AE_IFIFO},
                           {.path = "device", .type = AE_IFCHR}});
  const Json out = extract("evil.tar");
  EXPECT_EQ(at(out, "data.skipped"), "4") << out.write();
  EXPECT_EQ(tree(), before_);
}

TEST_F(Archives, DropSetIdBits) {
  craft(path("evil.tar"), {{.path = "suid", .content = "x", .permissions = 06755}});
  ASSERT_EQ(outcome(extract("evil.tar")), "ok");
  struct stat status {};
  ASSERT_EQ(::stat(path("suid").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07000, 0U);
}

TEST_F(Archives, RefuseOneNameForTwoThings) {
  craft(path("evil.tar"), {{.path = "f", .content = "1"}, {.path = "./f", .content = "2"}});
  expectRefused("evil.tar", "INVALID_PAYLOAD");
  craft(path("evil.tar"), {{.path = "f", .content = "1"}, {.path = "f/g", .content = "2"}});
  expectRefused("evil.tar", "INVALID_PAYLOAD");
  craft(path("evil.tar"), {{.path = "d", .type = AE_IFDIR}, {.path = "d/", .type = AE_IFDIR}});
  EXPECT_EQ(outcome(extract("evil.tar")), "ok");
}

TEST_F(Archives, RefuseBombs) {
  craft(path("evil.tar"), {{.path = "zeros", .content = std::string(32 << 20, '\0')}}, true);
  ASSERT_LT(fs::file_size(path("evil.tar")), (32U << 20) / 200);
  EXPECT_EQ(unpackWith({}), "");
  EXPECT_THAT(unpackWith({.ratio_from = 10 << 20}), HasSubstr("FILE_TOO_LARGE"));
  EXPECT_THAT(unpackWith({.ratio = 2000, .ratio_from = 1 << 20}), "");
  craft(path("evil.tar"),
        {{.path = "sparse", .content = "end", .size = std::int64_t{1} << 60, .sparse = true}});
  expectRefused("evil.tar", "FILE_TOO_LARGE");
  craft(path("evil.tar"),
        {{.path = "sparse", .content = "end", .size = std::int64_t{1} << 37, .sparse = true}});
  expectRefused("evil.tar", "FILE_TOO_LARGE");
  std::string deep;
  for (int i = 0; i < 64; ++i) deep += "d/";
  craft(path("evil.tar"), {{.path = deep + 'f', .content = "x"}});
  expectRefused("evil.tar", "FILE_TOO_LARGE");
}

TEST_F(Archives, RefuseADirectoryOfEntriesThatTakesTooMuch) {
  const auto little = [](std::uint64_t value, int bytes) {
    std::string text;
    for (int i = 0; i < bytes; ++i) text += static_cast<char>(value >> (8 * i) & 0xFF);
    return text;
  };
  std::string directory;
  const std::string name(60'000, 'n');
  while (directory.size() < 40U * 1024 * 1024)
    directory +=
        "PK\1\2" + std::string(24, '\0') + little(name.size(), 2) + std::string(16, '\0') + name;
  writeFileAt(path("evil.zip"), "PK\3\4" + directory + "PK\5\6" + little(0, 4) + little(9, 2) +
                                    little(9, 2) + little(directory.size(), 4) + little(4, 4) +
                                    little(0, 2));
  expectRefused("evil.zip", "FILE_TOO_LARGE");
}

TEST_F(Archives, CountWhatLiesInEntriesThatAreNoFiles) {
  const std::string size(2 << 20, 'x');
  for (const char type : {'1', '2', '3', '5'}) {
    writeFileAt(path("evil.tar"), tarHeader("pax", 'x', 16) + padded("16 size=2097152\n") +
                                      tarHeader("entry", type, 0) + size + std::string(1024, '\0'));
    EXPECT_EQ(unpackWith({.bytes = 3 << 20}), "") << type;
    EXPECT_THAT(unpackWith({.bytes = 1 << 20}), HasSubstr("FILE_TOO_LARGE")) << type;
  }
}

TEST_F(Archives, RefuseWrongChecksums) {
  craft(path("evil.zip"), {{.path = "fine", .content = "f"}, {.path = "wrong", .content = "w"}},
        true);
  std::string bytes = readFileAt(path("evil.zip"));
  const std::size_t entry = bytes.rfind("PK\1\2");
  ASSERT_NE(entry, std::string::npos);
  bytes[entry + 16] = static_cast<char>(bytes[entry + 16] ^ 1);
  writeFileAt(path("evil.zip"), bytes);
  expectRefused("evil.zip", "INVALID_PAYLOAD");
}

TEST_F(Archives, RefuseToJoinTreesDeeperThanTheyMayBe) {
  for (const char* side : {"evil.from", "evil.to"}) {
    fs::path deep = path(side);
    for (int i = 0; i < 70; ++i) deep /= "d";
    fs::create_directories(deep);
  }
  const Descriptor from(::open(path("evil.from").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Descriptor to(::open(path("evil.to").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  EXPECT_THAT(refused([&] { files::merge(from.get(), to.get(), true, "/to"); }),
              HasSubstr("deeper than 64 levels"));
}

/// What can go wrong when the check has let it pass, as a disk that fills up.
TEST_F(Archives, ThatCannotBeMovedInWhollyLeaveWhatWasThere) {
  const uid_t self = ::geteuid();
  const uid_t user = self == 0 ? 65534 : self;
  const auto lay = [&](const std::string& side, const std::string& content, bool all) {
    for (const char* folder : {"/a", "/a/b", "/m", "/z"}) fs::create_directories(side + folder);
    for (int i = 0; i < 20; ++i) {
      const std::string name = std::to_string(i);
      for (const char* folder : {"/", "/a/", "/a/b/", "/m/", "/z/"})
        if (all || i % 2 == 0) writeFileAt(side + folder + name, content);
    }
  };
  lay(path("evil.to"), "before", false);
  lay(path("evil.from"), "after", true);
  for (const char* side : {"evil.to", "evil.from"}) {
    ASSERT_EQ(::lchown(path(side).c_str(), user, static_cast<gid_t>(-1)), 0);
    for (const auto& entry : fs::recursive_directory_iterator(path(side)))
      ASSERT_EQ(::lchown(entry.path().c_str(), user, static_cast<gid_t>(-1)), 0);
  }
  ASSERT_EQ(::chmod(path("evil.to/m").c_str(), 0555), 0);
  const auto contents = [&] {
    std::map<std::string, std::string> found;
    for (const auto& entry : fs::recursive_directory_iterator(path("evil.to")))
      if (entry.is_regular_file()) found[entry.path()] = readFileAt(entry.path());
    return found;
  };
  const auto before = contents();
  ASSERT_EQ(before.size(), 50U);
  const Descriptor from(::open(path("evil.from").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const Descriptor to(::open(path("evil.to").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::seteuid(user), 0);
  const std::string refusal = refused([&] { files::merge(from.get(), to.get(), true, "/to"); });
  ASSERT_EQ(::seteuid(self), 0);
  EXPECT_THAT(refusal, HasSubstr("PERMISSION_DENIED"));
  EXPECT_EQ(contents(), before);

  ASSERT_EQ(::chmod(path("evil.to/m").c_str(), 0755), 0);
  files::merge(from.get(), to.get(), true, "/to");
  const auto after = contents();
  EXPECT_EQ(after.size(), 100U);
  for (const auto& [name, content] : after) EXPECT_EQ(content, "after") << name;
}

TEST_F(Archives, RefuseMoreEntriesAndBytesThanAreAllowed) {
  craft(path("evil.tar"), {{.path = "1"}, {.path = "2"}, {.path = "3", .content = "123456"}});
  EXPECT_EQ(unpackWith({}), "");
  EXPECT_EQ(unpackWith({.entries = 3, .bytes = 6}), "");
  EXPECT_THAT(unpackWith({.entries = 2}), HasSubstr("FILE_TOO_LARGE"));
  EXPECT_THAT(unpackWith({.bytes = 5}), HasSubstr("FILE_TOO_LARGE"));
}

TEST_F(Archives, RefuseWhatIsDamagedOrNone) {
  writeFileAt(path("evil.txt"), "this is no archive, whatever it is called");
  expectRefused("evil.txt", "INVALID_PAYLOAD");
  writeFileAt(path("evil.zip"), "");
  const std::string empty = outcome(extract("evil.zip"));
  EXPECT_TRUE(empty == "ok" || empty == "INVALID_PAYLOAD") << empty;
  std::string noise;
  for (int i = 0; i < 100'000; ++i) noise += static_cast<char>(i * 7919 >> 5);
  writeFileAt(path("big"), noise);
  for (const char* format : {"zip", "tar.gz", "tar.zst", "tar"}) {
    const std::string name = std::string("evil.") + format;
    ASSERT_EQ(
        outcome(agent_.ask("create_archive", R"({"path":"big","destination":")" + name + "\"}")),
        "ok");
    fs::resize_file(path(name), fs::file_size(path(name)) / 2);
    expectRefused(name, "INVALID_PAYLOAD");
  }
}

TEST_F(Archives, AFullDiskLeavesWhatWasThere) {
  const std::string noise = readFileAt("/proc/self/exe").substr(0, 200'000);
  writeFileAt(path("big"), noise);
  ASSERT_EQ(outcome(agent_.ask("create_archive", R"({"path":"big","destination":"evil.tar"})")),
            "ok");
  fs::remove(path("big"));
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{50'000, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string extracted = outcome(extract("evil.tar"));
  const std::string made = outcome(
      agent_.ask("create_archive", R"({"path":"evil.tar","destination":"kept","format":"tar"})"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(extracted, "DISK_FULL");
  EXPECT_EQ(made, "DISK_FULL");
  EXPECT_EQ(tree(), before_);
}

TEST_F(Archives, TellHowFarTheyAreAndCanBeCancelled) {
  fs::resize_file((writeFileAt(path("big"), "x"), path("big")), std::uintmax_t{60} << 30);
  const std::string id =
      agent_.send("create_archive", R"({"path":"big","destination":"evil.zip"})");
  const auto told = [&] { return !agent_.events("archive_progress").empty(); };
  while (!told()) std::this_thread::yield();
  const Json cancelled = agent_.ask("cancel_operation", R"({"commandId":")" + id + "\"}");
  EXPECT_EQ(at(cancelled, "data.cancelled"), "true") << cancelled.write();
  EXPECT_EQ(outcome(agent_.response(id)), "INVALID_STATE");
  EXPECT_EQ(at(agent_.events("archive_progress").front(), "data.commandId"), id);
  EXPECT_EQ(at(agent_.ask("cancel_operation", R"({"commandId":")" + id + "\"}"), "data.cancelled"),
            "false");
  EXPECT_EQ(tree(), before_);
}

class LargeArchives : public Archives {
 protected:
  static constexpr int kMembers = 30'000;

  void craftMany() {
    std::vector<Member> members;
    for (int i = 0; i < kMembers; ++i)
      members.push_back({.path = "many/" + std::to_string(i), .content = "x"});
    craft(path("evil.tar"), members);
  }
  /// Milliseconds between two messages that came on one day.
  static std::int64_t between(const Json& one, const Json& next) {
    const auto since = [](const Json& message) {
      const std::string time = at(message, "timestamp");  // 2026-11-30T16:59:49.286Z
      const auto digits = [&](std::size_t from, std::size_t count) {
        return std::stoll(time.substr(from, count));
      };
      return ((digits(11, 2) * 60 + digits(14, 2)) * 60 + digits(17, 2)) * 1000 + digits(20, 3);
    };
    constexpr std::int64_t kDay = std::int64_t{24} * 3600 * 1000;
    return (since(next) - since(one) + kDay) % kDay;
  }
};

TEST_F(LargeArchives, TellWhichPartOfThemIsUnpacked) {
  craftMany();
  ASSERT_EQ(outcome(extract("evil.tar")), "ok");
  const std::vector<Json> told = agent_.events("archive_progress");
  ASSERT_GE(told.size(), 2U);
  for (const Json& event : told) {
    const double part = 100.0 * std::stod(at(event, "data.entries")) / kMembers;
    EXPECT_NEAR(std::stod(at(event, "data.percentage")), part, 5) << event.write();
  }
}

TEST_F(LargeArchives, ThatAreCancelledLeaveNothing) {
  craftMany();
  const std::string id = agent_.send("extract_archive", R"({"path":"evil.tar"})");
  while (agent_.events("archive_progress").empty()) std::this_thread::yield();
  const Json cancelled = agent_.ask("cancel_operation", R"({"commandId":")" + id + "\"}");
  EXPECT_EQ(at(cancelled, "data.cancelled"), "true") << cancelled.write();
  EXPECT_EQ(outcome(agent_.response(id)), "INVALID_STATE");
  EXPECT_TRUE(tree() == before_);  // neither is short enough to be shown
}

TEST_F(LargeArchives, AreToldOfFourTimesASecondAtMost) {
  fs::resize_file((writeFileAt(path("big"), "x"), path("big")), std::uintmax_t{60} << 30);
  const std::string id =
      agent_.send("create_archive", R"({"path":"big","destination":"evil.zip"})");
  while (agent_.events("archive_progress").size() < 4) std::this_thread::yield();
  agent_.ask("cancel_operation", R"({"commandId":")" + id + "\"}");
  const std::vector<Json> told = agent_.events("archive_progress");
  for (std::size_t i = 1; i < told.size(); ++i)
    EXPECT_GE(between(told[i - 1], told[i]), 230) << told[i].write();
}

}  // namespace
}  // namespace agent
