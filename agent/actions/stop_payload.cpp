#include <cmath>

#include "agent/actions/create_payload.h"
#include "agent/actions/line_ends.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

constexpr std::size_t kMostStopSteps = 8;
constexpr std::size_t kMostStopCommandBytes = 1024;

std::optional<control::Signal> readSignal(const Fields& fields) {
  const Json* field = fields.findOrNull("signal");
  if (field == nullptr) return std::nullopt;
  std::string text;
  if (field->text() != nullptr) text = *field->text();
  if (field->integer() != nullptr) text = std::to_string(*field->integer());
  const control::Result<control::Signal> signal = control::Signal::parse(text);
  if (!signal)
    fields.refuse("signal",
                  "must be a signal by name or number, as \"SIGTERM\", \"int\", 15 or "
                  "\"SIGRTMIN+3\"");
  return *signal;
}

std::optional<double> readTimeoutSeconds(const Fields& fields) {
  const Json* field = fields.findOrNull("timeout");
  if (field != nullptr && field->isNull())
    fields.refuse("timeout", "must be a number of seconds; leave it out for the default");
  return fields.number("timeout", 0, kLongestStopTimeoutSeconds);
}

control::Duration fromSeconds(double seconds) {
  return control::Duration(std::llround(seconds * 1e9));
}

/// One line for a console.
std::optional<std::string> readStopCommand(const Fields& fields) {
  std::optional<std::string> command = fields.text("command");
  if (!command) return command;
  if (!isConsoleLine(*command, kMostStopCommandBytes))
    fields.refuse("command",
                  "must be one line of 1 byte to 1 KiB without line breaks and control characters "
                  "but tabs");
  return command;
}

control::StopLadder::Rung readStopStep(const Fields& step) {
  control::StopLadder::Rung rung;
  const auto signal = readSignal(step);
  rung.command = readStopCommand(step).value_or("");
  if (signal.has_value() != rung.command.empty())
    throw Refusal("INVALID_PAYLOAD", step.path() + " must have either a command or a signal");
  rung.signal = signal.value_or(control::Signal::term());
  const std::optional<double> timeout = readTimeoutSeconds(step);
  rung.timeout = timeout ? fromSeconds(*timeout) : kDefaultStopTimeout;
  return rung;
}

std::vector<control::StopLadder::Rung> readStopSteps(const Fields& stop, const Json& field) {
  for (const char* name : {"signal", "timeout", "command"})
    if (stop.findOrNull(name) != nullptr)
      stop.refuse(name, "must stand in a step when there are steps");
  const Json::Array* list = field.elements();
  if (list == nullptr || list->empty() || list->size() > kMostStopSteps)
    stop.refuse("steps", "must be an array of 1 to 8 objects {command or signal, timeout}");
  std::vector<control::StopLadder::Rung> rungs;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const std::string path = stop.pathOf("steps") + '[' + std::to_string(i) + ']';
    if ((*list)[i].members() == nullptr)
      throw Refusal("INVALID_PAYLOAD", path + " must be an object {command or signal, timeout}");
    rungs.push_back(readStopStep(Fields(&(*list)[i], path)));
  }
  return rungs;
}

}  // namespace

/// An engine that goes down by itself knows a signal and a timeout only: those of the last step
/// that is a signal.
void readStop(const Fields& payload, control::EntrySpec& entry) {
  control::ContainerSpec& spec = entry.container;
  const Fields stop = payload.object("stop");
  auto& rungs = entry.stop_ladder.rungs;
  if (const Json* steps = stop.findOrNull("steps")) {
    rungs = readStopSteps(stop, *steps);
    spec.stop_timeout = rungs.back().timeout;
    for (const control::StopLadder::Rung& rung : rungs)
      if (rung.command.empty()) {
        spec.stop_signal = rung.signal;
        spec.stop_timeout = rung.timeout;
      }
    spec.labels[kStopLadderLabel] = entry.stop_ladder.toText();
    return;
  }
  spec.stop_signal = readSignal(stop);
  const std::optional<double> timeout = readTimeoutSeconds(stop);
  spec.stop_timeout = timeout ? fromSeconds(*timeout) : kDefaultStopTimeout;
  if (timeout) spec.labels[kStopTimeoutLabel] = Json(*timeout).write();
  const auto command = readStopCommand(stop);
  if (!command) return;
  const control::Signal signal = spec.stop_signal.value_or(control::Signal::term());
  rungs = {{.command = *command, .timeout = *spec.stop_timeout},
           {.signal = signal, .timeout = *spec.stop_timeout}};
  spec.labels[kStopLadderLabel] = entry.stop_ladder.toText();
}

control::StopOptions readStopPayload(const Fields& payload,
                                     std::optional<control::Duration> default_timeout) {
  control::StopOptions options;
  options.signal = readSignal(payload);
  const std::optional<double> timeout = readTimeoutSeconds(payload);
  options.timeout = timeout ? fromSeconds(*timeout) : default_timeout;
  if (options.signal && !options.timeout) options.timeout = kDefaultStopTimeout;
  return options;
}

}  // namespace agent
