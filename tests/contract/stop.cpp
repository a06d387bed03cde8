#include <csignal>

#include "contract/conformance.h"

namespace control::conform {
namespace {

constexpr int kUsr1 = SIGUSR1;

/// Two signals end it, each with a code of its own.
constexpr const char* kTwoSignals =
    "trap 'exit 5' USR1; trap 'exit 6' TERM; echo ready; sleep 600 & wait";

class TimedStop : public Conformance {
 public:
  using Conformance::Conformance;

 protected:
  /// Not less than `at_least` on the engine's clock, and not much more.
  void expectStopTakes(Duration at_least, const ContainerSpec& spec, Duration timeout,
                       StopOutcome outcome, int exit_code) {
    expectInTime(
        "stop",
        [&] {
          const ContainerId id = runReady(spec);
          const TimePoint begin = now();
          const auto report = runtime().stop(id, {.timeout = timeout}, soon());
          const Duration took = now() - begin;
          EXPECT_OK(report);
          if (!report) return Duration::zero();
          EXPECT_GE(took, at_least) << "it was killed too early";
          EXPECT_EQ(report->outcome, outcome);
          EXPECT_EQ(report->exit.value_or(ExitStatus{}).exit_code, exit_code);
          EXPECT_OK(runtime().remove(id, {}, soon()));
          return took - at_least;
        },
        slack());
  }
};

MUST(Stop, stop_defaults_to_the_containers_stop_signal) {
  ContainerSpec spec = shell(kTwoSignals);
  spec.stop_signal = Signal{kUsr1};
  const ContainerId id = runReady(spec);
  const auto report = runtime().stop(id, {.timeout = 60s}, soon());
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  EXPECT_EQ(look(id).exit.value_or(ExitStatus{}).exit_code, 5);
}

MUST(Stop, stop_delivers_the_requested_signal) {
  const ContainerId id = runReady(shell(kTwoSignals));
  const auto report = runtime().stop(id, {.signal = Signal{kUsr1}, .timeout = 60s}, soon());
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 5);
}

MUST(Stop, stop_accepts_realtime_signals) {
  const ContainerId id = runReady(shell("trap 'exit 7' 36; echo ready; sleep 600 & wait"));
  const auto report = runtime().stop(id, {.signal = Signal{36}, .timeout = 60s}, soon());
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 7);
}

MUST(Stop, stop_escalates_to_kill_after_timeout) {
  const ContainerId id = runReady(stubborn());
  const TimePoint begin = now();
  const auto report = runtime().stop(id, {.timeout = 1s}, soon());
  ASSERT_OK(report);
  EXPECT_GE(now() - begin, 1s);
  EXPECT_EQ(report->outcome, StopOutcome::kKilled);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 137);
  EXPECT_EQ(look(id).state, ContainerState::kExited);
}

MUST_ON(TimedStop, Stop, stop_returns_early_on_graceful_exit) {
  expectStopTakes(0s, obedient(), 300s, StopOutcome::kStopped, 42);
}

MUST_ON(TimedStop, Stop, stop_zero_timeout_kills_at_once) {
  // 137: it was not given the time to end by itself.
  expectStopTakes(0s, obedient(), 0s, StopOutcome::kKilled, 137);
}

MUST_ON(TimedStop, Stop, stop_subsecond_timeout_is_honoured) {
  expectStopTakes(700ms, stubborn(), 700ms, StopOutcome::kKilled, 137);
}

MUST(Stop, stop_timeout_longer_than_any_transport_timeout_is_honoured) {
  // A real engine is only made to wait for longer than the usual 10 s of a client.
  const std::string takes = isVirtual() ? "3000" : "11";
  const ContainerId id =
      runReady(shell("trap 'sleep " + takes + "; exit 42' TERM; echo ready; sleep 6000 & wait"));
  CallContext patient = soon();
  patient.deadline = TimePoint::max();
  const auto report = runtime().stop(id, {.timeout = 5000s}, patient);
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome, StopOutcome::kStopped);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 42);
}

MUST(Stop, stop_of_stopped_is_already_stopped) {
  const ContainerId id = run(shell("exit 3"));
  awaitExit(id);
  const auto report = runtime().stop(id, {}, soon());
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome, StopOutcome::kAlreadyStopped);
  ASSERT_TRUE(report->exit);
  EXPECT_EQ(report->exit->exit_code, 3);
}

MUST(Stop, stop_of_created_is_already_stopped) {
  const ContainerId id = create(obedient());
  const auto report = runtime().stop(id, {}, soon());
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome, StopOutcome::kAlreadyStopped);
  EXPECT_FALSE(report->exit);
  EXPECT_EQ(look(id).state, ContainerState::kCreated);
}

MUST(Stop, stop_of_missing_is_absent) {
  const auto report = runtime().stop({World::instance().uniqueName()}, {}, soon());
  ASSERT_OK(report);
  EXPECT_EQ(report->outcome, StopOutcome::kAbsent);
}

MUST(Stop, stop_of_paused_ends, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const ContainerId id = runReady(obedient());
  if (!engine->pause(id)) return skip(engine->whyNot("nothing can pause a container"));
  ASSERT_EQ(look(id).state, ContainerState::kPaused);
  const auto report = runtime().stop(id, {.timeout = 500ms}, soon());
  ASSERT_OK(report);
  EXPECT_TRUE(report->outcome == StopOutcome::kStopped || report->outcome == StopOutcome::kKilled);
  EXPECT_EQ(look(id).state, ContainerState::kExited);
}

MUST(Stop, cancelled_stop_does_not_kill) {
  const ContainerId id =
      runReady(shell("trap 'echo caught' TERM; echo ready; sleep 600 & while true; do wait; done"));
  std::stop_source stop;
  CallContext context = soon();
  context.cancellation = stop.get_token();
  {
    const StillTime still(*this);
    auto stopping = inBackground([&] { return runtime().stop(id, {.timeout = 60s}, context); });
    awaitText(id, "caught");
    stop.request_stop();
    const auto report = stopping.get();
    EXPECT_CODE(report, kCancelled);
    // The signal arrived, perhaps before the engine's answer that it was sent.
    EXPECT_TRUE(report || report.error().effect != Effect::kNone) << "the signal was sent";
  }
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
  pass(300ms);
  EXPECT_EQ(look(id).state, ContainerState::kRunning) << "cancelling killed it";
}

MUST(Stop, concurrent_stops_both_succeed) {
  const ContainerId id = runReady(stubborn());
  std::vector<std::future<Result<StopReport>>> stops;
  for (int i = 0; i < 3; ++i)
    stops.push_back(inBackground([&] { return runtime().stop(id, {.timeout = 300ms}, soon()); }));
  for (auto& stop : stops) {
    const auto report = stop.get();
    ASSERT_OK(report);
    EXPECT_NE(report->outcome, StopOutcome::kAbsent);
  }
  const auto info = look(id);
  EXPECT_EQ(info.state, ContainerState::kExited);
  EXPECT_EQ(info.exit.value_or(ExitStatus{}).exit_code, 137);
}

MUST(Stop, kill_unknown_signal_is_invalid_argument) {
  const ContainerId id = run(obedient());
  for (const int number : {0, -1, 65, 1000})
    EXPECT_CODE(runtime().signal(id, {number}, soon()), kInvalidArgument);
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

MUST(Stop, signal_to_stopped_reports_not_running) {
  const ContainerId created = create(obedient());
  const ContainerId exited = run(shell("exit 0"));
  awaitExit(exited);
  for (const ContainerId& id : {created, exited}) {
    const auto sent = runtime().signal(id, Signal::term(), soon());
    ASSERT_OK(sent);
    EXPECT_EQ(*sent, SignalOutcome::kNotRunning);
  }
}

MUST(Stop, restart_is_a_new_run_with_ordered_events, Capability::kEvents) {
  const ContainerId id = runReady(obedient());
  const auto before = look(id).started_at;
  const auto events = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(events);
  const auto report = runtime().restart(id, {.timeout = 60s}, soon());
  ASSERT_OK(report);
  EXPECT_EQ(report->stop.outcome, StopOutcome::kStopped);
  EXPECT_EQ(report->start, StartOutcome::kStarted);
  const auto info = look(id);
  EXPECT_EQ(info.state, ContainerState::kRunning);
  EXPECT_NE(info.started_at, before);
  std::vector<EventType> seen;
  while (seen.size() < 2) {
    const auto event = (*events)->next(soon());
    ASSERT_OK(event);
    ASSERT_TRUE(*event);
    if ((*event)->type == EventType::kExited || (*event)->type == EventType::kStarted)
      seen.push_back((*event)->type);
  }
  EXPECT_EQ(seen, (std::vector{EventType::kExited, EventType::kStarted}));
}

MUST(Stop, remove_running_without_force_is_wrong_state) {
  const ContainerId id = run(obedient());
  EXPECT_CODE(runtime().remove(id, {}, soon()), kWrongState);
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

MUST(Stop, remove_force_kills_and_removes) {
  const ContainerId id = run(stubborn());
  const auto removed = runtime().remove(id, {.force = true}, soon());
  ASSERT_OK(removed);
  EXPECT_EQ(*removed, RemoveOutcome::kRemoved);
  EXPECT_CODE(runtime().inspect(id, soon()), kNotFound);
  EXPECT_TRUE(listMine().empty());
}

MUST(Stop, remove_missing_is_absent) {
  const auto removed = runtime().remove({World::instance().uniqueName()}, {}, soon());
  ASSERT_OK(removed);
  EXPECT_EQ(*removed, RemoveOutcome::kAbsent);
}

MUST(Stop, name_is_reusable_when_remove_returns) {
  ContainerSpec spec = shell("exit 0");
  for (int round = 0; round < 4; ++round) {
    const auto created = runtime().create(spec, soon());
    ASSERT_OK(created);
    // Round by round: never started, run to its end, killed.
    if (round > 0) {
      ASSERT_OK(runtime().start(created->id, soon()));
    }
    if (round == 1) awaitExit(created->id);
    ASSERT_OK(runtime().remove(created->id, {.force = true}, soon()));
    if (round == 1) spec.command.back() = kStubborn;
  }
}

MUST(Stop, remove_in_progress_is_success) {
  const ContainerId id = run(stubborn());
  std::vector<std::future<Result<RemoveOutcome>>> removals;
  for (int i = 0; i < 3; ++i)
    removals.push_back(inBackground([&] { return runtime().remove(id, {.force = true}, soon()); }));
  for (auto& removal : removals) EXPECT_OK(removal.get());
  EXPECT_CODE(runtime().inspect(id, soon()), kNotFound);
}

MUST(Stop, remove_keeps_named_volumes, Capability::kLogs, Means::kFault) {
  if (isMock()) return skip("its containers have no files");
  const std::string volume = World::instance().uniqueName();
  Faults* const engine = faults();
  if (engine == nullptr) return;
  if (!engine->knowsProtocol()) return skip(engine->whyNot("no volume can be removed"));
  const auto with_volume = [&](const std::string& script) {
    ContainerSpec spec = shell(script);
    spec.mounts = {{.type = Mount::Type::kVolume, .source = volume, .target = "/data"}};
    return spec;
  };
  World::instance().owes(volume, [=] { return removeVolumeFromEngine(volume); });
  const ContainerId writer = run(with_volume("echo kept > /data/file"));
  EXPECT_EQ(awaitExit(writer).exit_code, 0);
  EXPECT_OK(runtime().remove(writer, {.force = true, .anonymous_volumes = true}, soon()));
  const ContainerId reader = run(with_volume("cat /data/file"));
  EXPECT_EQ(awaitExit(reader).exit_code, 0);
  EXPECT_EQ(logged(reader), "kept\n");
  EXPECT_OK(runtime().remove(reader, {.force = true}, soon()));
  ASSERT_TRUE(engine->removeVolume(volume)) << "volume " << volume << " is left behind";
  World::instance().owesNoLonger(volume);
}

}  // namespace
}  // namespace control::conform
