#include <map>

#include "contract/conformance.h"

namespace control::conform {
namespace {

std::string withQuery(const std::string& uri, const std::string& pair) {
  return uri + (uri.find('?') == std::string::npos ? "?" : "&") + pair;
}

MUST(Open, open_unknown_engine_is_invalid_argument) {
  const auto opened = loadRuntime("no-such-engine:///", {}, soon());
  EXPECT_CODE(opened, kInvalidArgument);
  expectNamed(opened, "no-such-engine");
}

MUST(Open, open_unknown_query_key_is_invalid_argument) {
  const std::string& uri = World::instance().options().runtime;
  const auto opened = World::instance().open(withQuery(uri, "no-such-key=1"), soon());
  EXPECT_CODE(opened, kInvalidArgument);
  expectNamed(opened, "no-such-key");
}

MUST(Open, open_unknown_transport_is_invalid_argument) {
  Endpoint another = World::instance().endpoint();
  another.transport = "nowhere";
  another.host = "no-such-host.test";
  EXPECT_CODE(World::instance().open(another.toString(), soon()), kInvalidArgument);
}

MUST(Open, open_unreachable_engine_is_unavailable_within_deadline, Means::kFault) {
  Faults* const broken = faults();
  if (broken == nullptr) return;
  broken->goDown();
  expectInTime("opening", [&] {
    return latenessOf(5s, [&](const CallContext& context) {
      EXPECT_CODE(World::instance().open(broken->uri(), context), kUnavailable);
    });
  });
}

MUST(Open, open_never_falls_back_to_another_engine, Means::kFault) {
  Faults* const broken = faults();
  if (broken == nullptr) return;
  broken->goDown();
  // Another way to an engine is there, and nobody takes it.
  LoadOptions options{.plugin_file = World::instance().options().plugin,
                      .linked_plugins = linkedPlugins()};
  options.host.environment = [](std::string_view) {
    return "unix://" + World::instance().info().endpoint;
  };
  EXPECT_CODE(loadRuntime(broken->uri(), options, within(5s)), kUnavailable);
  EXPECT_FALSE(loadRuntime("no-such-engine:///", options, within(5s)));
}

/// The machine's clock, an hour slow.
class SlowClock final : public Clock {
 public:
  TimePoint now() const noexcept override { return systemClock()->now() - 1h; }
  WallTime wallNow() const noexcept override { return systemClock()->wallNow(); }
  bool waitUntil(std::unique_lock<std::mutex>& lock, std::condition_variable& condition,
                 TimePoint deadline) override {
    return systemClock()->waitUntil(lock, condition, CallContext::after(deadline, 1h));
  }
};

MUST(Open, deadlines_are_on_the_clock_of_the_host) {
  LoadOptions options{.plugin_file = World::instance().options().plugin,
                      .linked_plugins = linkedPlugins()};
  // The mock engine has the clock that it was made with.
  if (World::instance().endpoint().engine != "mock")
    options.host.clock = std::make_shared<SlowClock>();
  const auto opened = loadRuntime(World::instance().options().runtime, options,
                                  {.deadline = CallContext::after(options.host.clock->now(), 60s)});
  ASSERT_OK(opened);
  ContainerRuntime& slow = **opened;
  // A virtual clock is the engine's own.
  CallContext context = soon();
  if (!isVirtual()) context.deadline = CallContext::after(slow.clock().now(), 60s);
  EXPECT_OK(slow.info(context));
  const auto created = slow.create(shell("exit 3"), context);
  ASSERT_OK(created);
  const auto armed = slow.watchExit(created->id, context);
  ASSERT_OK(armed);
  EXPECT_OK(slow.start(created->id, context));
  const auto exit = (*armed)->exited(context);
  ASSERT_OK(exit);
  EXPECT_EQ(exit->exit_code, 3);
  EXPECT_OK(slow.list({.labels = mine()}, context));
  EXPECT_OK(slow.remove(created->id, {}, context));
}

MUST(Open, info_reports_engine_version_and_endpoint) {
  const auto info = runtime().info(soon());
  ASSERT_OK(info);
  EXPECT_EQ(info->engine, World::instance().endpoint().engine);
  EXPECT_FALSE(info->version.empty());
  EXPECT_FALSE(info->endpoint.empty());
}

/// The simplest call of each capability that has calls of its own, and how it failed.
std::map<Capability, std::function<std::optional<Error>(ContainerRuntime&, const ContainerId&,
                                                        const CallContext&)>>
simplestCalls() {
  const auto failure = [](const auto& result) {
    return result ? std::optional<Error>() : std::optional(result.error());
  };
  return {
      {Capability::kStats,
       [=](auto& runtime, auto& id, auto& context) {
         return failure(runtime.stats(std::vector{id}, context).at(0));
       }},
      {Capability::kUpdate,
       [=](auto& runtime, auto& id, auto& context) {
         return failure(runtime.update(id, {.memory_bytes = 64 << 20}, context));
       }},
      {Capability::kLogs, [=](auto& runtime, auto& id,
                              auto& context) { return failure(runtime.logs(id, {}, context)); }},
      {Capability::kAttach,
       [=](auto& runtime, auto& id, auto& context) {
         return failure(runtime.attach(id, {.standard_input = true}, context));
       }},
      {Capability::kExec,
       [=](auto& runtime, auto& id, auto& context) {
         return failure(runtime.exec(id, {.command = {"/bin/sh", "-c", "true"}}, context));
       }},
      {Capability::kEvents,
       [=](auto& runtime, auto&, auto& context) { return failure(runtime.events({}, context)); }},
      {Capability::kPull,
       [=](auto& runtime, auto&, auto& context) {
         return failure(runtime.pull("127.0.0.1:1/no/image:1", {}, context));
       }},
  };
}

MUST(Open, absent_capability_is_unsupported_without_side_effect) {
  ContainerSpec spec = obedient();
  spec.open_stdin = has(Capability::kAttach);
  const ContainerId id = run(spec);
  const auto before = look(id);
  for (const auto& [capability, call] : simplestCalls()) {
    if (has(capability)) continue;
    const auto error = call(runtime(), id, soon());
    ASSERT_TRUE(error) << toString(capability) << " is not there, and works";
    EXPECT_EQ(error->code, ErrorCode::kUnsupported)
        << toString(capability) << ": " << wordsOf(*error);
    EXPECT_EQ(error->effect, Effect::kNone);
  }
  if (!has(Capability::kPorts)) {
    ContainerSpec with_port = shell("true");
    with_port.network = NetworkMode::kDefault;
    with_port.ports = {{.container_port = 80}};
    EXPECT_CODE(runtime().create(with_port, soon()), kUnsupported);
  }
  if (!has(Capability::kTty)) {
    ContainerSpec with_tty = shell("true");
    with_tty.tty = true;
    EXPECT_CODE(runtime().create(with_tty, soon()), kUnsupported);
  }
  const auto after = look(id);
  EXPECT_EQ(after.state, before.state);
  EXPECT_EQ(after.started_at, before.started_at);
  EXPECT_EQ(after.spec.limits, before.spec.limits);
  EXPECT_EQ(listMine().size(), 1U);
}

MUST(Open, present_capability_is_never_unsupported) {
  ContainerSpec spec = obedient();
  spec.open_stdin = has(Capability::kAttach);
  spec.tty = has(Capability::kTty);
  const ContainerId id = run(spec);
  for (const auto& [capability, call] : simplestCalls()) {
    if (!has(capability)) continue;
    const auto error = call(runtime(), id, soon());
    EXPECT_TRUE(!error || error->code != ErrorCode::kUnsupported)
        << toString(capability) << ": " << wordsOf(*error);
  }
}

}  // namespace
}  // namespace control::conform
