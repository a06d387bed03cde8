#include <filesystem>
#include <regex>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/actions/status.h"
#include "agent/actions/system_info.h"
#include "agent/panel/json_text.h"
#include "docs/project_file.h"

namespace {

using agent::Json;
using ::testing::ElementsAreArray;
using ::testing::HasSubstr;

constexpr const char* kPage = "docs/panel-messages.md";

/// The JSON objects of a page's blocks, each of which begins at a line's beginning.
std::vector<std::string> examplesOf(const std::string& page) {
  std::vector<std::string> examples;
  std::istringstream lines(contentOf(page));
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      inside = line == "```json";
    } else if (inside) {
      if (line.starts_with('{')) examples.emplace_back();
      examples.back() += line + '\n';
    }
  }
  return examples;
}

/// The first example of the page that begins like that.
Json exampleOf(const std::string& beginning) {
  for (const std::string& example : examplesOf(kPage))
    if (example.starts_with(beginning)) {
      auto reading = agent::readJsonObject(example);
      if (reading.value) return *std::move(reading.value);
    }
  ADD_FAILURE() << "no example begins with " << beginning;
  return {};
}

/// "resources.memory.used" and the like. What an object is keyed by on each host is not followed.
std::vector<std::string> fieldsOf(const Json& value, const std::string& path = "") {
  std::vector<std::string> fields;
  if (value.members() == nullptr || path == "networks.") return fields;
  for (const auto& [name, member] : *value.members()) {
    fields.push_back(path + name);
    for (std::string& inner : fieldsOf(member, path + name + '.'))
      fields.push_back(std::move(inner));
  }
  return fields;
}

TEST(PanelPages, ShowExamplesThatAreJson) {
  for (const char* page : {kPage, "docs/panel-protocol.md", "docs/files.md", "docs/console.md"}) {
    for (const std::string& example : examplesOf(page))
      EXPECT_TRUE(agent::readJsonObject(example).value) << page << ":\n" << example;
  }
  EXPECT_GE(examplesOf(kPage).size(), 15U);
}

TEST(PanelMessages, NameEveryEventThatIsSent) {
  const std::string page = contentOf(kPage);
  const std::regex sending(R"re((?:event|numbered|writeEvent)\("([a-z_]+)"|"([a-z]+_progress)")re");
  std::set<std::string> events;
  using Files = std::filesystem::recursive_directory_iterator;
  for (const auto& file : Files(std::string(CONTROL_SOURCE_DIR) + "/agent")) {
    if (file.path().extension() != ".cpp") continue;
    const std::string source = contentOf(file.path().string().substr(sizeof(CONTROL_SOURCE_DIR)));
    for (std::sregex_iterator match(source.begin(), source.end(), sending), end; match != end;
         ++match)
      events.insert((*match)[1].matched ? (*match)[1] : (*match)[2]);
  }
  EXPECT_GE(events.size(), 10U);
  for (const std::string& event : events) EXPECT_THAT(page, HasSubstr('`' + event + '`'));
}

TEST(PanelMessages, ShowAllFieldsOfAServer) {
  control::EntryStatus status;
  status.name = "survival";
  status.state = control::EntryState::kRunning;
  status.reason = control::Reason::kRequested;
  status.container = control::ContainerId{"4f1c"};
  status.image = "game:1";
  status.started_at = control::WallTime{};
  status.stats.emplace();
  status.stats->memory_usage_bytes = 1;
  status.stats->memory_limit_bytes = 2;
  status.stats->network_rx_bytes = status.stats->network_tx_bytes = 3;
  status.stats->block_read_bytes = status.stats->block_write_bytes = 4;
  status.stats->pids = 5;
  status.rates.emplace();
  status.rates->cpu_percent = 6;
  agent::ServerFacts facts;
  facts.disk = {.used_bytes = 1, .limit_bytes = 2};
  facts.liveness = {.players = agent::Players{.online = 2, .max = 20, .list = {{"alice", "bob"}}},
                    .responding = true,
                    .warning = "..."};
  const control::WallTime now{};
  EXPECT_THAT(fieldsOf(exampleOf(R"({"serverId")")),
              ElementsAreArray(fieldsOf(agent::encodeStatus(status, facts, now))));
  const Json older = exampleOf(R"({"type":"server_status")");
  ASSERT_NE(older.find("data"), nullptr);
  ASSERT_NE(older.find("data")->find("stats"), nullptr);
  EXPECT_THAT(fieldsOf(*older.find("data")->find("stats")),
              ElementsAreArray(fieldsOf(agent::encodeLegacyStats(status, facts, now))));
}

TEST(PanelMessages, ShowAllFieldsOfTheHost) {
  agent::HostReadings host("/");
  host.readDisk();
  const control::RuntimeInfo docker{.engine = "docker", .version = "24.0.7", .api_version = "1.43"};
  Json info = agent::encodeSystemInfo({}, host, docker);
  info.set("commandsInProgress", Json::array());
  const Json message = exampleOf(R"({"type":"system_info")");
  ASSERT_NE(message.find("data"), nullptr);
  EXPECT_THAT(fieldsOf(*message.find("data")), ElementsAreArray(fieldsOf(info)));
  EXPECT_THAT(fieldsOf(exampleOf(R"({"cpu")")), ElementsAreArray(fieldsOf(host.metrics())));
  const Json pong = exampleOf(R"({"type":"pong")");
  ASSERT_NE(pong.find("data"), nullptr);
  ASSERT_NE(pong.find("data")->find("systemLoad"), nullptr);
  EXPECT_THAT(fieldsOf(*pong.find("data")->find("systemLoad")),
              ElementsAreArray(fieldsOf(host.load())));
}

TEST(PanelMessages, NameAllFieldsOfAChange) {
  control::Transition change;
  change.reason = control::Reason::kKilled;
  change.container = control::ContainerId{"4f1c"};
  change.pid = 1;
  change.exit.emplace();
  change.exit->exit_code = 1;
  change.exit->signal = control::Signal::kill();
  change.exit->oom_killed = false;
  change.rung = "SIGKILL";
  change.failed = control::OperationKind::kStop;
  const Json data =
      agent::encodeTransition(change, {.command_id = "c", .code = "TIMEOUT", .error = "e"});
  const std::string page = contentOf(kPage);
  const std::size_t begin = page.find("\n**`server_status_changed`**");
  ASSERT_NE(begin, std::string::npos);
  const std::string table = page.substr(begin, page.find("\n**", begin + 3) - begin);
  EXPECT_FALSE(fieldsOf(data).empty());
  for (const std::string& field : fieldsOf(data))
    EXPECT_TRUE(std::regex_search(table, std::regex('`' + field + "\\??`"))) << field;
}

}  // namespace
