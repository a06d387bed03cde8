#include <libcontrol/testing/printers.h>

#include <gtest/gtest.h>

#include <vector>

namespace control::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::PrintToString;

WallTime noon() {
  return WallTime(std::chrono::sys_days(std::chrono::year(2026) / 3 / 4).time_since_epoch()) + 12h +
         5ms;
}

TEST(Printers, NameEnumerators) {
  EXPECT_EQ(PrintToString(ErrorCode::kPortConflict), "port_conflict");
  EXPECT_EQ(PrintToString(Effect::kApplied), "applied");
  EXPECT_EQ(PrintToString(ContainerState::kExited), "exited");
  EXPECT_EQ(PrintToString(Capability::kExec), "exec");
  EXPECT_EQ(PrintToString(StopOutcome::kAlreadyStopped), "already_stopped");
  EXPECT_EQ(PrintToString(StartOutcome::kAlreadyRunning), "already_running");
  EXPECT_EQ(PrintToString(SignalOutcome::kNotRunning), "not_running");
  EXPECT_EQ(PrintToString(RemoveOutcome::kAbsent), "absent");
  EXPECT_EQ(PrintToString(EventType::kGap), "gap");
  EXPECT_EQ(PrintToString(OutputSource::kStderr), "stderr");
  EXPECT_EQ(PrintToString(static_cast<OutputSource>(99)), "99");
  EXPECT_EQ(PrintToString(EntryState::kCrashed), "crashed");
  EXPECT_EQ(PrintToString(Reason::kOomKilled), "oom_killed");
  EXPECT_EQ(PrintToString(OperationKind::kPull), "pull");
}

TEST(Printers, ShowAnErrorInOneLine) {
  const Error error{.code = ErrorCode::kUnavailable, .message = "no engine"};
  EXPECT_EQ(PrintToString(error), "error unavailable (effect none): no engine");
  EXPECT_EQ(PrintToString(Result<int>(error)), PrintToString(error));
  EXPECT_EQ(PrintToString(Result<void>(error)), PrintToString(error));
  EXPECT_EQ(PrintToString(Result<void>()), "ok");
  EXPECT_EQ(PrintToString(Result<int>(7)), "ok: 7");
  EXPECT_EQ(PrintToString(std::vector<Result<int>>{Result<int>(1), Result<int>(error)}),
            "{ ok: 1, " + PrintToString(error) + " }");
}

TEST(Printers, LeaveOutWhatIsAbsent) {
  EXPECT_EQ(PrintToString(ExitStatus{}), "{}");
  EXPECT_EQ(PrintToString(ExitStatus{.exit_code = 0}), "{exit_code 0}");
  EXPECT_EQ(PrintToString(ExitStatus{.run = {.container = {"abc"}, .started_at = noon()},
                                     .exit_code = 137,
                                     .signal = Signal::kill(),
                                     .oom_killed = true,
                                     .finished_at = noon() + 1min}),
            "{exit_code 137, signal SIGKILL, oom_killed true, run abc since "
            "2026-03-04T12:00:00.005000000Z, finished_at 2026-03-04T12:01:00.005000000Z}");
}

TEST(Printers, ShowReports) {
  EXPECT_EQ(PrintToString(
                StopReport{.outcome = StopOutcome::kStopped, .exit = ExitStatus{.exit_code = 3}}),
            "{outcome stopped, exit {exit_code 3}}");
  EXPECT_EQ(PrintToString(RestartReport{}), "{stop {outcome absent}, start started}");
  EXPECT_EQ(PrintToString(StopOptions{.signal = Signal::interrupt(), .timeout = 1500ms}),
            "{signal SIGINT, timeout 1.500000 s}");
  EXPECT_EQ(PrintToString(CreatedContainer{.id = {"abc"}}), "{id abc}");
}

TEST(Printers, ShowContainers) {
  ContainerInfo info{.id = {"abc"}, .state = ContainerState::kRunning, .raw_state = "up", .pid = 7};
  info.spec.name = "web";
  EXPECT_EQ(PrintToString(info), "{id abc, name web, state running, raw_state up, pid 7}");
  EXPECT_EQ(PrintToString(ContainerSummary{.id = {"abc"}, .name = "web"}),
            "{id abc, name web, state unknown}");
  EXPECT_EQ(PrintToString(ContainerId{"abc"}), "\"abc\"");
  EXPECT_EQ(PrintToString(Signal{10}), "SIGUSR1");
}

TEST(Printers, ShowAnEngine) {
  EXPECT_EQ(PrintToString(RuntimeInfo{.engine = "docker",
                                      .version = "29.1.3",
                                      .cgroup_version = 2,
                                      .capabilities = {Capability::kLogs, Capability::kExec}}),
            "{engine docker, version 29.1.3, cgroup_version 2, capabilities { logs, exec }}");
}

TEST(Printers, ShowWhatStreamsGive) {
  EXPECT_EQ(PrintToString(Event{.type = EventType::kExited, .name = "web", .exit_code = 1}),
            "{type exited, name web, exit_code 1}");
  EXPECT_EQ(PrintToString(Event{.type = EventType::kUnknown, .raw_type = "tickle"}),
            "{type unknown, raw_type tickle}");
  EXPECT_EQ(PrintToString(Output{.bytes = "a\n"}), "{source stdout, bytes \"a\\n\"}");
}

TEST(Printers, ShowWhatASupervisorTells) {
  EXPECT_EQ(PrintToString(Transition{.entry = "web",
                                     .previous = EntryState::kRunning,
                                     .current = EntryState::kCrashed,
                                     .reason = Reason::kCrashed}),
            "{entry web, previous running, current crashed, reason crashed}");
  EXPECT_EQ(PrintToString(OperationEnd{.operation_id = "7", .kind = OperationKind::kStop}),
            "{operation 7, kind stop}");
}

TEST(Printers, SayWhetherACallHasADeadline) {
  EXPECT_EQ(PrintToString(CallContext{}), "no deadline");
  EXPECT_EQ(PrintToString(CallContext::within(1s)), "a deadline");
}

}  // namespace
}  // namespace control::testing
