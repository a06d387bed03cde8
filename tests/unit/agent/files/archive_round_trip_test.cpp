// Archives that the agent makes: extract_archive takes each of them.

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/archive.h"
#include "unit/agent/files/archive_fixture.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

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

TEST_F(Archives, BringBackWhatCompressesWell) {
  writeFileAt(path("big"), std::string(60 << 20, '\0'));
  for (const char* format : {"zip", "tar.gz", "tar.zst"}) {
    const std::string name = std::string("evil.") + format;
    ASSERT_EQ(
        outcome(agent_.ask("create_archive", R"({"path":"big","destination":")" + name + "\"}")),
        "ok");
    const Json out = extract(name);
    EXPECT_EQ(outcome(out), "ok") << out.write();
    EXPECT_EQ(fs::file_size(path("big")), 60U << 20) << format;
  }
}

/// What one says is an archive bomb, the other does not make.
TEST_F(Archives, RefuseToMakeABomb) {
  writeFileAt(path("big"), std::string(8 << 20, '\0'));
  const auto root = files::ServerRoot::open(fs::path(agent_.root()).parent_path().string(), "a");
  const auto make = [&](const std::string& from, files::ArchiveFormat format) {
    return refused([&] {
      files::createArchive(root, files::CheckedPath::root(), {files::CheckedPath::parse(from)},
                           files::CheckedPath::parse("evil.tar"), format, {},
                           {.limits = {.ratio_from = 4 << 20}});
    });
  };
  for (const auto format : {files::ArchiveFormat::kZip, files::ArchiveFormat::kTarZst}) {
    EXPECT_THAT(make("big", format), HasSubstr("FILE_TOO_LARGE"));
    EXPECT_FALSE(fs::exists(path("evil.tar")));
  }
  EXPECT_EQ(make("big", files::ArchiveFormat::kTar), "");
  // Holes take nothing where they are kept.
  fs::resize_file((writeFileAt(path("big.hole"), "x"), path("big.hole")), 8 << 20);
  EXPECT_THAT(make("big.hole", files::ArchiveFormat::kZip), HasSubstr("FILE_TOO_LARGE"));
  EXPECT_EQ(make("big.hole", files::ArchiveFormat::kTarGz), "");
  EXPECT_EQ(unpackWith({.ratio_from = 4 << 20}), "");
}

TEST_F(Archives, HoldWhatIsNamedTwiceOnce) {
  fs::create_directories(path("p/q"));
  writeFileAt(path("p/q/r.txt"), "r");
  writeFileAt(path("p.txt"), "p");
  const Json made = agent_.ask("create_archive", R"({"paths":["p.txt","p/q/r.txt","p","p/q","p",)"
                                                 R"("p.txt"],"destination":"evil.zip"})");
  EXPECT_EQ(at(made, "data.entries"), "4") << made.write();
  const Json out = extract("evil.zip", R"(,"destination":"out")");
  ASSERT_EQ(outcome(out), "ok") << out.write();
  EXPECT_EQ(readFileAt(path("out/p/q/r.txt")), "r");
  EXPECT_EQ(readFileAt(path("out/p.txt")), "p");
}

TEST_F(Archives, GoAsDeepOnTheWayInAsOnTheWayOut) {
  const auto nested = [](int levels) {
    std::string all = "deep";
    for (int i = 1; i < levels; ++i) all += "/d";
    return all;
  };
  fs::create_directories(path(nested(63)));
  writeFileAt(path(nested(63) + "/f"), "f");
  for (const char* name : {"evil.zip", "evil.tar"}) {
    const std::string make = std::string(R"({"path":"deep","destination":")") + name + "\"}";
    ASSERT_EQ(outcome(agent_.ask("create_archive", make)), "ok");
    const Json out = extract(name, R"(,"destination":"out")");
    ASSERT_EQ(outcome(out), "ok") << out.write();
    EXPECT_EQ(readFileAt(path("out/" + nested(63) + "/f")), "f");
    fs::remove_all(path("out"));
  }
  fs::create_directories(path(nested(64)));
  writeFileAt(path(nested(64) + "/f"), "f");
  const Json refused =
      agent_.ask("create_archive", R"({"path":")" + nested(64) + R"(","destination":"evil.tar"})");
  EXPECT_EQ(outcome(refused), "INVALID_PAYLOAD");
  EXPECT_THAT(at(refused, "error.message"), HasSubstr("deeper than 64 levels"));
}

TEST_F(Archives, RefuseToHoldPathsThatCannotBeNamed) {
  std::string deep = "deep";
  fs::create_directory(path(deep));
  const Descriptor top(::open(path(deep).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  Descriptor below(::dup(top.get()));
  for (int i = 0; i < 17; ++i) {
    const std::string name(250, 'n');
    ASSERT_EQ(::mkdirat(below.get(), name.c_str(), 0755), 0);
    below = Descriptor(::openat(below.get(), name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }
  const Json refused = agent_.ask("create_archive", R"({"path":"deep","destination":"evil.tar"})");
  EXPECT_EQ(outcome(refused), "INVALID_PAYLOAD");
  EXPECT_THAT(at(refused, "error.message"), HasSubstr("4096 bytes"));
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"deep"})")), "ok");
}

TEST_F(Archives, KeepNamesThatAreNotUtf8) {
  const std::string name =
      "in/Gr\xFC\xDF"
      "e.txt";
  for (const char* format : {"zip", "tar", "tar.gz", "tar.zst"}) {
    fs::create_directories(path("in/\xE4/\xC3\xA4"));
    writeFileAt(path(name), "hello");
    writeFileAt(path("in/\xE4/\xC3\xA4/f"), "f");
    const std::string archive = std::string("evil.") + format;
    ASSERT_EQ(
        outcome(agent_.ask("create_archive", R"({"path":"in","destination":")" + archive + "\"}")),
        "ok");
    fs::remove_all(path("in"));
    const Json out = extract(archive);
    EXPECT_EQ(outcome(out), "ok") << out.write();
    EXPECT_EQ(readFileAt(path(name)), "hello") << format;
    EXPECT_EQ(readFileAt(path("in/\xE4/\xC3\xA4/f")), "f") << format;
    fs::remove_all(path("in"));
  }
}

TEST_F(Archives, KeepBackslashesInNamesOrRefuseThem) {
  writeFileAt(path("a\\b"), "top");
  fs::create_directories(path("in\\side"));
  writeFileAt(path("in\\side/c\\d"), "below");
  const auto make = [&](const std::string& paths, const std::string& format) {
    return agent_.ask("create_archive",
                      R"({"paths":[)" + paths + R"(],"destination":"evil.)" + format + "\"}");
  };
  const Json refused = make(R"("a\\b")", "zip");
  EXPECT_EQ(outcome(refused), "INVALID_PAYLOAD") << refused.write();
  EXPECT_THAT(at(refused, "error.message"), testing::AllOf(HasSubstr("/a\\b'"), HasSubstr("tar")));
  EXPECT_FALSE(fs::exists(path("evil.zip")));
  ASSERT_EQ(outcome(make(R"("in\\side")", "zip")), "ok");
  ASSERT_EQ(outcome(extract("evil.zip", R"(,"destination":"out")")), "ok");
  EXPECT_EQ(readFileAt(path("out/in\\side/c\\d")), "below");
  ASSERT_EQ(outcome(make(R"("a\\b","in\\side")", "tar")), "ok");
  ASSERT_EQ(outcome(extract("evil.tar", R"(,"destination":"tar")")), "ok");
  EXPECT_EQ(readFileAt(path("tar/a\\b")), "top");
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
  const Json refused =
      agent_.ask("create_archive", R"({"directory":"a/b","path":"kept","destination":"evil.zip"})");
  EXPECT_EQ(outcome(refused), "INVALID_PAYLOAD");
  EXPECT_THAT(at(refused, "error.message"),
              HasSubstr("payload.directory is '/a/b', which '/kept' is not in"));
}

}  // namespace
}  // namespace agent
