#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "docs/project_file.h"

namespace {

/// The blocks of code of one language in docs/writing-a-plugin.md.
std::vector<std::string> blocks(const std::string& language) {
  const std::string guide = contentOf("docs/writing-a-plugin.md");
  const std::string open = "\n```" + language + "\n";
  std::vector<std::string> found;
  for (std::size_t at = guide.find(open); at != std::string::npos; at = guide.find(open, at)) {
    at += open.size();
    found.push_back(guide.substr(at, guide.find("\n```", at) - at));
  }
  return found;
}

std::string exampleCode() {
  std::string code;
  const std::filesystem::path root = CONTROL_SOURCE_DIR;
  for (const auto& entry :
       std::filesystem::recursive_directory_iterator(root / "examples/custom_plugin"))
    if (entry.is_regular_file()) code += contentOf(entry.path().lexically_relative(root).string());
  return code;
}

TEST(PluginGuide, ShowsCodeThatIsTheExamplesOwn) {
  const std::string code = exampleCode();
  for (const char* language : {"cpp", "cmake", "text"}) {
    EXPECT_FALSE(blocks(language).empty()) << language;
    for (const std::string& block : blocks(language))
      EXPECT_NE(code.find(block), std::string::npos) << block;
  }
}

}  // namespace
