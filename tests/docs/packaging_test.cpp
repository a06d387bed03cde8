#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/config.h"
#include "docs/project_file.h"

namespace {

using ::testing::Contains;
using ::testing::ElementsAre;

std::vector<std::string> linesOf(const std::string& file) {
  std::istringstream text(contentOf(file));
  std::vector<std::string> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  return lines;
}

std::vector<std::string> unitLines() { return linesOf("packaging/ctrl-alt-play-agent.service.in"); }

/// The values of `key` in the unit, word by word.
std::vector<std::string> unitValues(const std::string& key) {
  std::vector<std::string> values;
  for (const std::string& line : unitLines()) {
    if (!line.starts_with(key + '=')) continue;
    std::istringstream words(line.substr(key.size() + 1));
    for (std::string word; words >> word;) values.push_back(word);
  }
  return values;
}

const agent::Setting* settingOf(const std::string& name) {
  for (const agent::Setting& setting : agent::settings())
    if (setting.name == name) return &setting;
  return nullptr;
}

/// The unit as it is installed below a prefix, in a folder of its own.
class ConfiguredUnit {
 public:
  ConfiguredUnit() {
    std::string name = (std::filesystem::temp_directory_path() / "unit-XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) return;
    folder_ = name;
    std::string text = contentOf("packaging/ctrl-alt-play-agent.service.in");
    const std::string variable = "@CMAKE_INSTALL_FULL_BINDIR@";
    text.replace(text.find(variable), variable.size(), "/usr/bin");
    std::ofstream(path()) << text;
  }
  ~ConfiguredUnit() { std::filesystem::remove_all(folder_); }
  ConfiguredUnit(const ConfiguredUnit&) = delete;
  ConfiguredUnit& operator=(const ConfiguredUnit&) = delete;

  std::string path() const { return folder_ + "/ctrl-alt-play-agent.service"; }

 private:
  std::string folder_;
};

/// What `command` prints on both of its outputs.
std::string outputOf(const std::string& command) {
  std::FILE* const pipe = ::popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return {};
  std::string output;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) output += static_cast<char>(c);
  ::pclose(pipe);
  return output;
}

std::string defaultOf(const std::string& name) {
  const agent::Setting* setting = settingOf(name);
  return setting == nullptr ? std::string() : std::string(setting->default_text);
}

TEST(ExampleSettings, AreSettingsAndShowTheirDefaults) {
  int found = 0;
  for (const std::string& line : linesOf("packaging/agent.env")) {
    const bool is_example = line.starts_with('#');
    const std::string text = line.substr(is_example ? 1 : 0);
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos ||
        text.find_first_not_of("ABCDEFGHIJKLMNOPQRSTUVWXYZ_") != equals)
      continue;
    ++found;
    const std::string name = text.substr(0, equals);
    ASSERT_NE(settingOf(name), nullptr) << line;
    if (is_example && !defaultOf(name).empty()) {
      EXPECT_EQ(text.substr(equals + 1), defaultOf(name)) << line;
    }
  }
  EXPECT_GE(found, 5);
}

TEST(Service, MakesTheDefaultFolders) {
  std::vector<std::string> folders = unitValues("StateDirectory");
  for (std::string& folder : folders) folder = "/var/lib/" + folder;
  EXPECT_THAT(folders,
              ElementsAre(defaultOf("STATE_DIR"), defaultOf("DATA_DIR"), defaultOf("BACKUP_DIR")));
}

/// The servers' own folders are open to every user, so another one who can enter the folder above
/// them could read and write the files of all servers.
TEST(Service, ClosesItsFoldersToOtherUsers) {
  EXPECT_THAT(unitValues("StateDirectoryMode"), ElementsAre("0700"));
}

TEST(Service, HandsTheSecretOverAsTheCredentialThatTheAgentLooksFor) {
  EXPECT_THAT(unitValues("LoadCredential"), ElementsAre("agent-secret:/etc/ctrl-alt-play/secret"));
  const std::vector<std::string> lines = unitLines();
  EXPECT_TRUE(std::none_of(lines.begin(), lines.end(), [](const std::string& line) {
    return line.starts_with("Environment=");
  }));
}

/// A dial of the panel takes up to 30 s in three steps, and a loop is asked three times in that
/// time.
TEST(Service, WaitsForTheAgentToSayThatItIsReadyAndAlive) {
  EXPECT_THAT(unitLines(), Contains("Type=notify"));
  ASSERT_EQ(unitValues("WatchdogSec").size(), 1U);
  EXPECT_GE(std::stoi(unitValues("WatchdogSec").front()), 60);
}

TEST(Service, EndsTheAgentAlone) { EXPECT_THAT(unitLines(), Contains("KillMode=process")); }

/// systemd cannot look into openat2's arguments and refuses it altogether, and with it all files of
/// servers.
TEST(Service, MayCallOpenat2) { EXPECT_THAT(unitValues("RestrictSUIDSGID"), ::testing::IsEmpty()); }

/// Lists of system calls are merged in their order: what is taken away comes before what is given
/// back.
TEST(Service, MayPutItsDiskWatchBehindAllOtherWork) {
  EXPECT_THAT(unitValues("SystemCallFilter"),
              ElementsAre("@system-service", "~@resources", "setpriority", "ioprio_set"));
}

TEST(Service, IsExposedByLessThanThree) {
  if (outputOf("command -v systemd-analyze").empty())
    GTEST_SKIP() << "systemd-analyze is not installed (Debian package systemd)";
  const ConfiguredUnit unit;
  const std::string output =
      outputOf("systemd-analyze security --offline=true --no-pager " + unit.path());
  const std::string before = "Overall exposure level for ctrl-alt-play-agent.service: ";
  const std::size_t begin = output.find(before);
  ASSERT_NE(begin, std::string::npos) << output;
  const double exposure = std::strtod(output.c_str() + begin + before.size(), nullptr);
  EXPECT_GT(exposure, 0) << output;
  EXPECT_LT(exposure, 3) << output;
}

}  // namespace
