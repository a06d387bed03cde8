#include "agent/config.h"

#include <arpa/inet.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <system_error>
#include <utility>

#include <Poco/AutoPtr.h>
#include <Poco/Exception.h>
#include <Poco/URI.h>
#include <Poco/Util/JSONConfiguration.h>
#include <Poco/Util/PropertyFileConfiguration.h>

#include "agent/secret.h"

namespace agent {
namespace {

using control::Error;
using control::Result;

constexpr std::size_t kLongestFile = 1024 * 1024;

/// A value as it was given, before it is checked.
struct Given {
  std::string text;
  std::string origin;
  std::string name;  ///< of the setting, as it is called where it was given
};
using GivenValues = std::map<std::string_view, Given>;

struct Options {
  Invocation invocation = Invocation::kRun;
  std::string file;
  GivenValues values;
};

const Setting* findOption(std::string_view name) {
  for (const Setting& setting : settings())
    if (setting.optionName() == name) return &setting;
  return nullptr;
}

bool isBooleanWord(std::string_view text) {
  for (const std::string_view word : {"true", "yes", "on", "1", "false", "no", "off", "0"})
    if (text == word) return true;
  return false;
}

/// Reads options one after the other.
class OptionReader {
 public:
  explicit OptionReader(std::span<const char* const> arguments) : rest_(arguments) {}

  Result<Options> read() {
    while (!rest_.empty()) {
      const std::string_view argument = take();
      const std::size_t equals = argument.find('=');
      const std::string_view name = argument.substr(0, equals);
      std::optional<std::string> value;
      if (equals != std::string_view::npos) value = argument.substr(equals + 1);
      if (auto done = readOne(name, std::move(value)); !done) return done.error();
    }
    return std::move(options_);
  }

 private:
  std::string_view take() {
    const std::string_view argument = rest_.front();
    rest_ = rest_.subspan(1);
    return argument;
  }

  Result<void> readOne(std::string_view name, std::optional<std::string> value) {
    if (name == "--config") {
      if (!value && !rest_.empty()) value = take();
      if (!value || value->empty()) return Error::invalid("--config needs a file");
      options_.file = *std::move(value);
      return {};
    }
    for (const auto& [word, invocation] :
         {std::pair{"--help", Invocation::kHelp}, std::pair{"-h", Invocation::kHelp},
          std::pair{"--version", Invocation::kVersion},
          std::pair{"--check-config", Invocation::kCheckConfig}}) {
      if (name != word) continue;
      if (value) return Error::invalid(std::string(name) + " takes no value");
      // Help beats the others, so that it can be asked for at the end of any line.
      if (options_.invocation != Invocation::kHelp) options_.invocation = invocation;
      return {};
    }
    return readSetting(name, std::move(value));
  }

  Result<void> readSetting(std::string_view name, std::optional<std::string> value) {
    const Setting* setting = findOption(name);
    if (setting == nullptr)
      return Error::invalid("unknown option '" + log::escape(name, LogFormat::kText) +
                            "'; --help lists all options");
    if (setting->secret)
      return Error::invalid("there is no option " + std::string(name) +
                            ", because every user of this host can read command lines; use "
                            "AGENT_SECRET_FILE");
    if (!value && setting->value_form == "BOOL")
      value = !rest_.empty() && isBooleanWord(rest_.front()) ? std::string(take()) : "true";
    if (!value && !rest_.empty()) value = take();
    if (!value) return Error::invalid(std::string(name) + " needs a value");
    options_.values[setting->name] = {*std::move(value), "option", std::string(name)};
    return {};
  }

  std::span<const char* const> rest_;
  Options options_;
};

Result<std::string> readFile(const std::string& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text(kLongestFile + 1, '\0');
  if (!stream) return Error::invalid("cannot read the configuration file " + path);
  stream.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (stream.bad()) return Error::invalid("cannot read the configuration file " + path);
  text.resize(static_cast<std::size_t>(stream.gcount()));
  if (text.size() > kLongestFile)
    return Error::invalid("the configuration file " + path + " is larger than 1 MiB");
  // Some editors put this before UTF-8.
  if (text.starts_with("\xEF\xBB\xBF")) text.erase(0, 3);
  return text;
}

Poco::AutoPtr<Poco::Util::AbstractConfiguration> parseFile(const std::string& text) {
  std::istringstream stream(text);
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first != std::string::npos && text[first] == '{')
    return new Poco::Util::JSONConfiguration(stream);
  return new Poco::Util::PropertyFileConfiguration(stream);
}

Result<GivenValues> valuesOfFile(const std::string& path) {
  const auto text = readFile(path);
  if (!text) return text.error();
  GivenValues values;
  std::string key_in_work;
  try {
    const auto file = parseFile(*text);
    Poco::Util::AbstractConfiguration::Keys keys;
    file->keys(keys);
    for (const std::string& key : keys) {
      key_in_work = ": " + key;
      const Setting* found = nullptr;
      for (const Setting& setting : settings())
        if (setting.fileKey() == key) found = &setting;
      if (found == nullptr)
        return Error::invalid("unknown key '" + log::escape(key, LogFormat::kText) + "' in " +
                              path + "; --help lists all settings");
      Poco::Util::AbstractConfiguration::Keys inner;
      file->keys(key, inner);
      if (!inner.empty()) return Error::invalid(key + " in " + path + " is not a single value");
      // Raw: "${...}" in a value is text, not a reference.
      values[found->name] = {file->getRawString(key), "file " + path, key + " in " + path};
    }
  } catch (const Poco::Exception& problem) {
    return Error::invalid("the configuration file " + path + " cannot be understood" + key_in_work +
                          ": " + problem.displayText());
  }
  if (values.contains("AGENT_SECRET"))
    if (auto checked = requirePrivateFile(path); !checked)
      return Error::invalid("agent_secret in " + path +
                            " cannot be used: " + checked.error().message);
  return values;
}

/// What is in force: options over environment over file over defaults.
Result<GivenValues> gather(const Options& options, const Surroundings& surroundings) {
  GivenValues values;
  if (!options.file.empty()) {
    auto from_file = valuesOfFile(options.file);
    if (!from_file) return from_file.error();
    values = *std::move(from_file);
  }
  for (const Setting& setting : settings()) {
    const std::string name(setting.name);
    if (auto value = surroundings.environment(name); value && !value->empty())
      values[setting.name] = {*std::move(value), "environment", name};
    if (const auto option = options.values.find(setting.name); option != options.values.end())
      values[setting.name] = option->second;
    if (!values.contains(setting.name) && !setting.default_text.empty())
      values[setting.name] = {std::string(setting.default_text), "default", name};
  }
  if (!values.contains("NODE_ID"))
    values["NODE_ID"] = {surroundings.host_name, "default", "NODE_ID (the host's name)"};
  return values;
}

bool isLoopback(const std::string& host) {
  if (host == "localhost" || host.ends_with(".localhost")) return true;
  in_addr v4{};
  if (::inet_pton(AF_INET, host.c_str(), &v4) == 1) return (ntohl(v4.s_addr) >> 24) == 127;
  in6_addr v6{};
  return ::inet_pton(AF_INET6, host.c_str(), &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6) != 0;
}

Result<void> requireSafeUrl(const Config& config) {
  const Poco::URI url(config.panel_url);
  std::string host = url.getHost();
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  if (url.getScheme() == "wss" || config.panel_allow_insecure || isLoopback(host)) return {};
  return Error::invalid(
      "PANEL_URL " + withoutQuery(config.panel_url) +
      " would send the secret through the network in the clear; use wss://, or set "
      "PANEL_ALLOW_INSECURE=true if that network is yours alone");
}

/// A directory of the agent, and what it is once symbolic links and ".." are followed.
struct OwnDirectory {
  OwnDirectory(const char* setting, const std::string& path) : text(setting + (' ' + path)) {
    std::error_code error;
    real = std::filesystem::weakly_canonical(path, error);
    if (error) real = std::filesystem::path(path).lexically_normal();
    if (real != path) text += " (" + real.string() + ')';
  }
  bool holds(const OwnDirectory& other) const {
    return std::mismatch(real.begin(), real.end(), other.real.begin(), other.real.end()).first ==
           real.end();
  }

  std::string text;
  std::filesystem::path real;
};

/// Servers and their backups have names that the panel gives: in one another, one of these
/// directories could be had by the name of a server, and would go with it.
Result<void> requireApart(const Config& config) {
  const OwnDirectory all[] = {{"DATA_DIR", config.data_dir},
                              {"STATE_DIR", config.state_dir},
                              {"BACKUP_DIR", config.backup_dir}};
  for (const OwnDirectory& inner : all)
    for (const OwnDirectory& outer : all) {
      if (&inner == &outer || !outer.holds(inner)) continue;
      const char* how = inner.holds(outer) ? " is the same directory as " : " lies in ";
      return Error::invalid(inner.text + how + outer.text +
                            "; choose DATA_DIR, STATE_DIR and BACKUP_DIR beside one another");
    }
  return {};
}

/// Fills in a secret that was given as systemd credential, and makes sure there is exactly one.
Result<void> settleSecret(CommandLine& line, const GivenValues& values,
                          const Surroundings& surroundings) {
  const bool direct = values.contains("AGENT_SECRET");
  if (direct && values.contains("AGENT_SECRET_FILE"))
    return Error::invalid("AGENT_SECRET (" + values.at("AGENT_SECRET").origin +
                          ") and AGENT_SECRET_FILE (" + values.at("AGENT_SECRET_FILE").origin +
                          ") are both set; remove one");
  if (!line.config.secret.empty()) return {};
  if (const auto folder = surroundings.environment("CREDENTIALS_DIRECTORY");
      folder && !folder->empty()) {
    auto secret = readSecretFile(*folder + "/agent-secret", SecretPlace::kSystemdCredential);
    if (!secret)
      return Error::invalid("no secret: the systemd credential agent-secret cannot be used: " +
                            secret.error().message);
    line.config.secret = *std::move(secret);
    line.in_force.push_back({"AGENT_SECRET", "(set)", "systemd credential"});
    return {};
  }
  return Error::invalid(
      "no secret: set AGENT_SECRET_FILE to a file (mode 0600) that holds the panel's secret for "
      "this node, or AGENT_SECRET in the environment");
}

}  // namespace

Result<CommandLine> readConfiguration(std::span<const char* const> arguments,
                                      const Surroundings& surroundings) {
  const auto options = OptionReader(arguments).read();
  if (!options) return options.error();
  CommandLine line{.invocation = options->invocation, .config = {}, .in_force = {}};
  if (line.invocation == Invocation::kHelp || line.invocation == Invocation::kVersion) return line;

  const auto values = gather(*options, surroundings);
  if (!values) return values.error();
  for (const Setting& setting : settings()) {
    const auto given = values->find(setting.name);
    if (given == values->end()) continue;
    const auto& [text, origin, name] = given->second;
    if (auto applied = setting.apply(text, line.config); !applied) {
      // A URL may hold a password or a token.
      const bool hidden = setting.secret || setting.name == "PANEL_URL";
      const std::string shown = hidden ? " " : " '" + log::escape(text, LogFormat::kText) + "' ";
      return Error::invalid(name + shown + applied.error().message);
    }
    const std::string shown = setting.secret                ? "(set)"
                              : setting.name == "PANEL_URL" ? withoutQuery(text)
                                                            : text;
    line.in_force.push_back({std::string(setting.name), shown, origin});
  }
  if (auto settled = settleSecret(line, *values, surroundings); !settled) return settled.error();
  if (auto safe = requireSafeUrl(line.config); !safe) return safe.error();
  if (auto apart = requireApart(line.config); !apart) return apart.error();
  return line;
}

}  // namespace agent
