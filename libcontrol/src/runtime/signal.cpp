#include <csignal>

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include <libcontrol/types.h>

namespace control {
namespace {

struct NamedSignal {
  std::string_view name;
  int number;
};

constexpr std::array kSignals{
    NamedSignal{"HUP", SIGHUP},   NamedSignal{"INT", SIGINT},
    NamedSignal{"QUIT", SIGQUIT}, NamedSignal{"ILL", SIGILL},
    NamedSignal{"TRAP", SIGTRAP}, NamedSignal{"ABRT", SIGABRT},
    NamedSignal{"BUS", SIGBUS},   NamedSignal{"FPE", SIGFPE},
    NamedSignal{"KILL", SIGKILL}, NamedSignal{"USR1", SIGUSR1},
    NamedSignal{"SEGV", SIGSEGV}, NamedSignal{"USR2", SIGUSR2},
    NamedSignal{"PIPE", SIGPIPE}, NamedSignal{"ALRM", SIGALRM},
    NamedSignal{"TERM", SIGTERM}, NamedSignal{"STKFLT", SIGSTKFLT},
    NamedSignal{"CHLD", SIGCHLD}, NamedSignal{"CONT", SIGCONT},
    NamedSignal{"STOP", SIGSTOP}, NamedSignal{"TSTP", SIGTSTP},
    NamedSignal{"TTIN", SIGTTIN}, NamedSignal{"TTOU", SIGTTOU},
    NamedSignal{"URG", SIGURG},   NamedSignal{"XCPU", SIGXCPU},
    NamedSignal{"XFSZ", SIGXFSZ}, NamedSignal{"VTALRM", SIGVTALRM},
    NamedSignal{"PROF", SIGPROF}, NamedSignal{"WINCH", SIGWINCH},
    NamedSignal{"IO", SIGIO},     NamedSignal{"PWR", SIGPWR},
    NamedSignal{"SYS", SIGSYS},   NamedSignal{"IOT", SIGABRT},
    NamedSignal{"CLD", SIGCHLD},  NamedSignal{"POLL", SIGIO},
};

// Of the kernel's real-time signals, 32 and 33 belong to the C library of whoever sends; names
// count from 34 as every libc and engine does.
constexpr int kRealTimeMin = 34;
constexpr int kRealTimeMax = 64;

std::optional<int> parseNumber(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int> parseRealTime(std::string_view text) {
  int base = 0;
  if (text.starts_with("RTMIN"))
    base = kRealTimeMin;
  else if (text.starts_with("RTMAX"))
    base = kRealTimeMax;
  else
    return std::nullopt;
  text.remove_prefix(5);
  if (text.empty()) return base;
  const char sign = text.front();
  const auto offset = parseNumber(text.substr(1));
  if ((sign != '+' && sign != '-') || !offset || *offset < 0) return std::nullopt;
  if (*offset > kRealTimeMax - kRealTimeMin) return std::nullopt;
  return sign == '+' ? base + *offset : base - *offset;
}

std::optional<int> parseName(std::string_view text) {
  for (const NamedSignal& signal : kSignals)
    if (signal.name == text) return signal.number;
  if (const auto number = parseRealTime(text))
    if (*number >= kRealTimeMin && *number <= kRealTimeMax) return number;
  return std::nullopt;
}

Error unknownSignal(std::string_view text) {
  std::string shown(text.substr(0, 40));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c < 0x20 || c > 0x7e; }, '?');
  return {.code = ErrorCode::kInvalidArgument,
          .message = "unknown signal '" + shown +
                     "': use a POSIX name with or without SIG (SIGTERM, int), a number from 1 to "
                     "64, or SIGRTMIN+n"};
}

}  // namespace

Result<Signal> Signal::parse(std::string_view text) {
  // Longer than any name: not worth copying.
  if (text.empty() || text.size() > 16) return unknownSignal(text);
  if (text.front() >= '0' && text.front() <= '9') {
    const auto number = parseNumber(text);
    if (!number || *number < 1 || *number > kRealTimeMax) return unknownSignal(text);
    return Signal{*number};
  }
  std::string upper(text);
  for (char& c : upper)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  std::string_view name = upper;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  if (const auto number = parseName(name)) return Signal{*number};
  return unknownSignal(text);
}

std::string Signal::name() const {
  for (const NamedSignal& signal : kSignals)
    if (signal.number == number) return "SIG" + std::string(signal.name);
  if (number == kRealTimeMin) return "SIGRTMIN";
  if (number > kRealTimeMin && number <= kRealTimeMax)
    return "SIGRTMIN+" + std::to_string(number - kRealTimeMin);
  return "SIG" + std::to_string(number);
}

}  // namespace control
