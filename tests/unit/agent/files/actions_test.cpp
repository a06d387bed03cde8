// What each action on files does, as a panel sees it.

#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/files/base64.h"
#include "agent/files/digest.h"
#include "unit/agent/files/file_agent_fixture.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FileActions : public OnFilesOfA {
 protected:
  /// Hidden files of the agent itself that are there.
  bool staging() const { return fs::exists(path(".ctrl-alt-play")); }
  std::string names(const std::string& payload) {
    const Json response = agent_.ask("list_files", payload);
    if (outcome(response) != "ok") return outcome(response);
    std::string names;
    for (const Json& file : *response.find("data")->find("files")->elements())
      names += (names.empty() ? "" : " ") + *file.findText("name");
    return names;
  }
};

TEST_F(FileActions, WritesAndReadsText) {
  const Json written =
      agent_.ask("write_file", R"({"path":"/config/server.cfg","content":"name=\u00e9\n"})");
  EXPECT_EQ(at(written, "data.size"), "8") << written.write();
  EXPECT_EQ(at(written, "data.path"), "/config/server.cfg");
  const Json read = agent_.ask("get_file", R"({"path":"config/server.cfg"})");
  EXPECT_EQ(at(read, "data.content"), "name=\xC3\xA9\n");
  EXPECT_EQ(at(read, "data.encoding"), "utf8");
  EXPECT_EQ(at(read, "data.eof"), "true");
  EXPECT_FALSE(staging());
}

TEST_F(FileActions, ReadsWhatIsNoTextAsBase64) {
  writeFileAt(path("binary"), std::string("\xFF\x00\x01", 3));
  const Json read = agent_.ask("read_file", R"({"path":"binary"})");
  EXPECT_EQ(at(read, "data.encoding"), "base64");
  EXPECT_EQ(at(read, "data.content"), "/wAB");
  EXPECT_EQ(outcome(agent_.ask("read_file", R"({"path":"binary","encoding":"utf8"})")),
            "INVALID_PAYLOAD");
  EXPECT_EQ(
      outcome(agent_.ask("write_file", R"({"path":"copy","content":"/wAB","encoding":"base64"})")),
      "ok");
  EXPECT_EQ(readFileAt(path("copy")), std::string("\xFF\x00\x01", 3));
}

TEST_F(FileActions, ReadsWhatIsMostlyControlCharactersAsBase64) {
  writeFileAt(path("zeros"), std::string(500'000, '\0'));
  const Json read = agent_.ask("read_file", R"({"path":"zeros"})");
  EXPECT_EQ(at(read, "data.encoding"), "base64");
  std::string log;
  while (log.size() < 100'000) log += "\x1B[32mINFO\x1B[0m a line of a log with some colour\r\n";
  writeFileAt(path("log"), log);
  EXPECT_EQ(at(agent_.ask("read_file", R"({"path":"log"})"), "data.encoding"), "utf8");
}

TEST_F(FileActions, AnAnswerToASearchIsNoLargerThanAPage) {
  fs::path deep = path("d");
  for (int i = 0; i < 8; ++i) deep /= std::string(200, 'd');
  fs::create_directories(deep);
  for (int i = 0; i < 900; ++i) writeFileAt(deep / ("found" + std::to_string(i)), "");
  const Json found = agent_.ask("search_files", R"({"pattern":"found*","limit":1000})");
  EXPECT_EQ(at(found, "data.complete"), "false");
  EXPECT_GT(found.find("data")->find("files")->elements()->size(), 200U);
  EXPECT_LT(found.write().size(), 1024U * 1024U);
}

TEST_F(FileActions, KeepsNulInText) {
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"nul","content":"a\u0000b"})")), "ok");
  EXPECT_EQ(readFileAt(path("nul")), std::string("a\0b", 3));
}

TEST_F(FileActions, ReplacesAFileAndKeepsItsModeAndOwner) {
  writeFileAt(path("run.sh"), "old and longer than what comes");
  ASSERT_EQ(::chmod(path("run.sh").c_str(), 0751), 0);
  const bool root = ::geteuid() == 0;
  ASSERT_TRUE(!root || ::chown(path("run.sh").c_str(), 1234, 1235) == 0);
  ASSERT_EQ(outcome(agent_.ask("write_file", R"({"path":"run.sh","content":"new"})")), "ok");
  EXPECT_EQ(readFileAt(path("run.sh")), "new");
  struct stat status {};
  ASSERT_EQ(::stat(path("run.sh").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0751U);
  EXPECT_EQ(status.st_uid, root ? 1234U : ::geteuid());
}

TEST_F(FileActions, NewFilesBelongToWhoeverOwnsTheServersDirectory) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  ASSERT_EQ(::chown(agent_.root().c_str(), 1234, 1235), 0);
  ASSERT_EQ(::chmod(agent_.root().c_str(), 0755), 0);
  ASSERT_EQ(outcome(agent_.ask("write_file", R"({"path":"d/f","content":"new"})")), "ok");
  for (const char* name : {"d", "d/f"}) {
    struct stat status {};
    ASSERT_EQ(::stat(path(name).c_str(), &status), 0);
    EXPECT_EQ(status.st_uid, 1234U) << name;
    EXPECT_EQ(status.st_gid, 1235U) << name;
    EXPECT_EQ(status.st_mode & 0777, *name == 'd' && name[1] == '\0' ? 0755U : 0644U) << name;
  }
}

TEST_F(FileActions, NewFilesAreOpenWhereTheServersDirectoryIs) {
  ASSERT_EQ(outcome(agent_.ask("write_file", R"({"path":"d/f","content":"new"})")), "ok");
  EXPECT_EQ(fs::status(path("d/f")).permissions(), fs::perms(0666));
  EXPECT_EQ(fs::status(path("d")).permissions(), fs::perms(0777));
}

TEST_F(FileActions, ACopyOfAFileHasItsMode) {
  writeFileAt(path("run.sh"), "#!/bin/sh");
  ASSERT_EQ(::chmod(path("run.sh").c_str(), 0755), 0);
  ASSERT_EQ(outcome(agent_.ask("copy_file", R"({"source":"run.sh","destination":"copy.sh"})")),
            "ok");
  EXPECT_NE(fs::status(path("copy.sh")).permissions() & fs::perms::owner_exec, fs::perms::none);
}

TEST_F(FileActions, RefusesToWriteWhereItMustNot) {
  fs::create_directory(path("d"));
  writeFileAt(path("f"), "kept");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"d","content":""})")), "IS_A_DIRECTORY");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"/","content":""})")), "PATH_FORBIDDEN");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"f/g","content":""})")), "NOT_A_DIRECTORY");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"f","content":"","overwrite":false})")),
            "FILE_EXISTS");
  EXPECT_EQ(outcome(agent_.ask("write_file",
                               R"({"path":"no/f","content":"","createDirectories":false})")),
            "FILE_NOT_FOUND");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"f"})")), "INVALID_PAYLOAD");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"f","content":7})")), "INVALID_PAYLOAD");
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"content":""})")), "INVALID_PAYLOAD");
  EXPECT_EQ(readFileAt(path("f")), "kept");
  EXPECT_FALSE(fs::exists(path("no")));
}

TEST_F(FileActions, TakesNoMoreThanOneMessageCarries) {
  const std::string most(512 * 1024, 'x');
  EXPECT_EQ(outcome(agent_.ask("write_file", R"({"path":"f","content":")" + most + "\"}")), "ok");
  EXPECT_EQ(outcome(agent_.ask("read_file", R"({"path":"f"})")), "ok");
  const Json refused = agent_.ask("write_file", R"({"path":"f","content":"y)" + most + "\"}");
  EXPECT_EQ(outcome(refused), "FILE_TOO_LARGE");
  EXPECT_THAT(at(refused, "error.message"), HasSubstr("upload_file"));
  EXPECT_EQ(readFileAt(path("f")), most);
  writeFileAt(path("f"), most + 'x');
  EXPECT_EQ(outcome(agent_.ask("read_file", R"({"path":"f"})")), "FILE_TOO_LARGE");
  EXPECT_EQ(at(agent_.ask("read_file", R"({"path":"f","offset":524288})"), "data.length"), "1");
}

TEST_F(FileActions, ListsADirectoryInOrderAndInPages) {
  for (const char* name : {"b", "a", "d", "c"}) writeFileAt(path(name), name);
  fs::create_directory(path("e"));
  EXPECT_EQ(names("{}"), "a b c d e");
  EXPECT_EQ(names(R"({"offset":1,"limit":2})"), "b c");
  EXPECT_EQ(names(R"({"offset":9})"), "");
  const Json page = agent_.ask("list_files", R"({"path":"/","limit":2})");
  EXPECT_EQ(at(page, "data.total"), "5");
  EXPECT_EQ(at(page, "data.hasMore"), "true");
  EXPECT_EQ(at(page, "data.nextOffset"), "2");
  EXPECT_EQ(names(R"({"path":"a"})"), "NOT_A_DIRECTORY");
  EXPECT_EQ(names(R"({"path":"none"})"), "FILE_NOT_FOUND");
  EXPECT_EQ(names(R"({"limit":0})"), "INVALID_PAYLOAD");
}

TEST_F(FileActions, DescribesEntries) {
  writeFileAt(path("f"), "12345");
  ASSERT_EQ(::chmod(path("f").c_str(), 0640), 0);
  fs::create_symlink("f", path("l"));
  const Json file = agent_.ask("get_file_info", R"({"path":"f","checksum":true})");
  EXPECT_EQ(at(file, "data.type"), "file");
  EXPECT_EQ(at(file, "data.size"), "5");
  EXPECT_EQ(at(file, "data.permissions"), "0640");
  EXPECT_EQ(at(file, "data.sha256"), files::sha256("12345"));
  EXPECT_THAT(at(file, "data.modified"), HasSubstr("T"));
  const Json link = agent_.ask("get_file_info", R"({"path":"l"})");
  EXPECT_EQ(at(link, "data.type"), "symlink");
  EXPECT_EQ(at(link, "data.target"), "f");
  EXPECT_EQ(at(agent_.ask("get_file_info", R"({"path":"/"})"), "data.isDirectory"), "true");
}

TEST_F(FileActions, MovesAndRenames) {
  writeFileAt(path("a"), "a");
  writeFileAt(path("b"), "b");
  EXPECT_EQ(outcome(agent_.ask("rename_file", R"({"path":"a","newName":"b"})")), "FILE_EXISTS");
  const Json refused = agent_.ask("rename_file", R"({"path":"a","newName":"x/y"})");
  EXPECT_EQ(outcome(refused), "PATH_FORBIDDEN");
  EXPECT_THAT(at(refused, "error.message"), HasSubstr("payload.newName: a name must not hold '/'"));
  EXPECT_EQ(outcome(agent_.ask("rename_file", R"({"path":"a","newName":".."})")), "PATH_FORBIDDEN");
  EXPECT_EQ(outcome(agent_.ask("rename_file", R"({"path":"a","newName":"."})")), "PATH_FORBIDDEN");
  EXPECT_EQ(outcome(agent_.ask("rename_file", R"({"oldPath":"a","newPath":"new/c"})")), "ok");
  EXPECT_EQ(readFileAt(path("new/c")), "a");
  EXPECT_EQ(
      outcome(agent_.ask("move_file", R"({"source":"new/c","destination":"b","overwrite":true})")),
      "ok");
  EXPECT_EQ(readFileAt(path("b")), "a");
  EXPECT_EQ(outcome(agent_.ask("move_file", R"({"source":"new","destination":"new/in"})")),
            "INVALID_PAYLOAD");
  EXPECT_EQ(outcome(agent_.ask("move_file", R"({"source":"/","destination":"x"})")),
            "PATH_FORBIDDEN");
  EXPECT_EQ(outcome(agent_.ask("move_file", R"({"from":"b","source":"b","to":"x"})")),
            "INVALID_PAYLOAD");
}

TEST_F(FileActions, DeletesTreesOfAnyDepth) {
  std::string deep = path("deep");
  for (int i = 0; i < 300; ++i) deep += "/d";
  fs::create_directories(deep);
  writeFileAt(deep + "/f", "f");
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"deep","recursive":false})")),
            "FILE_EXISTS");
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"deep"})")), "ok");
  EXPECT_FALSE(fs::exists(path("deep")));
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"deep"})")), "FILE_NOT_FOUND");
  EXPECT_EQ(outcome(agent_.ask("delete_file", R"({"path":"/"})")), "PATH_FORBIDDEN");
}

TEST_F(FileActions, SetsPermissionsWithoutSetIdBits) {
  writeFileAt(path("f"), "f");
  const Json set = agent_.ask("set_file_permissions", R"({"path":"f","permissions":"6755"})");
  EXPECT_EQ(at(set, "data.permissions"), "0755");
  EXPECT_EQ(at(agent_.ask("get_file_permissions", R"({"path":"f"})"), "data.permissions"), "0755");
  for (const char* wrong : {R"(755)", R"("999")", R"("rwx")", R"("")", R"("77777")"})
    EXPECT_EQ(outcome(agent_.ask("set_file_permissions",
                                 std::string(R"({"path":"f","permissions":)") + wrong + "}")),
              "INVALID_PAYLOAD")
        << wrong;
}

TEST_F(FileActions, UploadsInPiecesAndResumes) {
  const std::string whole = std::string(1000, 'a') + std::string(500, 'b');
  const auto piece = [&](std::size_t offset, std::size_t length, const std::string& more) {
    return agent_.ask("upload_file",
                      R"({"path":"up/f","offset":)" + std::to_string(offset) + R"(,"content":")" +
                          encodeBase64(whole.substr(offset, length)) + "\"" + more + "}");
  };
  EXPECT_EQ(at(piece(0, 1000, R"(,"size":1500)"), "data.complete"), "false");
  EXPECT_FALSE(fs::exists(path("up")));
  EXPECT_EQ(names("{}"), "");
  agent_.restart();
  EXPECT_EQ(at(agent_.ask("upload_file", R"({"path":"up/f"})"), "data.offset"), "1000");
  EXPECT_EQ(outcome(piece(1200, 300, R"(,"size":1500)")), "INVALID_STATE");
  EXPECT_EQ(outcome(piece(1000, 500, R"(,"size":1500,"sha256":")" + files::sha256("x") + '"')),
            "INVALID_PAYLOAD");
  EXPECT_FALSE(fs::exists(path("up/f")));
  EXPECT_EQ(outcome(piece(0, 1000, R"(,"last":false)")), "ok");
  const Json done = piece(1000, 500, R"(,"last":true,"sha256":")" + files::sha256(whole) + '"');
  EXPECT_EQ(at(done, "data.complete"), "true") << done.write();
  EXPECT_EQ(readFileAt(path("up/f")), whole);
  EXPECT_FALSE(staging());
}

TEST_F(FileActions, RefusesAPieceOfAnUploadThatDoesNotFit) {
  const auto piece = [&](const std::string& more) {
    return outcome(agent_.ask("upload_file", R"({"path":"f","content":"eHg=",)" + more + "}"));
  };
  EXPECT_EQ(piece(R"("offset":0,"size":9,"last":true)"), "INVALID_PAYLOAD");
  EXPECT_EQ(piece(R"("offset":0,"size":2,"last":false)"), "INVALID_PAYLOAD");
  EXPECT_EQ(piece(R"("offset":0,"size":1)"), "INVALID_PAYLOAD");
  EXPECT_EQ(piece(R"("offset":7,"size":9)"), "INVALID_STATE");  // of one that has not begun
  EXPECT_FALSE(staging());
  EXPECT_FALSE(fs::exists(path("f")));
  EXPECT_EQ(piece(R"("offset":0,"size":2,"last":true)"), "ok");
}

TEST_F(FileActions, RefusesAnUploadWithItsFirstPiece) {
  fs::create_directory(path("d"));
  writeFileAt(path("f"), "kept");
  const auto first = [&](const std::string& target, const std::string& more) {
    return outcome(agent_.ask(
        "upload_file",
        R"({"path":")" + target + R"(","offset":0,"size":9,"content":"eHg=")" + more + "}"));
  };
  EXPECT_EQ(first("d", ""), "IS_A_DIRECTORY");
  EXPECT_EQ(first("f/g", ""), "NOT_A_DIRECTORY");
  EXPECT_EQ(first("f", R"(,"overwrite":false)"), "FILE_EXISTS");
  EXPECT_EQ(first("no/f", R"(,"createDirectories":false)"), "FILE_NOT_FOUND");
  EXPECT_FALSE(staging());
  EXPECT_EQ(first("f", ""), "ok");
  EXPECT_EQ(readFileAt(path("f")), "kept");
}

TEST_F(FileActions, DownloadsInPiecesAndNoticesAChange) {
  const std::string whole(600'000, 'z');
  writeFileAt(path("f"), whole);
  const Json first = agent_.ask("download_file", R"({"path":"f","checksum":true})");
  EXPECT_EQ(at(first, "data.length"), "524288");
  EXPECT_EQ(at(first, "data.eof"), "false");
  EXPECT_EQ(at(first, "data.sha256"), files::sha256(whole));
  const std::string next =
      R"({"path":"f","offset":524288,"version":")" + at(first, "data.version") + "\"}";
  const Json second = agent_.ask("download_file", next);
  EXPECT_EQ(at(second, "data.eof"), "true");
  EXPECT_EQ(decodeBase64(at(second, "data.content"))->size(), 600'000U - 524'288U);
  writeFileAt(path("f"), whole + "more");
  EXPECT_EQ(outcome(agent_.ask("download_file", next)), "INVALID_STATE");
}

TEST_F(FileActions, AFileThatBecomesTooLargeLeavesWhatWasThere) {
  writeFileAt(path("f"), "kept");
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit tight{4096, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string content(10'000, 'x');
  const std::string written =
      outcome(agent_.ask("write_file", R"({"path":"f","content":")" + content + "\"}"));
  writeFileAt(path("src"), std::string(4000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  writeFileAt(path("src"), std::string(8000, 'x'));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::string copied =
      outcome(agent_.ask("copy_file", R"({"source":"src","destination":"f","overwrite":true})"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_EQ(written, "DISK_FULL");
  EXPECT_EQ(copied, "DISK_FULL");
  EXPECT_EQ(readFileAt(path("f")), "kept");
  EXPECT_FALSE(staging());
}

TEST_F(FileActions, KnowsOnlyServersThatAreThere) {
  EXPECT_EQ(outcome(agent_.ask("list_files", "{}", "other")), "SERVER_NOT_FOUND");
  fs::remove_all(agent_.root());
  EXPECT_EQ(outcome(agent_.ask("list_files", "{}")), "FILE_NOT_FOUND");
}

TEST_F(FileActions, NoMessageNamesAPathOfTheHost) {
  for (const char* payload :
       {R"({"path":"none"})", R"({"path":"/etc/passwd"})", R"({"path":"d"})"}) {
    fs::create_directory(path("d"));
    const Json refused = agent_.ask("read_file", payload);
    EXPECT_THAT(refused.write(), testing::Not(HasSubstr(agent_.root()))) << payload;
  }
}

TEST_F(FileActions, LegacyMessagesReadAndWrite) {
  agent_.raw(R"({"type":"file_write","messageId":"m1","data":{"serverId":"a","path":"f",)"
             R"("content":"legacy"}})");
  EXPECT_EQ(at(agent_.message("file_content"), "data.success"), "true");
  EXPECT_EQ(readFileAt(path("f")), "legacy");
}

TEST_F(FileActions, LegacyReadAnswersWithContent) {
  writeFileAt(path("f"), "legacy");
  agent_.raw(R"({"type":"file_read","messageId":"m2","data":{"serverId":"a","path":"f"}})");
  const Json answer = agent_.message("file_content");
  EXPECT_EQ(at(answer, "data.content"), "legacy");
  EXPECT_EQ(at(answer, "messageId"), "m2");
}

}  // namespace
}  // namespace agent
