#include <algorithm>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

#include "agent/config.h"
#include "docs/project_file.h"

namespace {

TEST(Readme, ShowsTheQuickstartThatIsCompiled) {
  const std::string readme = contentOf("README.md");
  const std::string open = "```cpp\n";
  const std::size_t begin = readme.find(open);
  ASSERT_NE(begin, std::string::npos);
  const std::size_t end = readme.find("```", begin + open.size());
  ASSERT_NE(end, std::string::npos);
  EXPECT_EQ(readme.substr(begin + open.size(), end - begin - open.size()),
            contentOf("examples/embed/quickstart.cpp"));
}

TEST(Readme, ShowsTheQuickstartInTwentyLines) {
  const std::string code = contentOf("examples/embed/quickstart.cpp");
  EXPECT_LE(std::count(code.begin(), code.end(), '\n'), 20);
}

/// The cells of the row about `setting` in the table of settings; empty: there is none.
std::string rowOf(const std::string& setting) {
  std::istringstream lines(contentOf("README.md"));
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with("| `" + setting + "` |")) return line;
  return {};
}

TEST(Readme, ListsEverySettingWithItsDefault) {
  ASSERT_FALSE(agent::settings().empty());
  for (const agent::Setting& setting : agent::settings()) {
    const std::string row = rowOf(std::string(setting.name));
    EXPECT_FALSE(row.empty()) << setting.name;
    const std::string cell =
        setting.default_text.empty() ? "|" : "| `" + std::string(setting.default_text) + "` |";
    EXPECT_NE(row.find(cell), std::string::npos)
        << row << " has not the default " << setting.default_text;
  }
}

TEST(Readme, ListsNoSettingThatDoesNotExist) {
  std::istringstream lines(contentOf("README.md"));
  int rows = 0;
  for (std::string line; std::getline(lines, line);) {
    const std::size_t end = line.find("` |", 3);
    if (!line.starts_with("| `") || end == std::string::npos) continue;
    const std::string name = line.substr(3, end - 3);
    if (name.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != std::string::npos) continue;
    ++rows;
    bool known = false;
    for (const agent::Setting& setting : agent::settings()) known |= setting.name == name;
    EXPECT_TRUE(known) << name;
  }
  EXPECT_EQ(static_cast<std::size_t>(rows), agent::settings().size());
}

}  // namespace
