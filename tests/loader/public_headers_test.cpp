#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace {

namespace fs = std::filesystem;

std::vector<fs::path> publicHeaders() {
  std::vector<fs::path> headers;
  for (const auto& entry : fs::recursive_directory_iterator(CONTROL_PUBLIC_HEADER_DIR))
    if (entry.is_regular_file()) headers.push_back(entry.path());
  return headers;
}

// That each header compiles alone is shown by this program being built: CMake makes one source
// file a header.
TEST(PublicHeaders, NameNoThirdPartyLibrary) {
  const std::regex foreign(R"(#\s*include\s*[<"](Poco|curl|boost|spdlog|fmt|openssl)/)",
                           std::regex::icase);
  const std::vector<fs::path> headers = publicHeaders();
  ASSERT_GE(headers.size(), 10u);
  for (const fs::path& header : headers) {
    std::ifstream file(header);
    int number = 0;
    for (std::string line; std::getline(file, line);) {
      ++number;
      EXPECT_FALSE(std::regex_search(line, foreign)) << header << ":" << number << ": " << line;
    }
  }
}

TEST(PublicHeaders, NameGoogleTestBelowTestingOnly) {
  const std::regex google(R"(#\s*include\s*[<"](gtest|gmock|libcontrol/testing)/)");
  for (const fs::path& header : publicHeaders()) {
    if (header.parent_path().filename() == "testing") continue;
    std::ifstream file(header);
    for (std::string line; std::getline(file, line);)
      EXPECT_FALSE(std::regex_search(line, google)) << header << ": " << line;
  }
}

TEST(PublicHeaders, StandInTheSourceListOfTheirCompileTest) {
  const std::string listed = CONTROL_PUBLIC_HEADERS;
  for (const fs::path& header : publicHeaders()) {
    if (header.extension() != ".h") continue;
    EXPECT_NE(listed.find("|" + header.filename().string() + "|"), std::string::npos) << header;
  }
}

}  // namespace
