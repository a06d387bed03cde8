#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "docs/project_file.h"

namespace {

/// The blocks of a page that are marked as code of that language.
std::vector<std::string> blocksOf(const std::string& page, const std::string& language) {
  const std::string open = "```" + language + "\n";
  std::vector<std::string> blocks;
  for (std::size_t begin = page.find(open); begin != std::string::npos;) {
    begin += open.size();
    const std::size_t end = page.find("```", begin);
    if (end == std::string::npos) break;
    blocks.push_back(page.substr(begin, end - begin));
    begin = page.find(open, end + 3);
  }
  return blocks;
}

void expectBlocksFrom(const std::string& file, const std::string& language, std::size_t at_least) {
  const std::vector<std::string> blocks = blocksOf(contentOf("docs/testing.md"), language);
  const std::string source = contentOf(file);
  EXPECT_GE(blocks.size(), at_least);
  for (const std::string& block : blocks)
    EXPECT_NE(source.find(block), std::string::npos) << file << " does not hold\n" << block;
}

// tests/install builds and runs that project against the installed package.
TEST(TestingGuide, ShowsCodeThatIsCompiledAndRun) {
  expectBlocksFrom("tests/install/guide/guide_test.cpp", "cpp", 8);
}

TEST(TestingGuide, ShowsTheScenarioThatIsUsed) {
  expectBlocksFrom("tests/install/guide/outage.json", "json", 1);
}

TEST(TestingGuide, ShowsTheProjectFileThatIsUsed) {
  expectBlocksFrom("tests/install/guide/CMakeLists.txt", "cmake", 1);
}

}  // namespace
