// Every option of the mock engine has a test that it has an effect: the list of them, and those of
// labels and the URI. Those of scenarios are in scenario_options_test.cpp and
// script_options_test.cpp.

#include "option.h"

#include "mock/mock_endpoint.h"
#include "mock/mock_labels.h"
#include "mock/mock_scenario.h"

namespace control::mock {
namespace {

using ::testing::HasSubstr;

TEST(MockOptions, EachHasATestOfItsEffect) {
  std::set<std::string> known;
  for (const auto key : kQueryKeys) known.insert("query " + std::string(key));
  for (const auto& label : labelOptions()) known.insert("label " + label);
  for (const auto& key : scenarioOptions()) known.insert(key);
  std::vector<std::string> odd;
  std::set_symmetric_difference(known.begin(), known.end(), shownOptions().begin(),
                                shownOptions().end(), std::back_inserter(odd));
  EXPECT_THAT(odd, ::testing::IsEmpty()) << "options without a test, or tests without an option";
}

// ---- The URI ----

MOCK_OPTION(QueryClock, "query clock") {
  EXPECT_EQ((*openMock("mock:///q1?clock=real"))->extension<testing::MockControl>()->fakeClock(),
            nullptr);
  const auto still = openMock("mock:///q2?clock=virtual");
  const auto* const clock = (*still)->extension<testing::MockControl>()->fakeClock();
  EXPECT_FAILS((*still)->pull("a", {}, {.deadline = clock->now()}), kDeadlineExceeded);
  const auto jumps = openMock("mock:///q3?clock=auto");
  const auto running = (*jumps)->run({.image = "a", .labels = {{"mock.run_for", "1000h"}}}, {});
  EXPECT_EQ(running->exit->exited({})->exit_code, 0);
}

MOCK_OPTION(QuerySeed, "query seed") {
  const ScenarioFile file("{'seed': 1, 'containers': [{'name': 'web', 'image': 'a'}]}");
  const auto idOf = [&](const std::string& query) {
    return (*openMock(file.uri(query)))->inspect({"web"}, {})->id.value;
  };
  EXPECT_EQ(idOf("seed=1"), idOf(""));
  EXPECT_NE(idOf("seed=2"), idOf(""));
}

MOCK_OPTION(QueryProfile, "query profile") {
  EXPECT_EQ((*openMock("mock:///q4?profile=podman-5"))->info({})->version, "5.4.2");
  const ScenarioFile file("{'profile': 'podman-4'}");
  EXPECT_EQ((*openMock(file.uri("profile=docker-29")))->info({})->version, "29.1.3");
}

MOCK_OPTION(QueryName, "query name") {
  const ScenarioFile file("{'containers': [{'name': 'web', 'image': 'a'}]}");
  const auto one = openMock(file.uri("name=q5"));
  EXPECT_TRUE((*one)->remove({"web"}, {}, {}));
  EXPECT_FAILS((*openMock(file.uri("name=q5")))->inspect({"web"}, {}), kNotFound);
  const ScenarioFile other("{}");
  EXPECT_FAILS(openMock(other.uri("name=q5")), kInvalidArgument);
}

// ---- Labels ----

Opened labelled(const std::string& labels, const std::string& more = "") {
  return Opened("{'containers': [{'name': 'web', 'image': 'a', 'running': true, 'labels': {" +
                    labels + "}" + more + "}]}",
                "clock=virtual");
}

MOCK_OPTION(LabelRunFor, "label mock.run_for") {
  const Opened engine = labelled("'mock.run_for': '5s'");
  engine.clock->advance(4999ms);
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
  engine.clock->advance(1ms);
  EXPECT_EQ(engine.exitCode("web"), 0);
}

MOCK_OPTION(LabelCrashAfter, "label mock.crash_after") {
  const Opened engine = labelled("'mock.crash_after': '5s'");
  engine.clock->advance(5s);
  EXPECT_EQ(engine.exitCode("web"), 1);
}

MOCK_OPTION(LabelOomAfter, "label mock.oom_after") {
  const Opened engine = labelled("'mock.oom_after': '5s'");
  engine.clock->advance(5s);
  EXPECT_EQ(engine.look("web").exit->oom_killed, true);
}

MOCK_OPTION(LabelExitCode, "label mock.exit_code") {
  const Opened engine = labelled("'mock.run_for': '5s', 'mock.exit_code': '9'");
  engine.clock->advance(5s);
  EXPECT_EQ(engine.exitCode("web"), 9);
}

MOCK_OPTION(LabelIgnoreSignals, "label mock.ignore_signals") {
  const Opened engine = labelled("'mock.ignore_signals': 'TERM'");
  std::ignore = engine->signal({"web"}, Signal::term(), {});
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
  std::ignore = engine->signal({"web"}, Signal::interrupt(), {});
  EXPECT_EQ(engine.exitCode("web"), 0);
}

MOCK_OPTION(LabelOnSignal, "label mock.on_signal.NAME") {
  const Opened engine = labelled("'mock.on_signal.USR1': 'exit:42'");
  std::ignore = engine->signal({"web"}, Signal{10}, {});
  EXPECT_EQ(engine.exitCode("web"), 42);
}

MOCK_OPTION(LabelStopDelay, "label mock.stop_delay") {
  const Opened engine = labelled("'mock.stop_delay': '300ms'");
  std::ignore = engine->signal({"web"}, Signal::term(), {});
  engine.clock->advance(299ms);
  EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
  engine.clock->advance(1ms);
  EXPECT_EQ(engine.exitCode("web"), 0);
}

MOCK_OPTION(LabelStdout, "label mock.stdout") {
  EXPECT_EQ(labelled("'mock.stdout': 'hello'").logged("web", {.standard_error = false}), "hello");
}

MOCK_OPTION(LabelStderr, "label mock.stderr") {
  EXPECT_EQ(labelled("'mock.stderr': 'oh'").logged("web", {.standard_output = false}), "oh");
}

MOCK_OPTION(LabelStdoutEvery, "label mock.stdout_every") {
  const Opened engine = labelled("'mock.stdout': 'x', 'mock.stdout_every': '1s'");
  engine.clock->advance(3s);
  EXPECT_EQ(engine.logged("web"), "xxxx");
}

MOCK_OPTION(LabelStartError, "label mock.start_error") {
  const Opened engine(
      "{'containers': [{'name': 'web', 'image': 'a', 'labels': {'mock.start_error': 'no'}}]}");
  EXPECT_FAILS(engine->start({"web"}, {}), kStartFailed);
  EXPECT_EQ(engine.look("web").error, "no");
}

MOCK_OPTION(LabelCpuPercent, "label mock.cpu_percent") {
  const Opened engine = labelled("'mock.cpu_percent': '25'");
  engine.clock->advance(4s);
  EXPECT_EQ(engine.sample("web").cpu_time, 1s);
}

MOCK_OPTION(LabelMemoryBytes, "label mock.memory_bytes") {
  EXPECT_EQ(labelled("'mock.memory_bytes': '12345'").sample("web").memory_working_set_bytes,
            12345u);
}

MOCK_OPTION(LabelEchoStdin, "label mock.echo_stdin") {
  const Opened engine = labelled("'mock.echo_stdin': 'true'", ", 'open_stdin': true");
  const auto console = engine->attach({"web"}, {}, {});
  EXPECT_TRUE((*console)->write("said", {}));
  EXPECT_EQ(engine.logged("web"), "said");
}

MOCK_OPTION(LabelHealthyAfter, "label mock.healthy_after") {
  const Opened engine = labelled("'mock.healthy_after': '2s'");
  EXPECT_EQ(engine.look("web").health->state, Health::State::kStarting);
  engine.clock->advance(2s);
  EXPECT_EQ(engine.look("web").health->state, Health::State::kHealthy);
  EXPECT_FALSE(labelled("'mock.cpu_percent': '1'").look("web").health);
}

}  // namespace
}  // namespace control::mock
