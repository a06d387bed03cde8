#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>

#include "agent/actions/policy.h"
#include "agent/log.h"

namespace agent {

/// Everything the agent can be told before it starts, checked. Read once, never changed.
struct Config {
  std::string panel_url;
  std::string node_id;
  std::string secret;
  int health_port = 0;  ///< 0: any free port
  std::string health_bind;
  std::string runtime;     ///< endpoint URI
  std::string plugin_dir;  ///< empty: where the library was installed with its plugins
  std::string data_dir;
  std::string state_dir;
  std::string backup_dir;
  std::int64_t backup_rate = 0;  ///< bytes a second that a backup writes; 0: no limit
  std::size_t backups_kept = 0;  ///< of a server; 0: all
  std::string container_data_path;
  Policy policy;                                ///< of the host's operator
  std::string registry_auth_file;               ///< empty: none
  std::chrono::milliseconds stats_interval{0};  ///< 0: off
  std::size_t console_bytes = 256 * 1024;       ///< kept of each server's output; 0: not read
  int rate_limit = 0;                           ///< commands a second; 0: none
  bool panel_allow_insecure = false;
  std::string panel_ca_file;  ///< empty: the system's certificates alone
  bool panel_node_id_in_query = true;
  bool panel_legacy_events = true;
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
};

/// One setting as operators see it. Its name as an environment variable is `name`, as a file key
/// the same in lower case, as an option `--` and the same with dashes.
struct Setting {
  std::string_view name;
  std::string_view value_form;    ///< as help shows it: "URL", "SECONDS"
  std::string_view default_text;  ///< empty: none, or what `default_note` says
  std::string_view default_note;
  std::string_view help;
  /// Checks `text` and puts it into `config`. Errors do not name the setting; the caller does.
  control::Result<void> (*apply)(const std::string& text, Config& config);
  /// Its value is a secret: never shown, and there is no option for it, because every user of the
  /// host can read command lines.
  bool secret = false;

  std::string fileKey() const;
  std::string optionName() const;
};

/// All settings, in the order in which help shows them.
std::span<const Setting> settings();

/// What the process was started with; a parameter so that tests need no real one.
struct Surroundings {
  /// Nothing: not set.
  std::function<std::optional<std::string>(const std::string& name)> environment;
  std::string host_name;
};

enum class Invocation : int { kRun, kCheckConfig, kHelp, kVersion };

/// A value in force and where it came from, for --check-config. Never the secret's value.
struct ConfiguredValue {
  std::string name;
  std::string value;
  std::string origin;  ///< "option", "environment", "file /etc/agent.json", "default"
};

struct CommandLine {
  Invocation invocation = Invocation::kRun;
  Config config;                          ///< for kRun and kCheckConfig
  std::vector<ConfiguredValue> in_force;  ///< likewise
};

/// Reads options, environment and file, in this order of precedence, and checks every value.
/// An environment variable that is set but empty counts as not set.
/// kInvalidArgument: the message names the setting, what was wrong and what would be right.
control::Result<CommandLine> readConfiguration(std::span<const char* const> arguments,
                                               const Surroundings& surroundings);

std::string helpText();

/// `url` without its query, which may hold a secret: how it is shown and logged.
std::string withoutQuery(const std::string& url);

}  // namespace agent
