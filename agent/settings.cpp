#include <arpa/inet.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <iterator>

#include <Poco/Exception.h>
#include <Poco/URI.h>

#include <libcontrol/endpoint.h>
#include <libcontrol/version.h>

#include "agent/actions/registry_auth.h"
#include "agent/config.h"
#include "agent/secret.h"

namespace agent {
namespace {

using control::Error;
using control::Result;

bool isPrintable(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

Result<int> toInteger(const std::string& text, int lowest, int highest) {
  int value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem != std::errc() || end != text.data() + text.size() || value < lowest ||
      value > highest)
    return Error::invalid("is not a whole number from " + std::to_string(lowest) + " to " +
                          std::to_string(highest));
  return value;
}

Result<bool> toBoolean(const std::string& text) {
  for (const char* yes : {"true", "yes", "on", "1"})
    if (text == yes) return true;
  for (const char* no : {"false", "no", "off", "0"})
    if (text == no) return false;
  return Error::invalid("is not true or false");
}

Result<void> putBoolean(const std::string& text, bool& target) {
  const auto value = toBoolean(text);
  if (!value) return value.error();
  target = *value;
  return {};
}

Result<void> putAbsolutePath(const std::string& text, std::string& target) {
  if (!text.starts_with('/') || text.find('\0') != std::string::npos)
    return Error::invalid("is not an absolute path");
  target = text;
  return {};
}

/// Without slashes at its end: what makes the directory tells its name from those above it.
Result<void> putDirectory(const std::string& text, std::string& target) {
  if (auto path = putAbsolutePath(text, target); !path) return path;
  if (std::filesystem::path(text).lexically_normal() == "/")
    return Error::invalid("is the root directory; it must be a directory below it");
  while (target.ends_with('/') || target.ends_with("/.")) target.pop_back();
  return {};
}

Result<void> putPanelUrl(const std::string& text, Config& config) {
  constexpr const char* kForm = "; it must look like wss://panel.example.com/path";
  if (!isPrintable(text)) return Error::invalid(std::string("holds characters no URL has") + kForm);
  try {
    const Poco::URI url(text);
    if (url.getScheme() != "ws" && url.getScheme() != "wss")
      return Error::invalid(std::string("does not begin with ws:// or wss://") + kForm);
    if (!url.getUserInfo().empty() || url.getAuthority().find('@') != std::string::npos)
      return Error::invalid(
          "names a user; the agent identifies itself by NODE_ID and AGENT_SECRET");
    if (url.getHost().empty()) return Error::invalid(std::string("names no host") + kForm);
    if (url.getPort() == 0) return Error::invalid("has a port that is not from 1 to 65535");
    if (!url.getFragment().empty())
      return Error::invalid("has a fragment (#), which cannot be sent");
  } catch (const Poco::Exception&) {
    return Error::invalid(std::string("is not a URL") + kForm);
  }
  config.panel_url = text;
  return {};
}

Result<void> putNodeId(const std::string& text, Config& config) {
  if (text.empty() || text.size() > 128 || !isPrintable(text))
    return Error::invalid("is not 1 to 128 printable ASCII characters without spaces");
  config.node_id = text;
  return {};
}

Result<void> putSecret(const std::string& text, Config& config) {
  if (auto checked = checkSecret(text); !checked)
    return Error::invalid("cannot be used: " + checked.error().message);
  config.secret = text;
  return {};
}

Result<void> putHealthPort(const std::string& text, Config& config) {
  const auto port = toInteger(text, 0, 65535);
  if (!port) return port.error();
  config.health_port = *port;
  return {};
}

Result<void> putHealthBind(const std::string& text, Config& config) {
  unsigned char address[sizeof(in6_addr)];
  if (::inet_pton(AF_INET, text.c_str(), address) != 1 &&
      ::inet_pton(AF_INET6, text.c_str(), address) != 1)
    return Error::invalid("is not an IP address, as 127.0.0.1 or ::1");
  config.health_bind = text;
  return {};
}

Result<void> putRuntime(const std::string& text, Config& config) {
  if (auto endpoint = control::Endpoint::parse(text); !endpoint)
    return Error::invalid("is not an engine's address: " + endpoint.error().message);
  config.runtime = text;
  return {};
}

Result<void> putStatsInterval(const std::string& text, Config& config) {
  double seconds = 0;
  const auto [end, problem] =
      std::from_chars(text.data(), text.data() + text.size(), seconds, std::chars_format::fixed);
  const bool number = problem == std::errc() && end == text.data() + text.size() &&
                      std::isfinite(seconds) && !std::signbit(seconds);
  if (!number || (seconds != 0 && (seconds < 0.1 || seconds > 86'400)))
    return Error::invalid("is not a number of seconds from 0.1 to 86400, or 0 for never");
  config.stats_interval = std::chrono::milliseconds(std::llround(seconds * 1000));
  return {};
}

Result<void> putRateLimit(const std::string& text, Config& config) {
  const auto limit = toInteger(text, 0, 1'000'000);
  if (!limit) return limit.error();
  config.rate_limit = *limit;
  return {};
}

constexpr int kLeastConsole = 16 * 1024;
constexpr int kMostConsole = 64 * 1024 * 1024;

Result<void> putConsoleBytes(const std::string& text, Config& config) {
  const auto bytes = toInteger(text, 0, kMostConsole);
  if (!bytes) return bytes.error();
  if (*bytes != 0 && *bytes < kLeastConsole)
    return Error::invalid("is less than " + std::to_string(kLeastConsole) + " and not 0");
  config.console_bytes = static_cast<std::size_t>(*bytes);
  return {};
}

constexpr std::size_t kLongestCaFile = 4 * 1024 * 1024;

Result<void> putCaFile(const std::string& text, Config& config) {
  if (auto path = putAbsolutePath(text, config.panel_ca_file); !path) return path;
  std::ifstream file(text, std::ios::binary);
  std::string content(kLongestCaFile, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (!file.is_open() || file.bad()) return Error::invalid("names a file that cannot be read");
  content.resize(static_cast<std::size_t>(file.gcount()));
  // Without one, every connection would fail.
  if (content.find("CERTIFICATE-----") == std::string::npos)
    return Error::invalid("names a file without a certificate (PEM)");
  return {};
}

constexpr const char* kPolicyFile = "/etc/ctrl-alt-play/policy.json";

/// Without a policy everything is allowed; only the default one may be missing.
Result<void> putPolicyFile(const std::string& text, Config& config) {
  if (std::string path; !putAbsolutePath(text, path))
    return Error::invalid("is not an absolute path");
  if (text == kPolicyFile && ::access(kPolicyFile, F_OK) != 0 && errno == ENOENT) return {};
  auto policy = readPolicyFile(text);
  if (!policy) return Error::invalid("cannot be used: " + policy.error().message);
  config.policy = *std::move(policy);
  return {};
}

Result<void> putRegistryAuthFile(const std::string& text, Config& config) {
  if (!putAbsolutePath(text, config.registry_auth_file))
    return Error::invalid("is not an absolute path");
  if (const auto read = readCredentials(text, "any"); !read)
    return Error::invalid("cannot be used: " + read.error().message);
  return {};
}

Result<void> putLogLevel(const std::string& text, Config& config) {
  constexpr std::pair<std::string_view, LogLevel> kLevels[] = {
      {"trace", LogLevel::kTrace},     {"debug", LogLevel::kDebug},  {"info", LogLevel::kInfo},
      {"warning", LogLevel::kWarning}, {"warn", LogLevel::kWarning}, {"error", LogLevel::kError},
      {"off", LogLevel::kOff}};
  for (const auto& [word, level] : kLevels)
    if (text == word) {
      config.log_level = level;
      return {};
    }
  return Error::invalid("is not trace, debug, info, warning, error or off");
}

Result<void> putLogFormat(const std::string& text, Config& config) {
  if (text != "text" && text != "json") return Error::invalid("is not text or json");
  config.log_format = text == "json" ? LogFormat::kJson : LogFormat::kText;
  return {};
}

/// Where a secret file is read is not a value of its own; readConfiguration reads the file.
Result<void> putSecretFile(const std::string& text, Config& config) {
  auto secret = readSecretFile(text, SecretPlace::kFile);
  if (!secret) return Error::invalid("cannot be used: " + secret.error().message);
  config.secret = *std::move(secret);
  return {};
}

constexpr Setting kSettings[] = {
    {"PANEL_URL", "URL", "ws://localhost:8080", "", "The panel, as ws:// or wss:// URL.",
     putPanelUrl},
    {"NODE_ID", "NAME", "", "the host's name", "How the panel knows this host.", putNodeId},
    {"AGENT_SECRET", "SECRET", "", "none: a secret is required",
     "What the agent proves to be this node with. Not an option, because command lines can be read "
     "by every user; in the file only when that is private (0600).",
     putSecret, true},
    {"AGENT_SECRET_FILE", "FILE", "", "the systemd credential agent-secret, if there is one",
     "A file that holds the secret, owned by the agent's user or root, mode 0600.", putSecretFile},
    {"PANEL_CA_FILE", "FILE", "", "the system's certificates alone",
     "Certificates (PEM) to trust beside the system's.", putCaFile},
    {"PANEL_ALLOW_INSECURE", "BOOL", "false", "",
     "Allow ws:// to other hosts: the secret crosses the network in the clear.",
     [](const std::string& text, Config& config) {
       return putBoolean(text, config.panel_allow_insecure);
     }},
    {"PANEL_NODE_ID_IN_QUERY", "BOOL", "true", "", "Append nodeId=NODE_ID to the URL's query.",
     [](const std::string& text, Config& config) {
       return putBoolean(text, config.panel_node_id_in_query);
     }},
    {"PANEL_LEGACY_EVENTS", "BOOL", "true", "",
     "Send state changes and output in the legacy format too.",
     [](const std::string& text, Config& config) {
       return putBoolean(text, config.panel_legacy_events);
     }},
    {"RUNTIME", "URI", "docker:///", "",
     "The container engine: docker:///, docker:///run/docker.sock, docker+tls://host:2376, "
     "podman:///, podman:///run/podman/podman.sock, mock:///default.",
     putRuntime},
    {"PLUGIN_DIR", "DIRECTORY", "", "where libcontrol's plugins were installed",
     "Where engine plugins are looked for.",
     [](const std::string& text, Config& config) {
       return putAbsolutePath(text, config.plugin_dir);
     }},
    {"DATA_DIR", "DIRECTORY", "/var/lib/ctrl-alt-play/servers", "",
     "Holds one directory of files for each server.",
     [](const std::string& text, Config& config) { return putDirectory(text, config.data_dir); }},
    {"STATE_DIR", "DIRECTORY", "/var/lib/ctrl-alt-play/state", "",
     "Holds what the agent itself remembers.",
     [](const std::string& text, Config& config) { return putDirectory(text, config.state_dir); }},
    {"BACKUP_DIR", "DIRECTORY", "/var/lib/ctrl-alt-play/backups", "",
     "Holds one directory of backups for each server.",
     [](const std::string& text, Config& config) { return putDirectory(text, config.backup_dir); }},
    {"BACKUP_RATE", "MIB", "0", "", "MiB a second that a backup may write; 0: no limit.",
     [](const std::string& text, Config& config) -> Result<void> {
       const auto rate = toInteger(text, 0, 1'000'000);
       if (!rate) return rate.error();
       config.backup_rate = std::int64_t{*rate} * 1024 * 1024;
       return {};
     }},
    {"BACKUPS_KEPT", "NUMBER", "10", "",
     "Backups of a server that are kept, the newest; 0: all, until they are deleted.",
     [](const std::string& text, Config& config) -> Result<void> {
       const auto kept = toInteger(text, 0, 1'000'000);
       if (!kept) return kept.error();
       config.backups_kept = static_cast<std::size_t>(*kept);
       return {};
     }},
    {"CONTAINER_DATA_PATH", "PATH", "/home/container", "",
     "Where a server sees its files inside the container.",
     [](const std::string& text, Config& config) {
       return putDirectory(text, config.container_data_path);
     }},
    {"POLICY_FILE", "FILE", kPolicyFile, "",
     "What this host allows the panel: images, host ports, ceilings of limits, signals (JSON). "
     "Belongs to root. Only the default file may be missing: then everything is allowed.",
     putPolicyFile},
    {"REGISTRY_AUTH_FILE", "FILE", "", "none: images are pulled without credentials",
     "Credentials for registries, as `docker login` writes them (config.json), owned by the "
     "agent's "
     "user or root, mode 0600. Read anew for each pull; never sent to the panel.",
     putRegistryAuthFile},
    {"STATS_INTERVAL", "SECONDS", "5", "",
     "Time between measurements of running servers, 0.1 to 86400; 0: never.", putStatsInterval},
    {"CONSOLE_BYTES", "NUMBER", "262144", "",
     "How much of each server's output is kept, in bytes, 16384 (16 KiB) to 67108864 (64 MiB); 0: "
     "output is not read.",
     putConsoleBytes},
    {"RATE_LIMIT", "NUMBER", "200", "",
     "Commands a second, over 5 s, that are accepted; 0: no limit.", putRateLimit},
    {"HEALTH_BIND", "ADDRESS", "127.0.0.1", "", "Where /health, /livez and /metrics listen.",
     putHealthBind},
    {"HEALTH_PORT", "PORT", "8081", "", "Their port; 0: any free one, told in the log.",
     putHealthPort},
    {"LOG_LEVEL", "LEVEL", "info", "", "trace, debug, info, warning, error or off.", putLogLevel},
    {"LOG_FORMAT", "FORMAT", "text", "", "text, or json for one object a line.", putLogFormat},
};

std::string lowerCase(std::string_view name, char separator) {
  std::string text(name);
  for (char& c : text)
    c = c == '_' ? separator : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

/// `text` in lines that begin at column `indent` and end before column 100.
std::string wrapped(std::string_view text, std::size_t indent) {
  std::string lines;
  std::size_t column = 100;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (column + 1 + word.size() > 99) {
      lines += lines.empty() ? std::string(indent, ' ') : '\n' + std::string(indent, ' ');
      column = indent;
    } else {
      lines += ' ';
      ++column;
    }
    lines += word;
    column += word.size();
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  return lines + '\n';
}

}  // namespace

std::string Setting::fileKey() const { return lowerCase(name, '_'); }
std::string Setting::optionName() const { return "--" + lowerCase(name, '-'); }

std::span<const Setting> settings() { return kSettings; }

std::string helpText() {
  std::string text =
      "Usage: ctrl-alt-play-agent [OPTION]...\n"
      "Lets a game-server panel drive the containers of this host.\n\n"
      "  --config FILE   settings from a file: properties, or one JSON object\n"
      "  --check-config  show the settings in force and where each comes from; start nothing\n"
      "  --version       show the version\n"
      "  --help          show this\n\n"
      "Settings. PANEL_URL is an environment variable, panel_url a key of the file, --panel-url "
      "an\n"
      "option; so are all others. Options beat the environment, the environment beats the "
      "file.\n\n";
  for (const Setting& setting : kSettings) {
    text += "  " + std::string(setting.name) + '=' + std::string(setting.value_form);
    if (!setting.secret) text += "  (" + setting.optionName() + ')';
    text += '\n' + wrapped(setting.help, 6);
    const std::string_view shown =
        setting.default_text.empty() ? setting.default_note : setting.default_text;
    text += "      Default: " + std::string(shown) + "\n";
  }
  return text +
         "\nExit status: 0 stopped as asked, 78 a setting or a plugin is wrong, 70 a defect.\n";
}

std::string withoutQuery(const std::string& url) {
  const std::size_t query = url.find('?');
  return query == std::string::npos ? url : url.substr(0, query) + "?...";
}

}  // namespace agent
