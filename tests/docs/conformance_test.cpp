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

}  // namespace
