#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "docs/project_file.h"

namespace {

/// What the first group of `pattern` matches in `file`.
std::set<std::string> matchesIn(const std::string& file, const std::string& pattern) {
  const std::string text = contentOf(file);
  const std::regex expression(pattern);
  std::set<std::string> matches;
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match)
    matches.insert((*match)[1]);
  return matches;
}

TEST(ConformanceGuide, ListsTheOptionsThatThereAre) {
  const std::string source = "tests/contract/options.cpp";
  const std::set<std::string> known = matchesIn(source, R"re("(--[a-z]+)", ?&Options::)re");
  EXPECT_GE(known.size(), 11U);
  EXPECT_EQ(matchesIn("docs/conformance.md", R"re(\| `(--[a-z]+))re"), known);
  EXPECT_EQ(matchesIn(source, R"re([ \n](--[a-z]+)[, \n])re"), known) << "by --help";
}

/// A string literal's text.
std::string unescaped(const std::string& literal) {
  std::string text;
  for (std::size_t i = 0; i < literal.size(); ++i) {
    if (literal[i] == '\\') ++i;
    text += literal[i];
  }
  return text;
}

TEST(ConformanceGuide, ShowsTheScriptsOfTheContainers) {
  const std::string guide = contentOf("docs/conformance.md");
  const std::regex any_exit("exit [0-9]+");
  std::size_t found = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(CONTROL_SOURCE_DIR "/tests/contract"))
    for (const std::string& script : matchesIn("tests/contract/" + entry.path().filename().string(),
                                               R"re(shell(?:Command)?\("((?:[^"\\]|\\.)+)"\))re")) {
      ++found;
      if (std::regex_match(script, any_exit)) continue;
      EXPECT_NE(guide.find("\n" + unescaped(script)), std::string::npos) << script;
    }
  EXPECT_GE(found, 25U);
}

}  // namespace
