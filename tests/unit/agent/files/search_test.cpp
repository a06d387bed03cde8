// What search_files finds, and how long answers become.

#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/files/file_agent_fixture.h"

namespace agent {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class FileSearch : public OnFilesOfA {};

TEST_F(FileSearch, FindsNamesAndContents) {
  fs::create_directories(path("plugins/more"));
  writeFileAt(path("plugins/Map.jar"), std::string("PK\0\1", 4));
  writeFileAt(path("plugins/more/map.yml"), "a: 1\nspawn: here\n");
  const Json by_name = agent_.ask("search_files", R"({"pattern":"*.JAR"})");
  EXPECT_THAT(by_name.write(), HasSubstr("\"/plugins/Map.jar\""));
  EXPECT_EQ(by_name.find("data")->find("files")->elements()->size(), 1U);
  const Json part = agent_.ask("search_files", R"({"query":"map"})");
  EXPECT_EQ(part.find("data")->find("files")->elements()->size(), 2U);
  const Json by_text = agent_.ask("search_files", R"({"path":"plugins","content":"SPAWN"})");
  ASSERT_EQ(by_text.find("data")->find("files")->elements()->size(), 1U) << by_text.write();
  EXPECT_THAT(by_text.write(), HasSubstr(R"("line":2,"text":"spawn: here")"));
  const Json limited = agent_.ask("search_files", R"({"pattern":"*","limit":2})");
  EXPECT_EQ(at(limited, "data.complete"), "false");
  EXPECT_EQ(outcome(agent_.ask("search_files", "{}")), "INVALID_PAYLOAD");
  EXPECT_EQ(outcome(agent_.ask("search_files", R"({"pattern":"*","timeout":null})")), "ok");
}

TEST_F(FileSearch, FindsNamesThatHoldBrackets) {
  writeFileAt(path("[1.20.1] Create.jar"), "jar");
  writeFileAt(path("5"), "five");
  const auto found = [&](const std::string& pattern) {
    const Json answer = agent_.ask("search_files", R"({"pattern":")" + pattern + "\"}");
    std::string all;
    for (const Json& file : *answer.find("data")->find("files")->elements())
      all += *file.findText("path");
    return all;
  };
  for (const char* pattern : {"[1.20", "[1.20.1] Create.jar", "[1.20.1]*", "*1] create*", "20.1]"})
    EXPECT_EQ(found(pattern), "/[1.20.1] Create.jar") << pattern;
  EXPECT_EQ(found("[0-9]"), "/5");
  EXPECT_EQ(found(R"([0-9]\\)"), "");
}

TEST_F(FileSearch, FindsTextAcrossPiecesOfALargeFile) {
  std::string large;
  for (int i = 1; i <= 200'000; ++i) large += "line " + std::to_string(i) + '\n';
  writeFileAt(path("log"), large);
  const Json found = agent_.ask("search_files", R"({"content":"line 123456\n"})");
  EXPECT_THAT(found.write(), HasSubstr(R"("line":123456,"text":"line 123456")"));
}

/// JSON writes such a character as six.
TEST_F(FileSearch, NoAnswerIsLongerThanAMessageWhateverNamesHold) {
  constexpr std::size_t kMostMessage = 1024 * 1024;
  fs::create_directories(path("odd"));
  for (int i = 0; i < 1000; ++i) {
    const std::string number = std::to_string(1000 + i);
    writeFileAt(path("odd/" + number + std::string(240, '\1')), "needle\1\1");
  }
  std::size_t listed = 0;
  for (std::string offset = "0"; !offset.empty();) {
    const Json page = agent_.ask("list_files", R"({"path":"odd","offset":)" + offset + "}");
    ASSERT_EQ(outcome(page), "ok") << page.write().substr(0, 300);
    EXPECT_LT(page.write().size(), kMostMessage);
    listed += page.find("data")->find("files")->elements()->size();
    offset = page.find("data")->find("nextOffset") ? at(page, "data.nextOffset") : "";
  }
  EXPECT_EQ(listed, 1000U);
  for (const char* wanted : {R"("pattern":"1*")", R"("content":"needle")"}) {
    const Json found =
        agent_.ask("search_files", R"({"path":"odd","limit":1000,)" + std::string(wanted) + "}");
    EXPECT_EQ(at(found, "data.complete"), "false");
    EXPECT_LT(found.write().size(), kMostMessage);
    EXPECT_GT(found.find("data")->find("files")->elements()->size(), 100U);
  }
}

}  // namespace
}  // namespace agent
