// The effect of each word and key of a scenario's script.

#include "option.h"

namespace control::mock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

/// A running and a created container, and one step after a second, which has come.
struct Stepped : Opened {
  explicit Stepped(const std::string& step, const std::string& labels = "")
      : Opened("{'containers': [{'name': 'web', 'image': 'a', 'running': true, 'labels': {" +
                   labels +
                   "}}, {'name': 'db', 'image': 'a'}],"
                   " 'script': [{'at': '1s', 'do': " +
                   step + "}]}",
               "clock=virtual"),
        told(events()) {
    clock->advance(1s);
    EXPECT_THAT(mock->unusedRules(), IsEmpty()) << step;
  }
  std::vector<std::string> words() const { return wordsOf(*told); }

  std::unique_ptr<EventStream> told;
};

MOCK_OPTION(Script, "script") {
  const ScenarioFile file("{'script': [{'at': '0s', 'do': 'engine_down'}]}");
  EXPECT_FAILS(openMock(file.uri("clock=virtual")), kUnavailable);
}
MOCK_OPTION(ScriptAt, "script[].at") {
  const Opened engine("{'script': [{'at': '10s', 'do': 'engine_down'}]}", "clock=virtual");
  engine.clock->advance(9999ms);
  EXPECT_TRUE(engine->info({}));
  engine.clock->advance(1ms);
  EXPECT_FAILS(engine->info({}), kUnavailable);
}
MOCK_OPTION(DoDown, "script[].do=engine_down") {
  const Stepped engine("'engine_down'");
  EXPECT_FAILS(engine->info({}), kUnavailable);
  EXPECT_FAILS(engine.told->next({}), kUnavailable);
}
MOCK_OPTION(DoUp, "script[].do=engine_up") {
  const Stepped engine("'engine_up'}, {'at': '500ms', 'do': 'engine_down'");
  EXPECT_FAILS(engine.told->next({}), kUnavailable);
  EXPECT_TRUE(engine->info({}));
}
MOCK_OPTION(DoRestart, "script[].do=engine_restart") {
  const Stepped engine("'engine_restart'");
  EXPECT_FAILS(engine.told->next({}), kUnavailable);
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
}
MOCK_OPTION(DoRestartContainers, "script[].do=engine_restart.containers") {
  EXPECT_EQ(Stepped("'engine_restart', 'containers': 'kill'").exitCode("web"), 137);
  EXPECT_EQ(Stepped("'engine_restart', 'containers': 'keep'").exitCode("web"), -1);
}
MOCK_OPTION(DoLose, "script[].do=lose_events") {
  const Stepped engine("'lose_events', 'count': 1");
  std::ignore = engine->kill({"web"}, {});
  EXPECT_THAT(engine.words(), ElementsAre("die"));
}
MOCK_OPTION(DoLoseCount, "script[].do=lose_events.count") {
  const Stepped engine("'lose_events', 'count': 2");
  std::ignore = engine->kill({"web"}, {});
  EXPECT_THAT(engine.words(), IsEmpty());
}
MOCK_OPTION(DoLoseGap, "script[].do=lose_events.tell_gap") {
  const Stepped engine("'lose_events', 'count': 1, 'tell_gap': true");
  std::ignore = engine->kill({"web"}, {});
  EXPECT_THAT(engine.words(), ElementsAre("gap", "die"));
}
MOCK_OPTION(DoCreate, "script[].do=oob_create") {
  const Stepped engine("'oob_create', 'container': {'image': 'a'}");
  EXPECT_EQ(engine->list({}, {})->size(), 3u);
}
MOCK_OPTION(DoCreateContainer, "script[].do=oob_create.container") {
  const Stepped engine("'oob_create', 'container': {'name': 'new', 'image': 'a', 'tty': true}");
  EXPECT_TRUE(engine.look("new").spec.tty);
}
MOCK_OPTION(DoStart, "script[].do=oob_start") {
  EXPECT_EQ(Stepped("'oob_start', 'name': 'db'").look("db").state, ContainerState::kRunning);
}
MOCK_OPTION(DoStop, "script[].do=oob_stop") {
  EXPECT_EQ(Stepped("'oob_stop', 'name': 'web'").exitCode("web"), 0);
}
MOCK_OPTION(DoStopTimeout, "script[].do=oob_stop.timeout") {
  const Stepped engine("'oob_stop', 'name': 'web', 'timeout': '3s'",
                       "'mock.ignore_signals': 'all'");
  engine.clock->advance(2999ms);
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
  engine.clock->advance(1ms);
  EXPECT_EQ(engine.exitCode("web"), 137);
}
MOCK_OPTION(DoKill, "script[].do=oob_kill") {
  const Stepped engine("'oob_kill', 'name': 'web'");
  EXPECT_EQ(engine.exitCode("web"), 137);
  EXPECT_THAT(engine.words(), ElementsAre("kill", "die"));
}
MOCK_OPTION(DoKillSignal, "script[].do=oob_kill.signal") {
  EXPECT_EQ(Stepped("'oob_kill', 'name': 'web', 'signal': 'HUP'").look("web").exit->signal,
            Signal{1});
}
MOCK_OPTION(DoRemove, "script[].do=oob_remove") {
  EXPECT_FALSE(Stepped("'oob_remove', 'name': 'web'").there("web"));
}
MOCK_OPTION(DoRename, "script[].do=oob_rename") {
  EXPECT_FALSE(Stepped("'oob_rename', 'name': 'web', 'to': 'net'").there("web"));
}
MOCK_OPTION(DoRenameTo, "script[].do=oob_rename.to") {
  EXPECT_TRUE(Stepped("'oob_rename', 'name': 'web', 'to': 'net'").there("net"));
}
MOCK_OPTION(DoPause, "script[].do=pause") {
  EXPECT_EQ(Stepped("'pause', 'name': 'web'").look("web").state, ContainerState::kPaused);
}
MOCK_OPTION(DoUnpause, "script[].do=unpause") {
  const Stepped engine("'pause', 'name': 'web'}, {'at': '1s', 'do': 'unpause', 'name': 'web'");
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
  EXPECT_THAT(engine.words(), ElementsAre("pause", "unpause"));
}
MOCK_OPTION(DoCrash, "script[].do=crash") {
  const Stepped engine("'crash', 'name': 'web'");
  EXPECT_EQ(engine.exitCode("web"), 1);
  EXPECT_THAT(engine.words(), ElementsAre("die"));
}
MOCK_OPTION(DoCrashCode, "script[].do=crash.exit_code") {
  EXPECT_EQ(Stepped("'crash', 'name': 'web', 'exit_code': 77").exitCode("web"), 77);
}
MOCK_OPTION(DoCrashSignal, "script[].do=crash.signal") {
  EXPECT_EQ(Stepped("'crash', 'name': 'web', 'signal': 'SEGV'").look("web").exit->signal,
            Signal{11});
}
MOCK_OPTION(DoOom, "script[].do=oom") {
  const Stepped engine("'oom', 'name': 'web'");
  EXPECT_EQ(engine.look("web").exit->oom_killed, true);
  EXPECT_THAT(engine.words(), ElementsAre("oom", "die"));
}
MOCK_OPTION(DoOomChild, "script[].do=oom.child_only") {
  const Stepped engine("'oom', 'name': 'web', 'child_only': true");
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
  EXPECT_EQ(engine.sample("web").oom_kills, 1u);
}
MOCK_OPTION(DoPrint, "script[].do=print") {
  EXPECT_EQ(Stepped("'print', 'name': 'web', 'text': 'x'").logged("web"), "x");
}
MOCK_OPTION(DoPrintText, "script[].do=print.text") {
  EXPECT_EQ(Stepped("'print', 'name': 'web', 'text': 'two\\nlines'").logged("web"), "two\nlines");
}
MOCK_OPTION(DoPrintStderr, "script[].do=print.stderr") {
  const Stepped engine("'print', 'name': 'web', 'text': 'x', 'stderr': true");
  EXPECT_EQ(engine.logged("web", {.standard_output = false}), "x");
}
MOCK_OPTION(DoStats, "script[].do=set_stats") {
  EXPECT_EQ(Stepped("'set_stats', 'name': 'web', 'pids': 4").sample("web").pids, 4u);
}
MOCK_OPTION(DoStatsCpu, "script[].do=set_stats.cpu_percent") {
  const Stepped engine("'set_stats', 'name': 'web', 'cpu_percent': 50");
  const auto before = engine.sample("web");
  engine.clock->advance(4s);
  EXPECT_EQ(*engine.sample("web").cpu_time - *before.cpu_time, 2s);
}
MOCK_OPTION(DoStatsMemory, "script[].do=set_stats.memory_bytes") {
  const Stepped engine("'set_stats', 'name': 'web', 'memory_bytes': 99");
  EXPECT_EQ(engine.sample("web").memory_working_set_bytes, 99u);
}
MOCK_OPTION(DoStatsPids, "script[].do=set_stats.pids") {
  EXPECT_EQ(Stepped("'set_stats', 'name': 'web', 'pids': 5").sample("web").pids, 5u);
}
MOCK_OPTION(DoStatsRx, "script[].do=set_stats.network_rx_bytes") {
  const Stepped engine("'set_stats', 'name': 'web', 'network_rx_bytes': 77");
  EXPECT_EQ(engine.sample("web").network_rx_bytes, 77u);
}
MOCK_OPTION(DoStatsTx, "script[].do=set_stats.network_tx_bytes") {
  const Stepped engine("'set_stats', 'name': 'web', 'network_tx_bytes': 78");
  EXPECT_EQ(engine.sample("web").network_tx_bytes, 78u);
}
MOCK_OPTION(DoHang, "script[].do=hang") {
  const Stepped engine("'hang', 'name': 'web'");
  engine.clock->setAutoAdvance(true);
  EXPECT_FAILS(engine->inspect({"web"}, CallContext::within(1s, *engine.clock)), kDeadlineExceeded);
}
MOCK_OPTION(DoRelease, "script[].do=release") {
  const Stepped engine("'hang', 'name': 'web'}, {'at': '1s', 'do': 'release', 'name': 'web'");
  EXPECT_TRUE(engine->inspect({"web"}, {}));
}
MOCK_OPTION(DoInventState, "script[].do=invent_state") {
  EXPECT_EQ(Stepped("'invent_state', 'name': 'web', 'text': 'odd'").look("web").state,
            ContainerState::kUnknown);
}
MOCK_OPTION(DoInventStateText, "script[].do=invent_state.text") {
  EXPECT_EQ(Stepped("'invent_state', 'name': 'web', 'text': 'odd'").look("web").raw_state, "odd");
}
MOCK_OPTION(DoInventEvent, "script[].do=invent_event") {
  const Stepped engine("'invent_event', 'name': 'web', 'text': 'odd'");
  EXPECT_EQ((*engine.told->next(kAtOnce))->type, EventType::kUnknown);
}
MOCK_OPTION(DoInventEventText, "script[].do=invent_event.text") {
  EXPECT_THAT(Stepped("'invent_event', 'name': 'web', 'text': 'odd'").words(), ElementsAre("odd"));
}
MOCK_OPTION(DoAddImage, "script[].do=add_image") {
  EXPECT_TRUE(Stepped("'add_image', 'image': 'pullable:1'")->findImage("pullable:1", {}));
}
MOCK_OPTION(DoAddImageName, "script[].do=add_image.image") {
  EXPECT_FAILS(Stepped("'add_image', 'image': 'pullable:1'")->findImage("pullable:2", {}),
               kImageNotFound);
}
MOCK_OPTION(DoRemoveImage, "script[].do=remove_image") {
  EXPECT_FAILS(Stepped("'remove_image', 'image': 'a:1'")->findImage("a:1", {}), kImageNotFound);
}
MOCK_OPTION(DoRemoveImageName, "script[].do=remove_image.image") {
  EXPECT_TRUE(Stepped("'remove_image', 'image': 'a:1'")->findImage("a:2", {}));
}

}  // namespace
}  // namespace control::mock
