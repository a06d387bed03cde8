#include <algorithm>

#include "contract/blocking.h"
#include "contract/conformance.h"

namespace control::conform {
namespace {

/// A container that says nothing and goes on, and all there is to wait for.
class Silent {
 public:
  Silent(ContainerRuntime& runtime, ContainerId id, const CallContext& soon)
      : runtime_(runtime), id_(std::move(id)) {
    const auto info = runtime.info(soon);
    if (!info) return;
    take("watchExit", runtime.watchExit(id_, soon), watch_);
    if (info->has(Capability::kLogs))
      take("logs", runtime.logs(id_, {.follow = true}, soon), logs_);
    if (logs_) {
      EXPECT_TRUE(logs_->next(soon)) << "it did not say that it is ready";
    }
    if (info->has(Capability::kEvents))
      take("events", runtime.events({.labels = {{"no-such-label", "x"}}}, soon), events_);
    if (info->has(Capability::kExec))
      take("exec", runtime.exec(id_, {.command = {"/bin/sh", "-c", "sleep 600"}}, soon), exec_);
    if (info->has(Capability::kAttach))
      take("attach", runtime.attach(id_, {.standard_input = false, .standard_output = true}, soon),
           console_);
  }

  std::vector<Blocking> calls() {
    std::vector<Blocking> all;
    all.push_back({"wait", [this](auto& c) { return errorOf(runtime_.wait(id_, c)); }});
    all.push_back(
        {"stop", [this](auto& c) { return errorOf(runtime_.stop(id_, {.timeout = 3600s}, c)); }});
    if (watch_) {
      all.push_back({"exited", [this](auto& c) { return errorOf(watch_->exited(c)); }});
      all.push_back({"noticed", [this](auto& c) { return errorOf(watch_->noticed(c)); }});
    }
    if (logs_) all.push_back({"logs", [this](auto& c) { return errorOf(logs_->next(c)); }});
    if (events_) all.push_back({"events", [this](auto& c) { return errorOf(events_->next(c)); }});
    if (exec_) all.push_back({"exec", [this](auto& c) { return errorOf(exec_->next(c)); }});
    if (console_) all.push_back({"attach", [this](auto& c) { return errorOf(console_->next(c)); }});
    return all;
  }

  /// cancel() of everything that has one.
  void cancel() {
    if (watch_) watch_->cancel();
    if (logs_) logs_->cancel();
    if (events_) events_->cancel();
    if (exec_) exec_->cancel();
    if (console_) console_->cancel();
  }

 private:
  template <class Pointer>
  void take(const char* name, Result<Pointer> made, Pointer& place) {
    EXPECT_TRUE(made) << name << ": " << wordsOf(made.error());
    if (made) place = std::move(*made);
  }

  ContainerRuntime& runtime_;
  const ContainerId id_;
  std::unique_ptr<ExitWatch> watch_{};
  std::unique_ptr<LogStream> logs_{};
  std::unique_ptr<EventStream> events_{};
  std::unique_ptr<ExecSession> exec_{};
  std::unique_ptr<Console> console_{};
};

/// Ignores TERM and prints nothing but that it does.
constexpr const char* kSilentStubborn =
    "trap '' TERM; echo ready; while true; do sleep 600 & wait $!; done";

constexpr const char* kNoneCanHang = "no container can be made to hang";

MUST(Contract, hung_container_does_not_block_others, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const ContainerId hung = runReady(obedient());
  const ContainerId fine = runReady(obedient());
  if (!engine->hang(runtime(), hung)) return skip(engine->whyNot(kNoneCanHang));
  bool hangs = true;
  {
    const StillTime still(*this);
    std::stop_source give_up;
    CallContext patient = soon();
    patient.cancellation = give_up.get_token();
    std::vector<std::future<bool>> stuck;
    for (int i = 0; i < 3; ++i)
      stuck.push_back(inBackground([&] { return runtime().inspect(hung, patient).has_value(); }));
    stuck.push_back(inBackground([&] { return runtime().stop(hung, {}, patient).has_value(); }));
    // They are on their way, and the other container does not care.
    std::this_thread::sleep_for(20ms);
    auto others = inBackground([&] {
      EXPECT_OK(runtime().inspect(fine, soon()));
      EXPECT_OK(runtime().list({.labels = mine()}, soon()));
      EXPECT_OK(runtime().stop(fine, {.timeout = 300s}, soon()));
      EXPECT_OK(runtime().start(fine, soon()));
      EXPECT_OK(runtime().remove(fine, {.force = true}, soon()));
    });
    EXPECT_EQ(others.wait_for(isVirtual() ? 10s : 60s), std::future_status::ready)
        << "the other container has to wait for the hung one";
    give_up.request_stop();
    others.get();
    for (auto& one : stuck) hangs = !one.get() && hangs;
  }
  engine->release(runtime(), hung);
  // Of another protocol the proxy knows no more than that the id may be in a request.
  if (!hangs && !engine->knowsProtocol()) return skip(engine->whyNot(kNoneCanHang));
  EXPECT_TRUE(hangs) << "calls on the hung one succeeded";
  EXPECT_EQ(look(hung).state, ContainerState::kRunning);
}

MUST(Contract, every_blocking_call_returns_within_its_deadline) {
  const ContainerId id = runReady(shell(kSilentStubborn));
  Silent silent(runtime(), id, soon());
  for (const Blocking& blocking : silent.calls()) {
    expectInTime(blocking.name, [&] {
      const TimePoint begin = now();
      const Duration late = latenessOf(200ms, [&](const CallContext& context) {
        expectFails(blocking, context, ErrorCode::kDeadlineExceeded);
      });
      EXPECT_GE(now() - begin, 200ms) << blocking.name << " was too early";
      if (isVirtual()) {
        EXPECT_LE(now() - begin, 200ms + slack()) << blocking.name;
      }
      return late;
    });
    if (HasFailure()) return;
  }
}

MUST(Contract, call_that_is_over_before_it_begins_does_nothing) {
  const ContainerId running = runReady(obedient());
  const ContainerId made = create(obedient());
  const ContainerSpec spec = obedient();
  std::stop_source stopped;
  stopped.request_stop();
  const auto expectOver = [&](const CallContext& over, ErrorCode expected) {
    const auto fails = [&](const char* name, const auto& result) {
      ASSERT_FALSE(result) << name << " succeeded";
      EXPECT_EQ(toString(result.error().code), toString(expected)) << name;
    };
    fails("create", runtime().create(spec, over));
    fails("start", runtime().start(made, over));
    fails("signal", runtime().signal(running, Signal::kill(), over));
    fails("remove", runtime().remove(made, {}, over));
  };
  expectOver(atOnce(), ErrorCode::kDeadlineExceeded);
  expectOver({.cancellation = stopped.get_token()}, ErrorCode::kCancelled);
  // An engine that was asked all the same does it before what it is asked for now.
  EXPECT_OK(runtime().signal(running, Signal::term(), soon()));
  EXPECT_EQ(awaitExit(running).exit_code, 42) << "it was killed";
  EXPECT_OK(runtime().create(spec, soon()));
  EXPECT_EQ(look(made).state, ContainerState::kCreated) << "it was started";
  const auto removed = runtime().remove(made, {}, soon());
  ASSERT_OK(removed);
  EXPECT_EQ(*removed, RemoveOutcome::kRemoved);
}

MUST(Contract, cancel_unblocks_every_blocking_call) {
  const ContainerId id = runReady(shell(kSilentStubborn));
  Silent silent(runtime(), id, soon());
  const StillTime still(*this);
  for (const Blocking& blocking : silent.calls()) {
    expectInTime(blocking.name, [&] {
      return latenessOfCancelled([&](const CallContext& context) {
        expectFails(blocking, context, ErrorCode::kCancelled);
      });
    });
    if (HasFailure()) return;
  }
  auto calls = silent.calls();
  std::erase_if(calls, [](const Blocking& one) {
    return one.name == "wait" || one.name == "stop" || one.name == "noticed";
  });
  using RealTime = std::chrono::steady_clock::time_point;
  std::vector<std::future<RealTime>> waiting;
  for (const Blocking& blocking : calls)
    waiting.push_back(inBackground([&] {
      expectFails(blocking, soon(), ErrorCode::kCancelled);
      return std::chrono::steady_clock::now();
    }));
  std::this_thread::sleep_for(5ms);
  const RealTime cancelled = std::chrono::steady_clock::now();
  silent.cancel();
  for (std::size_t i = 0; i < calls.size(); ++i) {
    // Cancelled for ever: there is no second try, and more time instead.
    EXPECT_LE(waiting[i].get() - cancelled, 2 * kLate) << calls[i].name << ": cancel() is late";
    expectFails(calls[i], soon(), ErrorCode::kCancelled);
  }
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

MUST(Contract, destroying_the_runtime_leaves_containers_running) {
  const ContainerId id = run(obedient());
  const ContainerId made = create(obedient());
  const auto before = look(id);
  reopen();
  const auto after = look(id);
  EXPECT_EQ(after.state, ContainerState::kRunning);
  EXPECT_EQ(after.started_at, before.started_at);
  EXPECT_EQ(after.pid, before.pid);
  EXPECT_EQ(look(made).state, ContainerState::kCreated);
}

MUST(Contract, reopened_runtime_finds_the_same_runs) {
  const ContainerId id = runReady(obedient());
  const ContainerId over = run(shell("exit 3"));
  const ExitStatus first = awaitExit(over);
  const auto started_at = look(id).started_at;
  ASSERT_TRUE(started_at);
  reopen();
  const ExitStatus again = awaitExit(over);
  EXPECT_EQ(again.run, first.run);
  EXPECT_EQ(again.exit_code, 3);
  EXPECT_EQ(listMine().size(), 2U);
  const auto armed = watch(id);
  ASSERT_NE(armed, nullptr);
  ASSERT_OK(runtime().signal(id, Signal::term(), soon()));
  const auto exit = armed->exited(soon());
  ASSERT_OK(exit);
  EXPECT_EQ(exit->exit_code, 42);
  EXPECT_EQ(exit->run, (RunId{id, *started_at}));
}

MUST(Contract, adopting_never_changes_anything) {
  ContainerSpec spec = obedient();
  spec.open_stdin = has(Capability::kAttach);
  const ContainerId id = runReady(spec);
  const auto before = look(id);
  const auto first = World::instance().open();
  ASSERT_OK(first);
  std::unique_ptr<EventStream> events;
  if (has(Capability::kEvents)) {
    auto opened = (*first)->events({.labels = mine()}, soon());
    ASSERT_OK(opened);
    events = std::move(*opened);
  }
  reopen();
  {
    const auto found = listMine();
    ASSERT_EQ(found.size(), 1U);
    const auto info = look(found[0].id);
    const auto armed = watch(info.id);
    if (has(Capability::kStats)) EXPECT_OK(stats(info.id));
    if (has(Capability::kLogs)) EXPECT_OK(runtime().logs(info.id, {.follow = true}, soon()));
    if (has(Capability::kAttach)) EXPECT_OK(runtime().attach(info.id, {}, soon()));
  }
  reopen();
  pass(200ms);
  const auto after = look(id);
  EXPECT_EQ(after.state, before.state);
  EXPECT_EQ(after.started_at, before.started_at);
  EXPECT_EQ(after.pid, before.pid);
  EXPECT_EQ(after.spec.limits, before.spec.limits);
  EXPECT_EQ(after.spec.labels, before.spec.labels);
  while (events) {
    const auto event = events->next(atOnce());
    if (!event) break;
    ASSERT_TRUE(*event);
    // Looking on may be an event of the engine's own; nothing may have happened to the container.
    EXPECT_EQ((*event)->type, EventType::kUnknown) << (*event)->raw_type;
  }
}

MUST(Contract, no_threads_descriptors_or_containers_leak) {
  const auto use = [&] {
    const ContainerId id = runReady(shell(kSilentStubborn));
    {
      Silent silent(runtime(), id, soon());
      for (const Blocking& blocking : silent.calls()) (void)blocking.call(within(20ms));
      if (has(Capability::kStats)) EXPECT_OK(stats(id));
    }
    EXPECT_OK(runtime().remove(id, {.force = true}, soon()));
    EXPECT_CODE(runtime().inspect(id, soon()), kNotFound);
  };
  // Connections that are kept for later come and go, up to a bound. Once the runtime is closed
  // nothing may be left at all: that is looked at after each behaviour.
  constexpr std::size_t kKept = 8;
  use();
  const Footprint before = Footprint::now();
  for (int round = 0; round < 3; ++round) use();
  const auto settled = [&] {
    const Footprint now = Footprint::now();
    return now.threads <= before.threads && now.descriptors <= before.descriptors + kKept;
  };
  EXPECT_TRUE(eventually(settled))
      << Footprint::now().threads << " threads, " << Footprint::now().descriptors
      << " descriptors; there were " << before.threads << " and " << before.descriptors;
  EXPECT_TRUE(listMine().empty());
}

MUST(Contract, spec_round_trips_through_inspect) {
  const auto [id, taken] = createWithAllItTakes();
  const ContainerSpec first = look(id).spec;
  ContainerSpec again = first;
  again.name = World::instance().uniqueName();
  const ContainerSpec second = look(create(again)).spec;
  EXPECT_EQ(second.image, first.image);
  EXPECT_EQ(second.entrypoint, first.entrypoint);
  EXPECT_EQ(second.command, first.command);
  EXPECT_EQ(second.environment, first.environment);
  EXPECT_EQ(second.labels, first.labels);
  EXPECT_EQ(second.working_directory, first.working_directory);
  EXPECT_EQ(second.user, first.user);
  EXPECT_EQ(second.hostname, first.hostname);
  EXPECT_EQ(second.tty, first.tty);
  EXPECT_EQ(second.open_stdin, first.open_stdin);
  EXPECT_EQ(second.stop_signal, first.stop_signal);
  EXPECT_EQ(second.stop_timeout, first.stop_timeout);
  EXPECT_EQ(second.limits, first.limits);
  EXPECT_EQ(second.ports, first.ports);
  EXPECT_EQ(second.mounts, first.mounts);
  EXPECT_EQ(second.network, first.network);
  EXPECT_EQ(second.no_new_privileges, first.no_new_privileges);
  EXPECT_EQ(second.init, first.init);
  EXPECT_EQ(second.read_only_root, first.read_only_root);
  EXPECT_EQ(second.drop_capabilities, first.drop_capabilities);
  EXPECT_EQ(second.add_capabilities, first.add_capabilities);
  EXPECT_EQ(second.log_driver, first.log_driver);
  EXPECT_EQ(second.log_options, first.log_options);
  EXPECT_EQ(second.log_limit_bytes, first.log_limit_bytes);
  EXPECT_EQ(second.engine_options, first.engine_options);
}

}  // namespace
}  // namespace control::conform
