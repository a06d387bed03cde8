// What an entry is to do, as text that fits in a label.

#include <algorithm>
#include <array>
#include <charconv>
#include <vector>

#include <libcontrol/supervisor.h>

#include "supervise/escape.h"

namespace control {
namespace {

std::string_view toText(RestartPolicy::Mode mode) {
  switch (mode) {
    case RestartPolicy::Mode::kNo:
      return "no";
    case RestartPolicy::Mode::kOnFailure:
      return "on-failure";
    case RestartPolicy::Mode::kAlways:
      return "always";
  }
  return "no";
}

std::optional<RestartPolicy::Mode> modeFrom(std::string_view text) {
  using Mode = RestartPolicy::Mode;
  for (const Mode one : {Mode::kNo, Mode::kOnFailure, Mode::kAlways})
    if (text == toText(one)) return one;
  return std::nullopt;
}

std::string millisecondsOf(Duration time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(time).count());
}

template <class Number>
std::optional<Number> numberFrom(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

std::optional<Duration> timeFrom(std::string_view text) {
  constexpr std::int64_t kMost = std::chrono::milliseconds(std::chrono::hours(24 * 365)).count();
  const auto number = numberFrom<std::int64_t>(text);
  if (!number || *number > kMost) return std::nullopt;
  return std::chrono::milliseconds(*number);
}

/// "!COMMAND/MILLISECONDS" or "SIGNAL/MILLISECONDS".
std::optional<StopLadder::Rung> rungFrom(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos || slash == 0) return std::nullopt;
  const auto timeout = timeFrom(text.substr(slash + 1));
  if (!timeout) return std::nullopt;
  StopLadder::Rung rung{.timeout = *timeout};
  if (text.front() != '!') {
    const auto signal = Signal::parse(text.substr(0, slash));
    if (!signal) return std::nullopt;
    rung.signal = *signal;
    return rung;
  }
  const auto command = unescape(text.substr(1, slash - 1));
  if (!command || command->empty()) return std::nullopt;
  rung.command = *command;
  return rung;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

}  // namespace

std::string RestartPolicy::toText() const {
  const RestartPolicy usual;
  std::string text(control::toText(mode));
  if (mode == Mode::kNo) return text;
  text += ':' + std::to_string(max_retries);
  if (first_delay == usual.first_delay && longest_delay == usual.longest_delay &&
      reset_after == usual.reset_after)
    return text;
  return text + ':' + millisecondsOf(first_delay) + ':' + millisecondsOf(longest_delay) + ':' +
         millisecondsOf(reset_after);
}

std::optional<RestartPolicy> RestartPolicy::parse(std::string_view text) {
  const std::vector<std::string_view> parts = split(text, ':');
  const auto mode = modeFrom(parts.front());
  if (!mode || (parts.size() > 2 && parts.size() != 5)) return std::nullopt;
  RestartPolicy policy{.mode = *mode};
  if (parts.size() == 1) return policy;
  const auto retries = numberFrom<int>(parts[1]);
  if (!retries) return std::nullopt;
  policy.max_retries = *retries;
  if (parts.size() == 2) return policy;
  const std::array times = {timeFrom(parts[2]), timeFrom(parts[3]), timeFrom(parts[4])};
  for (const auto& time : times)
    if (!time) return std::nullopt;
  policy.first_delay = *times[0];
  policy.longest_delay = *times[1];
  policy.reset_after = *times[2];
  return policy;
}

std::string StopLadder::toText() const {
  std::string text;
  for (const Rung& rung : rungs) {
    if (!text.empty()) text += ' ';
    text += rung.command.empty() ? rung.signal.name() : '!' + escape(rung.command);
    text += '/' + millisecondsOf(rung.timeout);
  }
  return text;
}

std::optional<StopLadder> StopLadder::parse(std::string_view text) {
  StopLadder ladder;
  if (text.empty()) return ladder;
  for (const std::string_view part : split(text, ' ')) {
    const auto rung = rungFrom(part);
    if (!rung) return std::nullopt;
    ladder.rungs.push_back(*rung);
  }
  return ladder;
}

}  // namespace control
