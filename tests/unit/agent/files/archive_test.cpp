// Archives: what goes in comes out, and what is hostile leaves everything as it was.

#include <archive.h>
#include <archive_entry.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <array>
#include <cstdio>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/merge.h"
#include "agent/files/unpack.h"
#include "unit/agent/files/crafted_archives.h"
#include "unit/agent/files/file_agent.h"
#include "unit/agent/protocol/refused.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using namespace crafted;
using testing::HasSubstr;

class Archives : public testing::Test {
 protected:
  Archives() {
    writeFileAt(path("kept"), "kept");
    before_ = tree();
  }

  std::string path(const std::string& name) const { return agent_.root() + '/' + name; }
  /// Everything in the server's directory but archives.
  std::string tree() const {
    std::vector<std::string> lines;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(agent_.root())) {
      const std::string name = entry.path().string().substr(agent_.root().size());
      if (name.starts_with("/evil.") || name.starts_with("/big")) continue;
      lines.push_back(name + (entry.is_regular_file() ? ' ' + readFileAt(entry.path()) : "/"));
    }
    std::sort(lines.begin(), lines.end());
    std::string all;
    for (const std::string& line : lines) all += line + '\n';
    return all;
  }
  Json extract(const std::string& name, const std::string& more = "") {
    return agent_.ask("extract_archive", R"({"path":")" + name + '"' + more + "}");
  }
  /// Why evil.tar is refused; empty: it is not.
  std::string unpackWith(const files::ArchiveLimits& limits) {
    const Descriptor archive(::open(path("evil.tar").c_str(), O_RDONLY | O_CLOEXEC));
    fs::create_directory(path("evil.out"));
    const Descriptor to(::open(path("evil.out").c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    const files::ArchiveWork work{.limits = limits};
    const std::string why = refused([&] {
      files::unpack(archive.get(), "/evil.tar", to.get(), work,
                    [](int, const files::ArchiveEntry&) {});
    });
    fs::remove_all(path("evil.out"));
    return why;
  }
  /// Extracts and expects to be refused with everything as it was.
  void expectRefused(const std::string& name, const std::string& code) {
    const Json refused = extract(name);
    EXPECT_EQ(outcome(refused), code) << refused.write();
    EXPECT_EQ(tree(), before_) << name;
    EXPECT_EQ(agent_.fingerprintOfOutside(), outside_before_) << name;
  }

  FileAgent agent_;
  std::string before_;
  const std::string outside_before_ = agent_.fingerprintOfOutside();
};

TEST_F(Archives, BringBackWhatWentIn) {
  fs::create_directories(path("world/region/empty"));
  writeFileAt(path("world/region/r.0.0"), std::string(300'000, 'r'));
  writeFileAt(path("world/Gr\xC3\xBC\xC3\x9F"
                   "e \xF0\x9F\x8E\xAE"),
              "hello");
  writeFileAt(path("world/run.sh"), "#!/bin/sh");
  ASSERT_EQ(::chmod(path("world/run.sh").c_str(), 0755), 0);
  fs::create_symlink("/etc/passwd", path("world/link"));
  for (const char* format : {"zip", "tar", "tar.gz", "tar.zst"}) {
    const std::string name = std::string("evil.") + format;
    const Json made =
        agent_.ask("create_archive", R"({"path":"world","destination":")" + name + "\"}");
    ASSERT_EQ(outcome(made), "ok") << made.write();
    EXPECT_EQ(at(made, "data.skipped"), "1") << format;
    EXPECT_EQ(at(made, "data.size"), std::to_string(fs::file_size(path(name))));
    const Json out = extract(name, R"(,"destination":"out")");
    ASSERT_EQ(outcome(out), "ok") << out.write();
    EXPECT_EQ(readFileAt(path("out/world/region/r.0.0")), std::string(300'000, 'r')) << format;
    EXPECT_EQ(readFileAt(path("out/world/Gr\xC3\xBC\xC3\x9F"
                              "e \xF0\x9F\x8E\xAE")),
              "hello")
        << format;
    EXPECT_TRUE(fs::is_directory(path("out/world/region/empty"))) << format;
    EXPECT_TRUE((fs::status(path("out/world/run.sh")).permissions() & fs::perms::owner_exec) !=
                fs::perms::none)
        << format;
    fs::remove_all(path("out"));
  }
}

/// Megabytes that are kept in memory, in a few kilobytes.
TEST_F(Archives, RefuseDescriptionsWithoutEnd) {
  craftHoles(path("evil.tar.zst"), 100'000);
  ASSERT_LT(fs::file_size(path("evil.tar.zst")), 200'000U);

  expectRefused("evil.tar.zst", "FILE_TOO_LARGE");
}

TEST_F(Archives, NameFilesRelativeToADirectory) {
  fs::create_directories(path("a/b"));
  writeFileAt(path("a/b/one"), "1");
  writeFileAt(path("a/b/two"), "2");
  ASSERT_EQ(outcome(agent_.ask("create_archive",
                               R"({"directory":"a/b","files":["one"],"destination":"evil.zip"})")),
            "ok");
  ASSERT_EQ(outcome(extract("evil.zip", R"(,"destination":"out/in")")), "ok");
  EXPECT_EQ(readFileAt(path("out/in/one")), "1");
  EXPECT_FALSE(fs::exists(path("out/in/two")));
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
  const std::string zeros(32 * 1024 * 1024, '\0');
  writeFileAt(path("big"), zeros);
  ASSERT_EQ(outcome(agent_.ask("create_archive", R"({"path":"big","destination":"evil.zip"})")),
            "ok");
  ASSERT_LT(fs::file_size(path("evil.zip")), zeros.size() / 200);
  expectRefused("evil.zip", "FILE_TOO_LARGE");
  craft(path("evil.tar"),
        {{.path = "sparse", .content = "end", .size = std::int64_t{1} << 60, .sparse = true}});
  expectRefused("evil.tar", "FILE_TOO_LARGE");
  craft(path("evil.tar"),
        {{.path = "sparse", .content = "end", .size = std::int64_t{1} << 34, .sparse = true}});
  expectRefused("evil.tar", "FILE_TOO_LARGE");
  std::string deep;
  for (int i = 0; i < 33; ++i) deep += "d/";
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

}  // namespace
}  // namespace agent
