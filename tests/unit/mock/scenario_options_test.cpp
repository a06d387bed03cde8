// The effect of each key of a scenario but those of its script.

#include "option.h"

namespace control::mock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// A container of these keys.
Opened container(const std::string& keys) {
  return Opened("{'containers': [{'name': 'web', 'image': 'a', " + keys + "}]}");
}
/// A running container, and one rule.
Opened rule(const std::string& when, const std::string& then) {
  return Opened(
      "{'containers': [{'name': 'web', 'image': 'a', 'running': true, 'labels': {'tier': 'x'}},"
      " {'name': 'db', 'image': 'a'}], 'rules': [{'when': {" +
      when + "}, 'then': {" + then + "}}]}");
}
const std::string kRefuse = "'error': {'code': 'permission_denied'}";

// ---- The whole ----

MOCK_OPTION(Seed, "seed") {
  const std::string rest = ", 'containers': [{'name': 'web', 'image': 'a'}]}";
  EXPECT_EQ(Opened("{'seed': 5" + rest).look("web").id, Opened("{'seed': 5" + rest).look("web").id);
  EXPECT_NE(Opened("{'seed': 5" + rest).look("web").id, Opened("{'seed': 6" + rest).look("web").id);
}

MOCK_OPTION(Clock, "clock") {
  EXPECT_EQ(Opened("{'clock': 'real'}", "").clock, nullptr);
  EXPECT_NE(Opened("{'clock': 'virtual'}", "").clock, nullptr);
}

MOCK_OPTION(ProfileKey, "profile") {
  EXPECT_EQ(Opened("{'profile': 'podman-4'}")->info({})->version, "4.3.1");
}

MOCK_OPTION(Images, "images") {
  EXPECT_TRUE(Opened("{'images': [{'reference': 'pullable:1'}]}")->findImage("pullable:1", {}));
}

MOCK_OPTION(ImageReference, "images[].reference") {
  const Opened engine("{'images': [{'reference': 'pullable:1'}]}");
  EXPECT_FAILS(engine->findImage("pullable:2", {}), kImageNotFound);
}

MOCK_OPTION(ImagePresent, "images[].present") {
  const Opened engine("{'images': [{'reference': 'a:1', 'present': false}]}");
  EXPECT_FAILS(engine->findImage("a:1", {}), kImageNotFound);
}

MOCK_OPTION(ImageStopSignal, "images[].stop_signal") {
  const Opened engine("{'images': [{'reference': 'a:1', 'stop_signal': 'QUIT'}]}");
  EXPECT_EQ(engine->findImage("a:1", {})->stop_signal, Signal{3});
  const auto created = engine->create({.image = "a:1"}, {});
  EXPECT_EQ(engine.look(created->id.value).spec.stop_signal, Signal{3});
}

MOCK_OPTION(ImageSize, "images[].size_bytes") {
  const Opened engine("{'images': [{'reference': 'a:1', 'size_bytes': 42}]}");
  EXPECT_EQ(engine->findImage("a:1", {})->size_bytes, 42);
}

// ---- Containers ----

MOCK_OPTION(Containers, "containers") {
  EXPECT_EQ(Opened("{'containers': [{'image': 'a'}, {'image': 'a'}]}")->list({}, {})->size(), 2u);
}
MOCK_OPTION(ContainerName, "containers[].name") {
  EXPECT_TRUE(container("'tty': false").there("web"));
}
MOCK_OPTION(ContainerImage, "containers[].image") {
  EXPECT_EQ(container("'tty': false").look("web").spec.image, "a");
}
MOCK_OPTION(ContainerEntrypoint, "containers[].entrypoint") {
  const Opened engine = container("'entrypoint': ['sh', '-c', 'echo hi'], 'running': true");
  EXPECT_EQ(engine.logged("web"), "hi\n");
}
MOCK_OPTION(ContainerCommand, "containers[].command") {
  const Opened engine = container("'command': ['sh', '-c', 'exit 4'], 'running': true");
  EXPECT_EQ(engine.exitCode("web"), 4);
}
MOCK_OPTION(ContainerEnvironment, "containers[].environment") {
  EXPECT_THAT(container("'environment': {'A': 'b'}").look("web").spec.environment,
              ElementsAre(std::pair<std::string, std::string>("A", "b")));
}
MOCK_OPTION(ContainerLabels, "containers[].labels") {
  EXPECT_EQ(container("'labels': {'a': 'b'}")->list({.labels = {{"a", "b"}}}, {})->size(), 1u);
}
MOCK_OPTION(ContainerTty, "containers[].tty") {
  const Opened engine = container("'tty': true, 'command': ['echo', 'x'], 'running': true");
  EXPECT_EQ(engine.logged("web"), "x\r\n");
}
MOCK_OPTION(ContainerStdin, "containers[].open_stdin") {
  const Opened engine = container("'open_stdin': true, 'command': ['cat'], 'running': true");
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
  EXPECT_EQ(container("'command': ['cat'], 'running': true").exitCode("web"), 0);
}
MOCK_OPTION(ContainerInit, "containers[].init") {
  const std::string sleeps = ", 'command': ['sleep', '1000'], 'running': true";
  const Opened with = container("'init': true" + sleeps);
  std::ignore = with->signal({"web"}, Signal::term(), {});
  EXPECT_EQ(with.exitCode("web"), 143);
  const Opened without = container("'init': false" + sleeps);
  std::ignore = without->signal({"web"}, Signal::term(), {});
  EXPECT_EQ(without.look("web").state, ContainerState::kRunning);
}
MOCK_OPTION(ContainerStopSignal, "containers[].stop_signal") {
  const Opened engine = container(
      "'stop_signal': 'INT', 'running': true, 'labels': {'mock.on_signal.INT': 'exit:6'}");
  EXPECT_EQ(engine->stop({"web"}, {}, {})->exit->exit_code, 6);
}
MOCK_OPTION(ContainerStopTimeout, "containers[].stop_timeout") {
  const Opened engine =
      container("'stop_timeout': '70s', 'running': true, 'labels': {'mock.ignore_signals': 'all'}");
  const TimePoint began = engine.clock->now();
  EXPECT_EQ(engine->stop({"web"}, {}, {})->outcome, StopOutcome::kKilled);
  EXPECT_EQ(engine.clock->now() - began, 70s);
}
MOCK_OPTION(ContainerLimits, "containers[].limits") {
  EXPECT_EQ(container("'limits': {'pids': 5}").look("web").spec.limits.pids, 5);
}
MOCK_OPTION(ContainerMemory, "containers[].limits.memory_bytes") {
  const Opened engine = container("'limits': {'memory_bytes': 10000000}, 'running': true");
  EXPECT_EQ(engine.sample("web").memory_limit_bytes, 10000000u);
}
MOCK_OPTION(ContainerCpus, "containers[].limits.nano_cpus") {
  const Opened engine = container(
      "'limits': {'nano_cpus': 500000000}, 'running': true, 'labels': {'mock.cpu_percent': '100'}");
  engine.clock->advance(2s);
  EXPECT_EQ(engine.sample("web").cpu_time, 1s);
}
MOCK_OPTION(ContainerPids, "containers[].limits.pids") {
  EXPECT_EQ(container("'limits': {'pids': 5}, 'running': true").sample("web").pids_limit, 5u);
}
MOCK_OPTION(ContainerPorts, "containers[].ports") {
  EXPECT_EQ(container("'ports': [{'container_port': 80}]").look("web").spec.ports.size(), 1u);
}
MOCK_OPTION(ContainerPort, "containers[].ports[].container_port") {
  EXPECT_EQ(container("'ports': [{'container_port': 80}]").look("web").spec.ports[0].container_port,
            80);
}
MOCK_OPTION(ContainerHostPort, "containers[].ports[].host_port") {
  const Opened engine =
      container("'ports': [{'container_port': 80, 'host_port': 8080}], 'running': true");
  const auto created =
      engine->create({.image = "a", .ports = {{.container_port = 1, .host_port = 8080}}}, {});
  EXPECT_FAILS(engine->start(created->id, {}), kPortConflict);
}
MOCK_OPTION(ContainerProtocol, "containers[].ports[].protocol") {
  const Opened engine = container("'ports': [{'container_port': 80, 'protocol': 'udp'}]");
  EXPECT_EQ(engine.look("web").spec.ports[0].protocol, PortProtocol::kUdp);
}
MOCK_OPTION(ContainerHostIp, "containers[].ports[].host_ip") {
  const Opened engine = container("'ports': [{'container_port': 80, 'host_ip': '127.0.0.1'}]");
  EXPECT_EQ(engine.look("web").spec.ports[0].host_ip, "127.0.0.1");
}
MOCK_OPTION(ContainerRunning, "containers[].running") {
  EXPECT_EQ(container("'running': true").look("web").state, ContainerState::kRunning);
  EXPECT_EQ(container("'running': false").look("web").state, ContainerState::kCreated);
}
MOCK_OPTION(ContainerExit, "containers[].exit") {
  EXPECT_EQ(container("'exit': {'exit_code': 0}").look("web").state, ContainerState::kExited);
}
MOCK_OPTION(ContainerExitCode, "containers[].exit.exit_code") {
  EXPECT_EQ(container("'exit': {'exit_code': 3}")->wait({"web"}, {})->exit_code, 3);
}
MOCK_OPTION(ContainerExitSignal, "containers[].exit.signal") {
  const Opened engine = container("'exit': {'signal': 'SEGV'}");
  EXPECT_EQ(engine.look("web").exit->signal, Signal{11});
  EXPECT_EQ(engine.exitCode("web"), 139);
}
MOCK_OPTION(ContainerExitOom, "containers[].exit.oom") {
  const Opened engine = container("'exit': {'oom': true}");
  EXPECT_EQ(engine.look("web").exit->oom_killed, true);
  EXPECT_EQ(engine.look("web").exit->signal, Signal::kill());
  EXPECT_EQ(engine.exitCode("web"), 137);
}

// ---- When a rule acts ----

MOCK_OPTION(Rules, "rules") {
  EXPECT_FAILS(rule("'op': 'info'", kRefuse)->info({}), kPermissionDenied);
}
MOCK_OPTION(RuleWhen, "rules[].when") { EXPECT_TRUE(rule("'op': 'list'", kRefuse)->info({})); }
MOCK_OPTION(RuleThen, "rules[].then") {
  EXPECT_FAILS(rule("", "'error': {'code': 'internal'}")->info({}), kInternal);
}
MOCK_OPTION(WhenOp, "rules[].when.op") {
  const Opened engine = rule("'op': 'find_image'", kRefuse);
  EXPECT_TRUE(engine->info({}));
  EXPECT_FAILS(engine->findImage("a", {}), kPermissionDenied);
}
MOCK_OPTION(WhenEvent, "rules[].when.event") {
  const Opened one = rule("'event': 'exited'", "'lose_events': 1");
  auto events = one.events();
  std::ignore = one->kill({"web"}, {});
  EXPECT_THAT(wordsOf(*events), ElementsAre("kill"));
  const Opened any = rule("'event': 'any', 'times': 1", "'lose_events': 1");
  events = any.events();
  std::ignore = any->kill({"web"}, {});
  EXPECT_THAT(wordsOf(*events), ElementsAre("die"));
  events.reset();
}
MOCK_OPTION(WhenName, "rules[].when.name") {
  const Opened engine = rule("'name': 'web'", kRefuse);
  EXPECT_FAILS(engine->inspect({"web"}, {}), kPermissionDenied);
  EXPECT_TRUE(engine->inspect({"db"}, {}));
}
MOCK_OPTION(WhenGlob, "rules[].when.name_glob") {
  const Opened engine = rule("'name_glob': 'w*'", kRefuse);
  EXPECT_FAILS(engine->inspect({"web"}, {}), kPermissionDenied);
  EXPECT_TRUE(engine->inspect({"db"}, {}));
}
MOCK_OPTION(WhenLabel, "rules[].when.label") {
  const Opened engine = rule("'label': {'tier': 'x'}", kRefuse);
  EXPECT_FAILS(engine->inspect({"web"}, {}), kPermissionDenied);
  EXPECT_TRUE(engine->inspect({"db"}, {}));
}
/// Which of six calls are refused.
std::string refused(const std::string& when) {
  const Opened engine = rule("'op': 'info', " + when, kRefuse);
  std::string calls;
  for (int i = 0; i < 6; ++i) calls += engine->info({}) ? '.' : 'x';
  return calls;
}
MOCK_OPTION(WhenNth, "rules[].when.nth") { EXPECT_EQ(refused("'nth': 3"), "..x..."); }
MOCK_OPTION(WhenEvery, "rules[].when.every") { EXPECT_EQ(refused("'every': 2"), ".x.x.x"); }
MOCK_OPTION(WhenTimes, "rules[].when.times") { EXPECT_EQ(refused("'times': 2"), "xx...."); }
MOCK_OPTION(WhenProbability, "rules[].when.probability") {
  EXPECT_EQ(refused("'probability': 1"), "xxxxxx");
  EXPECT_EQ(refused("'probability': 0.000000001"), "......");
}

// ---- What it does ----

MOCK_OPTION(ThenLatency, "rules[].then.latency") {
  const Opened engine = rule("'op': 'info'", "'latency': '2s'");
  const TimePoint began = engine.clock->now();
  EXPECT_TRUE(engine->info({}));
  EXPECT_EQ(engine.clock->now() - began, 2s);
}
MOCK_OPTION(ThenError, "rules[].then.error") {
  EXPECT_FALSE(rule("", "'error': {'code': 'internal'}")->info({}));
}
MOCK_OPTION(ThenErrorCode, "rules[].then.error.code") {
  EXPECT_FAILS(rule("", "'error': {'code': 'port_conflict'}")->info({}), kPortConflict);
}
MOCK_OPTION(ThenErrorEffect, "rules[].then.error.effect") {
  const Opened engine =
      rule("'op': 'start'", "'error': {'code': 'unavailable', 'effect': 'unknown'}");
  EXPECT_EQ(engine->start({"db"}, {}).error().effect, Effect::kUnknown);
  EXPECT_EQ(engine.look("db").state, ContainerState::kRunning);
}
MOCK_OPTION(ThenErrorMessage, "rules[].then.error.message") {
  const Opened engine = rule("", "'error': {'code': 'internal', 'message': 'my words'}");
  EXPECT_EQ(engine->info({}).error().message, "my words");
}
MOCK_OPTION(ThenHang, "rules[].then.hang") {
  for (const std::string phase : {"before", "after"}) {
    const Opened engine = rule("'op': 'start'", "'hang': '" + phase + "'");
    EXPECT_FAILS(engine->start({"db"}, CallContext::within(1s, *engine.clock)), kDeadlineExceeded);
    EXPECT_EQ(engine.look("db").running(), phase == "after");
  }
}
MOCK_OPTION(ThenDrop, "rules[].then.drop_connection") {
  for (const std::string phase : {"before", "after"}) {
    const Opened engine = rule("'op': 'start'", "'drop_connection': '" + phase + "'");
    EXPECT_FAILS(engine->start({"db"}, {}), kUnavailable);
    EXPECT_EQ(engine.look("db").running(), phase == "after");
  }
}
MOCK_OPTION(ThenTruncate, "rules[].then.truncate_stream") {
  const Opened engine = rule("'op': 'pull'", "'truncate_stream': {'items': 0}");
  EXPECT_FAILS((*engine->pull("a", {}, {}))->next({}), kUnavailable);
}
MOCK_OPTION(ThenTruncateItems, "rules[].then.truncate_stream.items") {
  const Opened engine = rule("'op': 'pull'", "'truncate_stream': {'items': 1}");
  const auto pull = engine->pull("a", {}, {});
  EXPECT_TRUE((*pull)->next({}));
  EXPECT_FAILS((*pull)->next({}), kUnavailable);
}
MOCK_OPTION(ThenTruncateBytes, "rules[].then.truncate_stream.bytes") {
  const Opened engine = rule("'op': 'logs'", "'truncate_stream': {'bytes': 3}");
  EXPECT_TRUE(engine.mock->print({"web"}, "abcdef"));
  const auto log = engine->logs({"web"}, {}, {});
  EXPECT_EQ((*(*log)->next({}))->bytes, "abc");
  EXPECT_FAILS((*log)->next({}), kUnavailable);
}
MOCK_OPTION(ThenStall, "rules[].then.stall_stream") {
  const Opened engine = rule("'op': 'pull'", "'stall_stream': {'items': 1}");
  const auto pull = engine->pull("a", {}, {});
  EXPECT_TRUE((*pull)->next({}));
  EXPECT_FAILS((*pull)->next(kAtOnce), kDeadlineExceeded);
}
MOCK_OPTION(ThenLoseEvents, "rules[].then.lose_events") {
  const Opened engine = rule("'op': 'start'", "'lose_events': 2");
  const auto events = engine.events();
  std::ignore = engine->start({"db"}, {});
  std::ignore = engine->kill({"db"}, {});
  EXPECT_THAT(wordsOf(*events), ElementsAre("die"));
}
MOCK_OPTION(ThenTellGap, "rules[].then.tell_gap") {
  const Opened engine = rule("'op': 'start'", "'lose_events': 2, 'tell_gap': true");
  const auto events = engine.events();
  std::ignore = engine->start({"db"}, {});
  std::ignore = engine->kill({"db"}, {});
  EXPECT_THAT(wordsOf(*events), ElementsAre("gap", "die"));
}
MOCK_OPTION(ThenDuplicate, "rules[].then.duplicate_event") {
  const Opened engine = rule("'op': 'start'", "'duplicate_event': true");
  const auto events = engine.events();
  std::ignore = engine->start({"db"}, {});
  EXPECT_THAT(wordsOf(*events), ElementsAre("start", "start"));
}

}  // namespace
}  // namespace control::mock
