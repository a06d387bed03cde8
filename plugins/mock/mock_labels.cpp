#include "mock/mock_labels.h"

#include <charconv>
#include <functional>
#include <string_view>

#include "mock/mock_text.h"

namespace control::mock {
namespace {

constexpr std::string_view kPrefix = "mock.";
constexpr std::string_view kOnSignal = "mock.on_signal.";

/// Empty: accepted; else what the value should have been.
using Complaint = std::string;
using Setter = Complaint (*)(Behaviour&, std::string_view);

template <class Number>
std::optional<Number> parseNumber(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int> parseExitCode(std::string_view text) {
  const auto code = parseNumber<int>(text);
  return code && *code >= 0 && *code <= 255 ? code : std::nullopt;
}

constexpr const char* kWantsDuration =
    "a duration with its unit (us, ms, s, m, h, d) right behind the number, as 300ms";
constexpr const char* kWantsExitCode = "an exit code from 0 to 255";

template <std::optional<Duration> Behaviour::*Member, bool Life>
Complaint setDuration(Behaviour& behaviour, std::string_view value) {
  const auto duration = parseDuration(value);
  if (!duration) return kWantsDuration;
  behaviour.*Member = *duration;
  behaviour.replaces_command |= Life;
  return {};
}

Complaint setInterval(Behaviour& behaviour, std::string_view value) {
  const auto duration = parseDuration(value);
  if (!duration || *duration < std::chrono::milliseconds(1)) return "a duration of 1ms or more";
  behaviour.output_interval = *duration;
  return {};
}

Complaint setExitCode(Behaviour& behaviour, std::string_view value) {
  behaviour.exit_code = parseExitCode(value);
  behaviour.replaces_command = true;
  return behaviour.exit_code ? "" : kWantsExitCode;
}

Complaint setIgnored(Behaviour& behaviour, std::string_view value) {
  behaviour.replaces_command = true;
  if (value == "all") {
    behaviour.ignores_all = true;
    return {};
  }
  while (!value.empty()) {
    const std::size_t end = std::min(value.find(','), value.size());
    const auto signal = Signal::parse(value.substr(0, end));
    if (!signal) return "signals as TERM,INT, or all";
    if (*signal == Signal::kill()) return "without KILL, which no process can ignore";
    behaviour.ignored.insert(signal->number);
    value.remove_prefix(std::min(end + 1, value.size()));
  }
  return behaviour.ignored.empty() ? "signals as TERM,INT, or all" : "";
}

Complaint setStopDelay(Behaviour& behaviour, std::string_view value) {
  const auto duration = parseDuration(value);
  behaviour.replaces_command = true;
  if (!duration) return kWantsDuration;
  behaviour.stop_delay = *duration;
  return {};
}

template <std::string Behaviour::*Member>
Complaint setText(Behaviour& behaviour, std::string_view value) {
  behaviour.*Member = unescape(value);
  return {};
}

Complaint setStartError(Behaviour& behaviour, std::string_view value) {
  if (value.empty()) return "the message of the failed start";
  behaviour.start_error = value;
  return {};
}

Complaint setCpu(Behaviour& behaviour, std::string_view value) {
  const auto percent = parseNumber<double>(value);
  if (!percent || !(*percent >= 0 && *percent <= 100000)) return "percent of one core, as 25";
  behaviour.cpu_percent = *percent;
  return {};
}

Complaint setMemory(Behaviour& behaviour, std::string_view value) {
  const auto bytes = parseNumber<std::uint64_t>(value);
  if (!bytes || *bytes > (std::uint64_t{1} << 62)) return "a number of bytes";
  behaviour.memory_bytes = *bytes;
  return {};
}

Complaint setEcho(Behaviour& behaviour, std::string_view value) {
  if (value != "true" && value != "false") return "true or false";
  behaviour.echoes_input = value == "true";
  return {};
}

const std::map<std::string_view, Setter>& setters() {
  static const std::map<std::string_view, Setter> kSetters{
      {"mock.run_for", setDuration<&Behaviour::run_for, true>},
      {"mock.crash_after", setDuration<&Behaviour::crash_after, true>},
      {"mock.oom_after", setDuration<&Behaviour::oom_after, false>},
      {"mock.exit_code", setExitCode},
      {"mock.ignore_signals", setIgnored},
      {"mock.stop_delay", setStopDelay},
      {"mock.stdout", setText<&Behaviour::standard_output>},
      {"mock.stderr", setText<&Behaviour::standard_error>},
      {"mock.stdout_every", setInterval},
      {"mock.start_error", setStartError},
      {"mock.cpu_percent", setCpu},
      {"mock.memory_bytes", setMemory},
      {"mock.echo_stdin", setEcho},
      {"mock.healthy_after", setDuration<&Behaviour::healthy_after, false>},
  };
  return kSetters;
}

Complaint setOnSignal(Behaviour& behaviour, std::string_view name, std::string_view value) {
  const auto signal = Signal::parse(name);
  if (!signal || *signal == Signal::kill()) return "a label that ends in a signal other than KILL";
  SignalAction action;
  if (value.starts_with("exit:")) {
    const auto code = parseExitCode(value.substr(5));
    if (!code) return "exit: with an exit code from 0 to 255";
    action = {.kind = SignalAction::Kind::kExit, .code = *code};
  } else if (value.starts_with("print:")) {
    action = {.kind = SignalAction::Kind::kPrint, .text = unescape(value.substr(6))};
  } else if (value == "die") {
    action.kind = SignalAction::Kind::kDie;
  } else if (value != "ignore") {
    return "exit:N, print:TEXT, ignore or die";
  }
  behaviour.replaces_command = true;
  behaviour.on_signal[signal->number] = std::move(action);
  return {};
}

std::string knownLabels() {
  std::string list;
  for (const auto& [name, setter] : setters()) list += std::string(name) + ", ";
  return list + std::string(kOnSignal) + "NAME";
}

Error refused(const std::string& label, const std::string& value, const Complaint& wanted) {
  return {.code = ErrorCode::kInvalidArgument,
          .message = "label " + label + "='" + value + "': use " + wanted};
}

}  // namespace

std::vector<std::string> labelOptions() {
  std::vector<std::string> names;
  for (const auto& [name, setter] : setters()) names.emplace_back(name);
  names.push_back(std::string(kOnSignal) + "NAME");
  return names;
}

Result<Behaviour> parseLabels(const std::map<std::string, std::string>& labels) {
  Behaviour behaviour;
  for (auto at = labels.lower_bound(std::string(kPrefix));
       at != labels.end() && at->first.starts_with(kPrefix); ++at) {
    const auto& [label, value] = *at;
    Complaint wanted;
    if (label.starts_with(kOnSignal)) {
      wanted = setOnSignal(behaviour, std::string_view(label).substr(kOnSignal.size()), value);
    } else if (const auto found = setters().find(label); found != setters().end()) {
      wanted = found->second(behaviour, value);
    } else {
      return Error{.code = ErrorCode::kInvalidArgument,
                   .message = "unknown label " + label + ": known are " + knownLabels()};
    }
    if (!wanted.empty()) return refused(label, value, wanted);
  }
  return behaviour;
}

}  // namespace control::mock
