#include "engine/reply.h"

#include <algorithm>
#include <charconv>
#include <limits>

namespace control::engine {

Error missing(std::string_view what) {
  return {.code = ErrorCode::kInternal,
          .message = "the engine's answer has no valid " + std::string(what)};
}

std::string plainErrorText(std::string_view body) {
  while (!body.empty() && (body.back() == '\n' || body.back() == '\r')) body.remove_suffix(1);
  constexpr std::size_t kLongest = 2000;
  return std::string(body.substr(0, kLongest));
}

Error refusal(int status, ErrorCode code, const std::string& text) {
  const std::string number = std::to_string(status);
  return {.code = code,
          .message = "engine replied " + number + ": " + (text.empty() ? "no reason given" : text),
          .native = number};
}

std::optional<int> smallInteger(const JsonValue& value) {
  const auto number = value.integer();
  if (!number || *number < std::numeric_limits<int>::min() ||
      *number > std::numeric_limits<int>::max())
    return std::nullopt;
  return static_cast<int>(*number);
}

std::optional<std::int64_t> positive(const JsonValue& value) {
  const auto number = value.integer();
  return number && *number > 0 ? number : std::nullopt;
}

std::vector<std::string> strings(const JsonValue& value) {
  std::vector<std::string> out;
  value.forEachElement([&](const JsonValue& element) {
    if (auto text = element.string()) out.push_back(std::move(*text));
  });
  return out;
}

std::map<std::string, std::string> stringMap(const JsonValue& value) {
  std::map<std::string, std::string> out;
  value.forEachMember([&](std::string key, const JsonValue& member) {
    if (auto text = member.string()) out.insert_or_assign(std::move(key), std::move(*text));
  });
  return out;
}

namespace {

std::optional<int> digits(std::string_view text, std::size_t at, std::size_t count) {
  if (at + count > text.size()) return std::nullopt;
  int value = 0;
  const char* const begin = text.data() + at;
  const auto [end, error] = std::from_chars(begin, begin + count, value);
  if (error != std::errc{} || end != begin + count || *begin == '-') return std::nullopt;
  return value;
}

/// ".123" to nanoseconds; moves `at` past it.
std::optional<std::int64_t> fraction(std::string_view text, std::size_t& at) {
  if (at >= text.size() || text[at] != '.') return 0;
  std::int64_t nanoseconds = 0;
  std::int64_t unit = 100'000'000;
  const std::size_t first = ++at;
  for (; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, unit /= 10)
    nanoseconds += (text[at] - '0') * unit;
  if (at == first || at - first > 9) return std::nullopt;
  return nanoseconds;
}

/// "Z" or "+02:00" to seconds east of UTC.
std::optional<int> zone(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const auto hours = digits(text, 1, 2);
  const auto minutes = digits(text, 4, 2);
  if (!hours || !minutes) return std::nullopt;
  const int seconds = (*hours * 60 + *minutes) * 60;
  return text[0] == '-' ? -seconds : seconds;
}

}  // namespace

WallTime fromUnix(std::int64_t seconds, std::int64_t nanoseconds) {
  return WallTime(std::chrono::seconds(seconds) + std::chrono::nanoseconds(nanoseconds));
}

std::optional<WallTime> parseTime(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' ||
      text[16] != ':')
    return std::nullopt;
  const auto year = digits(text, 0, 4), month = digits(text, 5, 2), day = digits(text, 8, 2);
  const auto hour = digits(text, 11, 2), minute = digits(text, 14, 2), second = digits(text, 17, 2);
  if (!year || !month || !day || !hour || !minute || !second) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day))};
  // Years that 64 bits of nanoseconds cannot hold; the engine writes "never" as year 1.
  if (!date.ok() || *year < 1700 || *year > 2250) return std::nullopt;
  if (*hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
  std::size_t at = 19;
  const auto nanoseconds = fraction(text, at);
  const auto offset = zone(text.substr(at));
  if (!nanoseconds || !offset) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return fromUnix(days * 86'400 + *hour * 3600 + *minute * 60 + *second - *offset, *nanoseconds);
}

std::string unixTime(WallTime time) {
  const std::int64_t total = std::max<std::int64_t>(time.time_since_epoch().count(), 0);
  std::string decimals = std::to_string(total % 1'000'000'000);
  decimals.insert(0, 9 - decimals.size(), '0');
  return std::to_string(total / 1'000'000'000) + "." + decimals;
}

std::optional<WallTime> timeIn(const JsonValue& value) {
  const auto text = value.string();
  return text ? parseTime(*text) : std::nullopt;
}

std::optional<Signal> readSignal(const JsonValue& value) {
  const auto text = value.string();
  if (!text || text->empty()) return std::nullopt;
  const auto signal = Signal::parse(*text);
  return signal ? std::optional<Signal>(*signal) : std::nullopt;
}

std::optional<Health> healthIn(const JsonValue& state, const JsonValue& config) {
  const JsonValue told = state["Health"];
  Health health{.raw_state = told["Status"].stringOrEmpty()};
  if (health.raw_state.empty() || health.raw_state == "none") return std::nullopt;
  if (health.raw_state == "starting") health.state = Health::State::kStarting;
  if (health.raw_state == "healthy") health.state = Health::State::kHealthy;
  if (health.raw_state == "unhealthy") health.state = Health::State::kUnhealthy;
  told["Log"].forEachElement([&](const JsonValue&) { health.checked = true; });
  if (const auto interval = positive(config["Healthcheck"]["Interval"]))
    health.interval = std::chrono::nanoseconds(*interval);
  return health;
}

std::optional<int> numberIn(const std::map<std::string, std::string>& map, const char* key) {
  const auto found = map.find(key);
  if (found == map.end()) return std::nullopt;
  int value = 0;
  const char* const last = found->second.data() + found->second.size();
  const auto [end, error] = std::from_chars(found->second.data(), last, value);
  if (error != std::errc{} || end != last) return std::nullopt;
  return value;
}

std::vector<std::pair<std::string, std::string>> environmentIn(const JsonValue& list) {
  std::vector<std::pair<std::string, std::string>> out;
  list.forEachElement([&](const JsonValue& entry) {
    const std::string text = entry.stringOrEmpty();
    const std::size_t equals = std::min(text.find('='), text.size());
    out.emplace_back(text.substr(0, equals),
                     equals < text.size() ? text.substr(equals + 1) : std::string());
  });
  return out;
}

namespace {

/// "25565/tcp"
bool readPortKey(std::string_view key, PortMapping& port) {
  const std::size_t slash = key.find('/');
  const std::string_view digits_text = key.substr(0, slash);
  std::uint16_t number = 0;
  const auto [end, error] =
      std::from_chars(digits_text.data(), digits_text.data() + digits_text.size(), number);
  if (error != std::errc{} || end != digits_text.data() + digits_text.size()) return false;
  port.container_port = number;
  const std::string_view protocol = slash == std::string_view::npos ? "tcp" : key.substr(slash + 1);
  if (protocol == "udp")
    port.protocol = PortProtocol::kUdp;
  else if (protocol == "sctp")
    port.protocol = PortProtocol::kSctp;
  else if (protocol != "tcp")
    return false;
  return true;
}

}  // namespace

void readPorts(const JsonValue& bindings, std::vector<PortMapping>& ports) {
  bindings.forEachMember([&](const std::string& key, const JsonValue& hosts) {
    PortMapping port;
    if (!readPortKey(key, port)) return;
    hosts.forEachElement([&](const JsonValue& host) {
      const std::string number = host["HostPort"].stringOrEmpty();
      port.host_port = 0;
      std::from_chars(number.data(), number.data() + number.size(), port.host_port);
      port.host_ip = host["HostIp"].stringOrEmpty();
      ports.push_back(port);
    });
  });
}

void joinAllAddresses(std::vector<PortMapping>& ports) {
  for (PortMapping& port : ports)
    if (port.host_ip == "0.0.0.0" || port.host_ip == "::") port.host_ip.clear();
  std::vector<PortMapping> joined;
  for (const PortMapping& port : ports)
    if (std::find(joined.begin(), joined.end(), port) == joined.end()) joined.push_back(port);
  ports = std::move(joined);
}

Result<CreatedContainer> parseCreated(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  CreatedContainer created;
  created.id.value = document->root()["Id"].stringOrEmpty();
  if (created.id.value.empty()) return missing("'Id'");
  created.warnings = strings(document->root()["Warnings"]);
  return created;
}

Result<std::string> parseExecId(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  std::string id = document->root()["Id"].stringOrEmpty();
  if (id.empty()) return missing("'Id'");
  return id;
}

Result<ExecState> parseExecState(std::string text) {
  auto document = JsonDocument::parse(std::move(text));
  if (!document) return document.error();
  const JsonValue root = document->root();
  const auto running = root["Running"].boolean();
  if (!running) return missing("'Running'");
  ExecState state{.running = *running, .exit_code = smallInteger(root["ExitCode"])};
  if (const auto pid = smallInteger(root["Pid"]); pid && *pid > 0) state.pid = pid;
  return state;
}

void readCommonConfig(const JsonValue& config, const ContainerId& id, ContainerSpec& spec) {
  spec.image = config["Image"].stringOrEmpty();
  spec.command = strings(config["Cmd"]);
  spec.labels = stringMap(config["Labels"]);
  spec.working_directory = config["WorkingDir"].stringOrEmpty();
  spec.user = config["User"].stringOrEmpty();
  spec.hostname = config["Hostname"].stringOrEmpty();
  // The engine's own choice: a container made from this one gets another.
  if (spec.hostname == id.value.substr(0, 12)) spec.hostname.clear();
  spec.tty = config["Tty"].isTrue();
  spec.open_stdin = config["OpenStdin"].isTrue();
  if (const auto seconds = config["StopTimeout"].integer();
      seconds && *seconds >= 0 && *seconds < 1'000'000'000)
    spec.stop_timeout = std::chrono::seconds(*seconds);
}

}  // namespace control::engine
