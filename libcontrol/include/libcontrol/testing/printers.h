#pragma once

#include <gtest/gtest-printers.h>

#include <chrono>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>

#include <libcontrol/runtime.h>
#include <libcontrol/supervisor.h>

/// How GoogleTest shows values of this library in the text of a failure. Include it (matchers.h
/// does) in every source file of a test program, or in none.

namespace control {

namespace testing::internal {

inline std::string utc(WallTime moment) {
  const auto day = std::chrono::floor<std::chrono::days>(moment);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(moment - day);
  const auto digits = [](auto number, std::size_t width) {
    std::string text = std::to_string(number);
    return text.size() < width ? std::string(width - text.size(), '0') + text : text;
  };
  return digits(static_cast<int>(date.year()), 4) + "-" +
         digits(static_cast<unsigned>(date.month()), 2) + "-" +
         digits(static_cast<unsigned>(date.day()), 2) + "T" + digits(time.hours().count(), 2) +
         ":" + digits(time.minutes().count(), 2) + ":" + digits(time.seconds().count(), 2) + "." +
         digits(time.subseconds().count(), 9) + "Z";
}

/// `{name value, name value}`, without what is absent or empty.
class Fields {
 public:
  Fields& add(std::string_view name, const std::string& value) {
    if (!value.empty())
      text_.append(text_.empty() ? "" : ", ").append(name).append(" ").append(value);
    return *this;
  }
  template <class T>
  Fields& add(std::string_view name, const std::optional<T>& value) {
    return value ? add(name, ::testing::PrintToString(*value)) : *this;
  }
  Fields& add(std::string_view name, const std::optional<WallTime>& value) {
    return value ? add(name, utc(*value)) : *this;
  }
  friend std::ostream& operator<<(std::ostream& out, const Fields& fields) {
    return out << "{" << fields.text_ << "}";
  }

 private:
  std::string text_;
};

}  // namespace testing::internal

// ---- Enumerations: their stable names. ----

inline void PrintTo(ErrorCode code, std::ostream* out) { *out << toString(code); }
inline void PrintTo(Effect effect, std::ostream* out) { *out << toString(effect); }
inline void PrintTo(ContainerState state, std::ostream* out) { *out << toString(state); }
inline void PrintTo(Capability capability, std::ostream* out) { *out << toString(capability); }
inline void PrintTo(StopOutcome outcome, std::ostream* out) { *out << toString(outcome); }
inline void PrintTo(EventType type, std::ostream* out) { *out << toString(type); }
inline void PrintTo(EntryState state, std::ostream* out) { *out << toString(state); }
inline void PrintTo(Reason reason, std::ostream* out) { *out << toString(reason); }
inline void PrintTo(OperationKind kind, std::ostream* out) { *out << toString(kind); }
inline void PrintTo(StartOutcome outcome, std::ostream* out) {
  *out << (outcome == StartOutcome::kStarted ? "started" : "already_running");
}
inline void PrintTo(SignalOutcome outcome, std::ostream* out) {
  *out << (outcome == SignalOutcome::kDelivered ? "delivered" : "not_running");
}
inline void PrintTo(RemoveOutcome outcome, std::ostream* out) {
  *out << (outcome == RemoveOutcome::kRemoved ? "removed" : "absent");
}
inline void PrintTo(OutputSource source, std::ostream* out) {
  switch (source) {
    case OutputSource::kStdout:
      *out << "stdout";
      return;
    case OutputSource::kStderr:
      *out << "stderr";
      return;
    case OutputSource::kConsole:
      *out << "console";
      return;
    case OutputSource::kGap:
      *out << "gap";
      return;
  }
  *out << static_cast<int>(source);
}

// ---- Values: what they hold, without what is absent. ----

inline void PrintTo(const Error& error, std::ostream* out) {
  *out << "error " << toString(error.code) << " (effect " << toString(error.effect)
       << "): " << error.message;
  if (!error.native.empty()) *out << " [" << error.native << "]";
}

/// "ok", or the value, or the error.
template <class T>
void PrintTo(const Result<T>& result, std::ostream* out) {
  if (!result)
    PrintTo(result.error(), out);
  else if constexpr (std::is_void_v<T>)
    *out << "ok";
  else
    *out << "ok: " << ::testing::PrintToString(*result);
}

inline void PrintTo(const ContainerId& id, std::ostream* out) { *out << '"' << id.value << '"'; }
inline void PrintTo(const Signal& signal, std::ostream* out) { *out << signal.name(); }
inline void PrintTo(const RunId& run, std::ostream* out) {
  *out << run.container.value << " since " << testing::internal::utc(run.started_at);
}

/// What is left of the time is not known without the clock, so only that there is a deadline.
inline void PrintTo(const CallContext& context, std::ostream* out) {
  *out << (context.deadline == TimePoint::max() ? "no deadline" : "a deadline")
       << (context.cancellation.stop_requested() ? ", cancelled" : "");
}

inline void PrintTo(const ExitStatus& exit, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("exit_code", exit.exit_code)
              .add("signal", exit.signal)
              .add("oom_killed", exit.oom_killed)
              .add("run",
                   exit.run.container.value.empty() ? "" : ::testing::PrintToString(exit.run))
              .add("finished_at", exit.finished_at);
}

inline void PrintTo(const StopReport& report, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("outcome", ::testing::PrintToString(report.outcome))
              .add("exit", report.exit);
}

inline void PrintTo(const RestartReport& report, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("stop", ::testing::PrintToString(report.stop))
              .add("start", ::testing::PrintToString(report.start));
}

inline void PrintTo(const CreatedContainer& created, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("id", created.id.value)
              .add("warnings",
                   created.warnings.empty() ? "" : ::testing::PrintToString(created.warnings));
}

inline void PrintTo(const RunningContainer& running, std::ostream* out) {
  *out << testing::internal::Fields().add("id", running.id.value);
}

inline void PrintTo(const ContainerInfo& info, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("id", info.id.value)
              .add("name", info.spec.name)
              .add("image", info.spec.image)
              .add("state", ::testing::PrintToString(info.state))
              .add("raw_state", info.raw_state)
              .add("error", info.error)
              .add("pid", info.pid)
              .add("started_at", info.started_at)
              .add("exit", info.exit);
}

inline void PrintTo(const ContainerSummary& row, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("id", row.id.value)
              .add("name", row.name)
              .add("image", row.image)
              .add("state", ::testing::PrintToString(row.state));
}

inline void PrintTo(const ContainerSpec& spec, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("name", spec.name)
              .add("image", spec.image)
              .add("command", spec.command.empty() ? "" : ::testing::PrintToString(spec.command))
              .add("labels", spec.labels.empty() ? "" : ::testing::PrintToString(spec.labels));
}

inline void PrintTo(const RuntimeInfo& info, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("engine", info.engine)
              .add("version", info.version)
              .add("api_version", info.api_version)
              .add("endpoint", info.endpoint)
              .add("os", info.os)
              .add("architecture", info.architecture)
              .add("kernel_version", info.kernel_version)
              .add("cgroup_version",
                   info.cgroup_version == 0 ? "" : std::to_string(info.cgroup_version))
              .add("capabilities",
                   info.capabilities.empty() ? "" : ::testing::PrintToString(info.capabilities));
}

inline void PrintTo(const StopOptions& options, std::ostream* out) {
  testing::internal::Fields fields;
  fields.add("signal", options.signal);
  if (options.timeout)
    fields.add("timeout",
               std::to_string(std::chrono::duration<double>(*options.timeout).count()) + " s");
  if (!options.send_signal) fields.add("send_signal", "false");
  *out << fields;
}

inline void PrintTo(const Event& event, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("type", ::testing::PrintToString(event.type))
              .add("raw_type", event.type == EventType::kUnknown ? event.raw_type : "")
              .add("container", event.container.value)
              .add("name", event.name)
              .add("exit_code", event.exit_code)
              .add("signal", event.signal);
}

inline void PrintTo(const Output& output, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("source", ::testing::PrintToString(output.source))
              .add("bytes", ::testing::PrintToString(output.bytes));
}

inline void PrintTo(const Transition& transition, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("entry", transition.entry)
              .add("previous", ::testing::PrintToString(transition.previous))
              .add("current", ::testing::PrintToString(transition.current))
              .add("reason", transition.reason)
              .add("operation", transition.operation_id)
              .add("exit", transition.exit)
              .add("error", transition.error);
}

inline void PrintTo(const OperationEnd& end, std::ostream* out) {
  *out << testing::internal::Fields()
              .add("operation", end.operation_id)
              .add("kind", ::testing::PrintToString(end.kind))
              .add("entry", end.entry)
              .add("error", end.error);
}

}  // namespace control
