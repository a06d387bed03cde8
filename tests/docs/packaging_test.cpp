#include <algorithm>
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

}  // namespace
