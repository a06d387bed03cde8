#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>
#include <libcontrol/types.h>

namespace control::mock {

/// What a process does on a signal that it handles.
struct SignalAction {
  enum class Kind { kExit, kPrint, kIgnore, kDie };
  Kind kind = Kind::kIgnore;
  int code = 0;
  std::string text{};
};

/// What the `mock.*` labels of a container say.
///
///   mock.run_for=5s            ends by itself, with mock.exit_code (default 0)
///   mock.crash_after=2s        the same with default 1
///   mock.exit_code=3           of an end by itself, or on SIGTERM or SIGINT
///   mock.ignore_signals=A,B    or `all`; SIGKILL cannot be ignored
///   mock.on_signal.INT=exit:42 or print:TEXT, ignore, die
///   mock.stop_delay=300ms      from a signal that ends it to the end
///   mock.oom_after=1s          killed for lack of memory
///   mock.stdout=TEXT, mock.stderr=TEXT   printed at the start; \n \t \r \\ \0 \xHH are escapes
///   mock.stdout_every=1s       and again at this interval
///   mock.start_error=TEXT      the start fails
///   mock.cpu_percent=25, mock.memory_bytes=1048576   what statistics show
///   mock.echo_stdin=true       prints what it reads
///   mock.healthy_after=2s      its image has a check, which passes from then on
///
/// With any of the first six the command is not looked at: the labels are the process.
struct Behaviour {
  std::optional<Duration> run_for{};
  std::optional<Duration> crash_after{};
  std::optional<Duration> oom_after{};
  std::optional<int> exit_code{};
  bool ignores_all = false;
  std::set<int> ignored{};
  std::map<int, SignalAction> on_signal{};
  Duration stop_delay{};
  std::string standard_output{};
  std::string standard_error{};
  std::optional<Duration> output_interval{};
  std::string start_error{};
  double cpu_percent = 2;
  std::uint64_t memory_bytes = 20u << 20;
  bool echoes_input = false;
  std::optional<Duration> healthy_after{};
  bool replaces_command = false;
};

/// Every label there is, for the test that each has an effect.
std::vector<std::string> labelOptions();

/// kInvalidArgument names the label, and what would be right.
Result<Behaviour> parseLabels(const std::map<std::string, std::string>& labels);

}  // namespace control::mock
