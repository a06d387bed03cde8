#include "agent/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <sstream>

#include "support/temp_dir.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

class Configuration : public testing::Test {
 protected:
  using Environment = std::map<std::string, std::string>;

  control::Result<CommandLine> read(const std::vector<const char*>& options = {}) {
    return readConfiguration(
        options, {.environment = [this](const std::string& name) -> std::optional<std::string> {
                    const auto found = environment_.find(name);
                    if (found == environment_.end()) return std::nullopt;
                    return found->second;
                  },
                  .host_name = "host-7"});
  }

  Config config(const std::vector<const char*>& options = {}) {
    auto line = read(options);
    EXPECT_TRUE(line) << line.error().message;
    return line ? line->config : Config();
  }

  std::string problem(const std::vector<const char*>& options = {}) {
    auto line = read(options);
    return line ? "(none)" : line.error().message;
  }

  Config fromFile(const std::string& content) {
    file_ = files_.write("agent.conf", content);
    return config({"--config", file_.c_str()});
  }

  std::string problemOfFile(const std::string& content) {
    file_ = files_.write("agent.conf", content);
    return problem({"--config", file_.c_str()});
  }

  std::string problemOf(const char* name, const char* value) {
    environment_[name] = value;
    const std::string text = problem();
    environment_.erase(name);
    return text;
  }

  Environment environment_{{"AGENT_SECRET", "s3cret"}};
  test_support::TempDir files_;
  std::string file_;
};

TEST_F(Configuration, HasTheDefaultsOfTheProtocolDocument) {
  const Config defaults = config();
  EXPECT_EQ(defaults.panel_url, "ws://localhost:8080");
  EXPECT_EQ(defaults.node_id, "host-7");
  EXPECT_EQ(defaults.secret, "s3cret");
  EXPECT_EQ(defaults.health_port, 8081);
  EXPECT_EQ(defaults.health_bind, "127.0.0.1");
  EXPECT_EQ(defaults.runtime, "docker:///");
  EXPECT_EQ(defaults.plugin_dir, "");
  EXPECT_EQ(defaults.data_dir, "/var/lib/ctrl-alt-play/servers");
  EXPECT_EQ(defaults.state_dir, "/var/lib/ctrl-alt-play/state");
  EXPECT_EQ(defaults.container_data_path, "/home/container");
  EXPECT_EQ(defaults.stats_interval, std::chrono::seconds(5));
  EXPECT_EQ(defaults.rate_limit, 200);
  EXPECT_FALSE(defaults.panel_allow_insecure);
  EXPECT_EQ(defaults.panel_ca_file, "");
  EXPECT_TRUE(defaults.panel_node_id_in_query);
  EXPECT_TRUE(defaults.panel_legacy_events);
  EXPECT_EQ(defaults.log_level, LogLevel::kInfo);
  EXPECT_EQ(defaults.log_format, LogFormat::kText);
}

TEST_F(Configuration, LetsOptionsBeatTheEnvironmentAndThatTheFile) {
  environment_["NODE_ID"] = "from-environment";
  environment_["LOG_LEVEL"] = "error";
  file_ = files_.write("agent.conf", "node_id=from-file\nlog_level=debug\nrate_limit=7\n");
  const Config mixed = config({"--config", file_.c_str(), "--node-id=from-option"});
  EXPECT_EQ(mixed.node_id, "from-option");
  EXPECT_EQ(mixed.log_level, LogLevel::kError);
  EXPECT_EQ(mixed.rate_limit, 7);
}

TEST_F(Configuration, TakesEverySettingInAllThreeForms) {
  const std::string ca_file = files_.write("ca.pem", "-----BEGIN CERTIFICATE-----\n");
  const std::string policy_file = files_.write("policy.json", R"({"maxServers":1})");
  const std::string auth_file = files_.write("auth.json", R"({"auths":{}})");
  const std::map<std::string_view, std::string> values{{"PANEL_URL", "wss://a/"},
                                                       {"REGISTRY_AUTH_FILE", auth_file},
                                                       {"POLICY_FILE", policy_file},
                                                       {"NODE_ID", "n"},
                                                       {"PANEL_CA_FILE", ca_file},
                                                       {"PANEL_ALLOW_INSECURE", "true"},
                                                       {"PANEL_NODE_ID_IN_QUERY", "true"},
                                                       {"PANEL_LEGACY_EVENTS", "true"},
                                                       {"RUNTIME", "mock:///default"},
                                                       {"PLUGIN_DIR", "/p"},
                                                       {"DATA_DIR", "/d"},
                                                       {"STATE_DIR", "/s"},
                                                       {"BACKUP_DIR", "/b"},
                                                       {"BACKUP_RATE", "20"},
                                                       {"BACKUPS_KEPT", "4"},
                                                       {"CONTAINER_DATA_PATH", "/c"},
                                                       {"STATS_INTERVAL", "1.5"},
                                                       {"CONSOLE_BYTES", "65536"},
                                                       {"RATE_LIMIT", "5"},
                                                       {"HEALTH_BIND", "::1"},
                                                       {"HEALTH_PORT", "0"},
                                                       {"LOG_LEVEL", "warn"},
                                                       {"LOG_FORMAT", "json"}};
  for (const Setting& setting : settings()) {
    if (setting.name.starts_with("AGENT_SECRET")) continue;
    const std::string name(setting.name);
    ASSERT_TRUE(values.contains(setting.name)) << name << " is not in this test";
    const std::string value = values.at(setting.name);
    const std::string option = setting.optionName() + '=' + value;
    file_ = files_.write("one.conf", setting.fileKey() + '=' + value + '\n');
    for (const auto& line : {read({option.c_str()}), read({"--config", file_.c_str()})}) {
      ASSERT_TRUE(line) << line.error().message;
      bool found = false;
      for (const ConfiguredValue& one : line->in_force)
        if (one.name == name && one.origin != "default") found = one.value == value;
      EXPECT_TRUE(found) << name;
    }
    environment_[name] = value;
    EXPECT_EQ(problem(), "(none)") << name;
    environment_.erase(name);
  }
}

TEST_F(Configuration, RefusesAPolicyThatIsNotThereOrWrong) {
  environment_["POLICY_FILE"] = "/no/such/policy.json";
  EXPECT_THAT(problem(), HasSubstr("POLICY_FILE '/no/such/policy.json' cannot be used"));
  environment_["POLICY_FILE"] = files_.write("wrong.json", R"({"maxServer":1})");
  EXPECT_THAT(problem(), HasSubstr("policy.maxServer is unknown"));
}

TEST_F(Configuration, ReadsAJsonFile) {
  const Config json = fromFile(
      R"( {"node_id": "n", "health_port": 0, "panel_legacy_events": false, "stats_interval": 0.5})");
  EXPECT_EQ(json.node_id, "n");
  EXPECT_EQ(json.health_port, 0);
  EXPECT_FALSE(json.panel_legacy_events);
  EXPECT_EQ(json.stats_interval, std::chrono::milliseconds(500));
}

TEST_F(Configuration, SkipsAByteOrderMark) {
  EXPECT_EQ(fromFile("\xEF\xBB\xBFnode_id=n\n").node_id, "n");
  EXPECT_EQ(fromFile("\xEF\xBB\xBF{\"node_id\": \"n\"}").node_id, "n");
}

TEST_F(Configuration, TakesReferencesInAFileAsText) {
  EXPECT_EQ(fromFile("node_id=${system.env.HOME}\n").node_id, "${system.env.HOME}");
}

TEST_F(Configuration, NamesAnUnknownOption) {
  EXPECT_THAT(problem({"--panel-uri=ws://x"}), HasSubstr("'--panel-uri'"));
  EXPECT_THAT(problem({"surplus"}), HasSubstr("'surplus'"));
}

TEST_F(Configuration, NamesAnUnknownKeyOfTheFile) {
  EXPECT_THAT(problemOfFile("node_id=n\npanel_uri=ws://x\n"), HasSubstr("'panel_uri'"));
  EXPECT_THAT(problemOfFile(R"({"panel":{"url":"ws://x"}})"), HasSubstr("'panel'"));
}

TEST_F(Configuration, RefusesAFileValueThatIsNotSingle) {
  EXPECT_THAT(problemOfFile(R"({"node_id":{"a":1}})"), HasSubstr("node_id"));
  EXPECT_THAT(problemOfFile(R"({"node_id":["a"]})"), HasSubstr("node_id"));
}

TEST_F(Configuration, SaysThatAFileIsNotJson) {
  EXPECT_THAT(problemOfFile("{\"node_id\": "), HasSubstr("agent.conf cannot be understood"));
}

TEST_F(Configuration, SaysThatTheFileIsNotThere) {
  EXPECT_THAT(problem({"--config", "/nowhere/agent.conf"}), HasSubstr("/nowhere/agent.conf"));
  EXPECT_THAT(problem({"--config"}), HasSubstr("--config needs a file"));
}

TEST_F(Configuration, NamesTheSettingWhoseValueIsBad) {
  const std::pair<const char*, const char*> cases[] = {{"HEALTH_PORT", "65536"},
                                                       {"HEALTH_PORT", "-1"},
                                                       {"HEALTH_PORT", "80x"},
                                                       {"HEALTH_PORT", "0x50"},
                                                       {"HEALTH_BIND", "localhost"},
                                                       {"HEALTH_BIND", "1.2.3"},
                                                       {"STATS_INTERVAL", "-1"},
                                                       {"STATS_INTERVAL", "nan"},
                                                       {"STATS_INTERVAL", "inf"},
                                                       {"STATS_INTERVAL", "0.01"},
                                                       {"STATS_INTERVAL", "1e3"},
                                                       {"STATS_INTERVAL", "5s"},
                                                       {"CONSOLE_BYTES", "100"},
                                                       {"CONSOLE_BYTES", "-1"},
                                                       {"RATE_LIMIT", "many"},
                                                       {"RATE_LIMIT", "-1"},
                                                       {"PANEL_ALLOW_INSECURE", "maybe"},
                                                       {"LOG_LEVEL", "loud"},
                                                       {"LOG_FORMAT", "xml"},
                                                       {"DATA_DIR", "relative/path"},
                                                       {"NODE_ID", "two words"},
                                                       {"NODE_ID", "a\r\nX-Evil: 1"},
                                                       {"PANEL_CA_FILE", "/nowhere.pem"},
                                                       {"PANEL_CA_FILE", "/dev/null"},
                                                       {"PANEL_CA_FILE", "/"},
                                                       {"RUNTIME", "not a uri"},
                                                       {"PANEL_URL", "http://panel/"},
                                                       {"PANEL_URL", "panel:8080"},
                                                       {"PANEL_URL", "ws://"},
                                                       {"PANEL_URL", "ws://localhost:99999/"},
                                                       {"PANEL_URL", "ws://localhost/#x"},
                                                       {"PANEL_URL", "ws://local host/"}};
  for (const auto& [name, value] : cases)
    EXPECT_THAT(problemOf(name, value), testing::StartsWith(name)) << value;
  EXPECT_THAT(problem({"--health-port", "x"}), testing::StartsWith("--health-port"));
  EXPECT_THAT(problemOfFile("health_port=x\n"), testing::StartsWith("health_port in "));
}

TEST_F(Configuration, RefusesDirectoriesThatLieInOneAnother) {
  const std::string at = files_.path() + '/';
  std::filesystem::create_directories(at + "real/servers");
  std::filesystem::create_directory_symlink(at + "real", at + "link");
  const struct {
    std::string data, state, backups, problem;
  } cases[] = {
      {"x", "x", "b", "DATA_DIR @x is the same directory as STATE_DIR @x;"},
      {"x", "x/state", "b", "STATE_DIR @x/state lies in DATA_DIR @x;"},
      {"x", "x/.state", "b", "STATE_DIR @x/.state lies in DATA_DIR @x;"},
      {"x/servers", "x", "b", "DATA_DIR @x/servers lies in STATE_DIR @x;"},
      {"x", "s", "x/b", "BACKUP_DIR @x/b lies in DATA_DIR @x;"},
      {"x", "b/s/t", "b", "STATE_DIR @b/s/t lies in BACKUP_DIR @b;"},
      {"x", "y/../x//s/", "b", "STATE_DIR @y/../x//s (@x/s) lies in DATA_DIR @x;"},
      {"real/servers", "link/servers/a", "b",
       "STATE_DIR @link/servers/a (@real/servers/a) lies in DATA_DIR @real/servers;"},
      {"link/servers/.", "real", "b",
       "DATA_DIR @link/servers (@real/servers) lies in STATE_DIR @real;"},
      {"x", "xy", "x-y", "(none)"},
      {"x/a", "x/b", "x/c", "(none)"},
  };
  for (auto [data, state, backups, expected] : cases) {
    environment_["DATA_DIR"] = at + data;
    environment_["STATE_DIR"] = at + state;
    environment_["BACKUP_DIR"] = at + backups;
    for (std::size_t i = 0; (i = expected.find('@')) != std::string::npos;)
      expected.replace(i, 1, at);
    EXPECT_THAT(problem({"--check-config"}), testing::StartsWith(expected));
  }
}

TEST_F(Configuration, RefusesTheRootDirectoryForItself) {
  for (const char* name : {"DATA_DIR", "STATE_DIR", "BACKUP_DIR", "CONTAINER_DATA_PATH"})
    for (const char* root : {"/", "//", "/.", "/x/.."})
      EXPECT_THAT(problemOf(name, root),
                  testing::StartsWith(std::string(name) + " '" + root + "' is the root directory"));
}

TEST_F(Configuration, TakesADirectoryWithoutTheSlashAtItsEnd) {
  environment_["DATA_DIR"] = "/x/servers/";
  environment_["STATE_DIR"] = "/x/state//";
  environment_["BACKUP_DIR"] = "/x/backups/./";
  environment_["CONTAINER_DATA_PATH"] = "/data/";
  const Config taken = config();
  EXPECT_EQ(taken.data_dir, "/x/servers");
  EXPECT_EQ(taken.state_dir, "/x/state");
  EXPECT_EQ(taken.backup_dir, "/x/backups");
  EXPECT_EQ(taken.container_data_path, "/data");
}

TEST_F(Configuration, PutsAMessageOnOneLine) {
  EXPECT_THAT(problemOf("NODE_ID", "a\r\nb"), Not(HasSubstr("\n")));
}

TEST_F(Configuration, RefusesAUserInTheUrlAndDoesNotRepeatThePassword) {
  const std::string text = problemOf("PANEL_URL", "wss://user:hunter2@panel/");
  EXPECT_THAT(text, HasSubstr("PANEL_URL names a user"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST_F(Configuration, RefusesCleartextToOtherHostsUnlessAllowed) {
  for (const char* url : {"ws://panel.example/", "ws://10.0.0.1/", "ws://[2001:db8::1]:80/",
                          "ws://localhost.example/", "ws://128.0.0.1/"}) {
    EXPECT_THAT(problemOf("PANEL_URL", url), HasSubstr("PANEL_ALLOW_INSECURE")) << url;
    environment_["PANEL_ALLOW_INSECURE"] = "true";
    EXPECT_EQ(problemOf("PANEL_URL", url), "(none)") << url;
    environment_.erase("PANEL_ALLOW_INSECURE");
  }
}

TEST_F(Configuration, AllowsCleartextToThisHost) {
  for (const char* url :
       {"ws://localhost:1/", "ws://127.0.0.1/", "ws://127.9.9.9/", "ws://[::1]:80/"})
    EXPECT_EQ(problemOf("PANEL_URL", url), "(none)") << url;
}

TEST_F(Configuration, TakesABooleanOptionWithoutValueAsTrue) {
  EXPECT_TRUE(config({"--panel-allow-insecure", "--node-id", "n"}).panel_allow_insecure);
  EXPECT_FALSE(config({"--panel-legacy-events", "off"}).panel_legacy_events);
}

TEST_F(Configuration, TakesAnEmptyEnvironmentVariableAsNotSet) {
  environment_["PANEL_URL"] = "";
  EXPECT_EQ(config().panel_url, "ws://localhost:8080");
}

TEST_F(Configuration, HasNoDefaultSecret) {
  environment_.clear();
  EXPECT_THAT(problem(), HasSubstr("AGENT_SECRET_FILE"));
}

TEST_F(Configuration, HasNoOptionForTheSecretAndSaysWhy) {
  const std::string text = problem({"--agent-secret=hunter2"});
  EXPECT_THAT(text, HasSubstr("command lines"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST_F(Configuration, RefusesASecretThatCannotBeSentAndDoesNotRepeatIt) {
  const std::string text = problemOf("AGENT_SECRET", "hunter2\r\nX-Evil: 1");
  EXPECT_THAT(text, HasSubstr("AGENT_SECRET"));
  EXPECT_THAT(text, Not(HasSubstr("hunter2")));
}

TEST_F(Configuration, ReadsTheSecretFromAFile) {
  environment_ = {{"AGENT_SECRET_FILE", files_.write("secret", "from-file\n")}};
  EXPECT_EQ(config().secret, "from-file");
}

TEST_F(Configuration, RefusesTwoSecrets) {
  environment_["AGENT_SECRET_FILE"] = files_.write("secret", "from-file\n");
  EXPECT_THAT(problem(), HasSubstr("both set"));
}

TEST_F(Configuration, ReadsTheSystemdCredential) {
  files_.write("agent-secret", "from-systemd\n");
  environment_ = {{"CREDENTIALS_DIRECTORY", files_.path()}};
  EXPECT_EQ(config().secret, "from-systemd");
}

TEST_F(Configuration, TakesTheSecretFromAPrivateFileOnly) {
  environment_.clear();
  EXPECT_EQ(fromFile("agent_secret=in-file\n").secret, "in-file");
  file_ = files_.write("open.conf", "agent_secret=in-file\n", std::filesystem::perms(0644));
  EXPECT_THAT(problem({"--config", file_.c_str()}), HasSubstr("chmod 0600"));
}

TEST_F(Configuration, ShowsWhatIsInForceAndWhereItComesFromButNoSecret) {
  environment_["PANEL_URL"] = "wss://panel/?token=hunter2";
  const auto line = read({"--check-config", "--rate-limit=3"});
  ASSERT_TRUE(line) << line.error().message;
  EXPECT_EQ(line->invocation, Invocation::kCheckConfig);
  std::string shown;
  for (const ConfiguredValue& value : line->in_force)
    shown += value.name + '=' + value.value + " from " + value.origin + '\n';
  EXPECT_THAT(shown, HasSubstr("RATE_LIMIT=3 from option\n"));
  EXPECT_THAT(shown, HasSubstr("PANEL_URL=wss://panel/?... from environment\n"));
  EXPECT_THAT(shown, HasSubstr("LOG_LEVEL=info from default\n"));
  EXPECT_THAT(shown, HasSubstr("AGENT_SECRET=(set) from environment\n"));
  EXPECT_THAT(shown, Not(HasSubstr("s3cret")));
  EXPECT_THAT(shown, Not(HasSubstr("hunter2")));
}

TEST_F(Configuration, ChecksNothingElseForHelpAndVersion) {
  environment_.clear();
  EXPECT_EQ(read({"--help"})->invocation, Invocation::kHelp);
  EXPECT_EQ(read({"--version"})->invocation, Invocation::kVersion);
}

TEST(Help, ListsEverySettingWithItsDefault) {
  const std::string help = helpText();
  for (const Setting& setting : settings()) {
    EXPECT_THAT(help, HasSubstr("  " + std::string(setting.name) + '='));
    if (!setting.secret) {
      EXPECT_THAT(help, HasSubstr('(' + setting.optionName() + ')'));
    }
    const auto shown = setting.default_text.empty() ? setting.default_note : setting.default_text;
    EXPECT_THAT(help, HasSubstr("Default: " + std::string(shown) + '\n'));
  }
}

TEST(Help, FitsIntoAHundredColumns) {
  std::istringstream help(helpText());
  for (std::string line; std::getline(help, line);) EXPECT_LE(line.size(), 99u) << line;
}

}  // namespace
}  // namespace agent
