// What a container's process does, seen through the runtime.

#include "mock_fixture.h"

namespace control::mock {
namespace {

constexpr int kHup = 1, kInt = 2, kUsr1 = 10, kTerm = 15, kCont = 18, kWinch = 28, kRtMin = 34;

class MockServer : public MockTest {};
class MockScript : public MockTest {};
class MockLabel : public MockTest {};

TEST_F(MockServer, EndsWithZeroOnTermAndInt) {
  for (const int signal : {kTerm, kInt}) {
    const ContainerId id = run({});
    send(id, signal);
    EXPECT_EQ(exitCode(id), 0);
    EXPECT_FALSE(look(id).exit->signal);
  }
}

TEST_F(MockServer, DiesOfOtherSignals) {
  for (const int signal : {kHup, kUsr1, kRtMin}) {
    const ContainerId id = run({});
    send(id, signal);
    EXPECT_EQ(exitCode(id), 128 + signal);
    EXPECT_EQ(look(id).exit->signal, Signal{signal});
  }
}

TEST_F(MockServer, IsNotHarmedByHarmlessSignals) {
  const ContainerId id = run({});
  for (const int signal : {kCont, kWinch}) send(id, signal);
  EXPECT_EQ(state(id), ContainerState::kRunning);
}

TEST_F(MockServer, IsKilledBySigkillWhichIsNoOom) {
  const ContainerId id = run({});
  send(id, 9);
  const auto exit = look(id).exit;
  ASSERT_TRUE(exit);
  EXPECT_EQ(exit->exit_code, 137);
  EXPECT_EQ(exit->signal, Signal::kill());
  EXPECT_EQ(exit->oom_killed, false);
}

TEST_F(MockScript, ExitsWithItsCode) {
  EXPECT_EQ(exitCode(runScript("exit 3")), 3);
  EXPECT_EQ(exitCode(runScript("echo hi")), 0);
  EXPECT_EQ(exitCode(runScript("false")), 1);
}

TEST_F(MockScript, TakesTheTimeItSleeps) {
  const ContainerId id = runScript("sleep 2; exit 5");
  clock->advance(1999ms);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(1ms);
  EXPECT_EQ(exitCode(id), 5);
}

TEST_F(MockScript, AsProcessOneGetsNoSignalItDoesNotHandle) {
  for (const ContainerId& id : {runScript("sleep 1000"), run({.command = {"sleep", "1000"}}),
                                runScript("exec sleep 1000"), runScript("while :; do :; done")}) {
    send(id, kTerm);
    send(id, kInt);
    EXPECT_EQ(state(id), ContainerState::kRunning);
    send(id, 9);
    EXPECT_EQ(exitCode(id), 137);
  }
}

TEST_F(MockScript, UnderAnInitEndsWithTheSignalsCode) {
  const ContainerId id = run({.command = {"sleep", "1000"}, .init = true});
  send(id, kTerm);
  EXPECT_EQ(exitCode(id), 143);
  EXPECT_FALSE(look(id).exit->signal);
}

TEST_F(MockScript, RunsATrapWhenItsSleepIsOver) {
  const ContainerId id = runScript("trap 'echo bye; exit 42' INT; while true; do sleep 1; done");
  clock->advance(2500ms);
  send(id, kInt);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(500ms);
  EXPECT_EQ(exitCode(id), 42);
  EXPECT_EQ(logged(id), "bye\n");
}

TEST_F(MockScript, RunsATrapAtOnceWhenItWaits) {
  for (const char* script : {"trap 'exit 42' INT; sleep 1000 & wait",
                             "trap 'exit 42' INT; while :; do sleep 1 & wait $!; done",
                             "trap 'exit 42' INT; sleep infinity & wait"}) {
    const ContainerId id = runScript(script);
    send(id, kInt);
    EXPECT_EQ(exitCode(id), 42) << script;
  }
}

TEST_F(MockScript, GoesOnAfterATrapThatDoesNotExit) {
  const ContainerId id = runScript("trap 'echo got' USR1; while :; do sleep 1 & wait; done");
  send(id, kUsr1);
  send(id, kUsr1);
  EXPECT_EQ(logged(id), "got\ngot\n");
  EXPECT_EQ(state(id), ContainerState::kRunning);
}

TEST_F(MockScript, IgnoresWhatItTrapsWithNothing) {
  const ContainerId id = runScript("trap '' TERM; exec sleep 5");
  send(id, kTerm);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(5s);
  EXPECT_EQ(exitCode(id), 0);
}

TEST_F(MockScript, WaitsForTheLongestBackgroundSleep) {
  const ContainerId id = runScript("sleep 1 & sleep 3 & wait; exit 7");
  clock->advance(2s);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(1s);
  EXPECT_EQ(exitCode(id), 7);
}

TEST_F(MockScript, KillsItself) {
  EXPECT_EQ(exitCode(runScript("kill -9 $$")), 137);
  EXPECT_EQ(exitCode(runScript("trap 'exit 9' TERM; kill $$; sleep 100")), 9);
}

TEST_F(MockScript, PrintsInALoop) {
  const ContainerId id = runScript("while true; do echo tick; sleep 1; done");
  clock->advance(2s);
  EXPECT_EQ(logged(id), "tick\ntick\ntick\n");
}

TEST_F(MockScript, ThatSpinsUsesACoreAndStillObeysItsTraps) {
  const ContainerId id = runScript("trap 'exit 4' TERM; while true; do :; done");
  const ContainerId ids[] = {id};
  const auto before = runtime->stats(ids, {})[0];
  clock->advance(10s);
  const auto after = runtime->stats(ids, {})[0];
  ASSERT_TRUE(before && after);
  EXPECT_NEAR(*ratesBetween(*before, *after)->cpu_percent, 100, 1);
  send(id, kTerm);
  EXPECT_EQ(exitCode(id), 4);
}

TEST_F(MockScript, ThatPrintsWithoutPauseDoesNotHoldUpAnybody) {
  const ContainerId id = runScript("while true; do echo flood; done");
  clock->advance(1s);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  EXPECT_EQ(logged(id).size(), 101 * 6u);
}

TEST_F(MockScript, ThatIsNotUnderstoodRunsAsAServer) {
  const ContainerId id = runScript("java -jar server.jar | tee log");
  EXPECT_EQ(state(id), ContainerState::kRunning);
  send(id, kTerm);
  EXPECT_EQ(exitCode(id), 0);
}

TEST_F(MockLabel, RunForEndsItByItself) {
  const ContainerId id = runWith({{"mock.run_for", "5s"}});
  clock->advance(4999ms);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(1ms);
  EXPECT_EQ(exitCode(id), 0);
}

TEST_F(MockLabel, RunForZeroEndsItBeforeStartReturns) {
  EXPECT_EQ(exitCode(runWith({{"mock.run_for", "0"}, {"mock.exit_code", "6"}})), 6);
}

TEST_F(MockLabel, ExitCodeIsThatOfTheEndByItself) {
  const ContainerId id = runWith({{"mock.run_for", "1s"}, {"mock.exit_code", "3"}});
  clock->advance(1s);
  EXPECT_EQ(exitCode(id), 3);
}

TEST_F(MockLabel, ExitCodeIsThatOfAGracefulEnd) {
  const ContainerId id = runWith({{"mock.exit_code", "3"}});
  send(id, kTerm);
  EXPECT_EQ(exitCode(id), 3);
}

TEST_F(MockLabel, CrashAfterEndsItWithOne) {
  const ContainerId id = runWith({{"mock.crash_after", "2s"}});
  clock->advance(2s);
  EXPECT_EQ(exitCode(id), 1);
}

TEST_F(MockLabel, OomAfterIsReportedAsOom) {
  const ContainerId id = runWith({{"mock.oom_after", "1s"}});
  clock->advance(1s);
  EXPECT_EQ(exitCode(id), 137);
  EXPECT_EQ(look(id).exit->oom_killed, true);
  EXPECT_EQ(look(id).oom_killed, true);
}

TEST_F(MockLabel, IgnoreSignalsLeavesTheOthers) {
  const ContainerId id = runWith({{"mock.ignore_signals", "TERM"}});
  send(id, kTerm);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  send(id, kInt);
  EXPECT_EQ(state(id), ContainerState::kExited);
}

TEST_F(MockLabel, IgnoreAllStillDiesOfSigkill) {
  const ContainerId id = runWith({{"mock.ignore_signals", "all"}});
  for (const int signal : {kTerm, kInt, kHup, kRtMin}) send(id, signal);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  send(id, 9);
  EXPECT_EQ(state(id), ContainerState::kExited);
}

TEST_F(MockLabel, OnSignalDecidesWhatItDoes) {
  const ContainerId id = runWith({{"mock.on_signal.INT", "exit:42"},
                                  {"mock.on_signal.USR1", "print:saved\\n"},
                                  {"mock.on_signal.HUP", "ignore"}});
  send(id, kUsr1);
  send(id, kHup);
  EXPECT_EQ(logged(id), "saved\n");
  EXPECT_EQ(state(id), ContainerState::kRunning);
  send(id, kInt);
  EXPECT_EQ(exitCode(id), 42);
}

TEST_F(MockLabel, OnSignalDieEndsItByThatSignal) {
  const ContainerId id = runWith({{"mock.on_signal.TERM", "die"}});
  send(id, kTerm);
  EXPECT_EQ(exitCode(id), 143);
  EXPECT_EQ(look(id).exit->signal, Signal::term());
}

TEST_F(MockLabel, StopDelayIsTheTimeFromTheSignalToTheEnd) {
  const ContainerId id = runWith({{"mock.stop_delay", "300ms"}});
  send(id, kTerm);
  clock->advance(299ms);
  EXPECT_EQ(state(id), ContainerState::kRunning);
  clock->advance(1ms);
  EXPECT_EQ(exitCode(id), 0);
}

TEST_F(MockLabel, StdoutAndStderrArePrintedAtTheStart) {
  const ContainerId id = runWith({{"mock.stdout", "out\\n"}, {"mock.stderr", "err\\n"}});
  EXPECT_EQ(logged(id, {.standard_error = false}), "out\n");
  EXPECT_EQ(logged(id, {.standard_output = false}), "err\n");
}

TEST_F(MockLabel, StdoutEveryPrintsAgain) {
  const ContainerId id = runWith({{"mock.stdout", "x"}, {"mock.stdout_every", "1s"}});
  clock->advance(3s);
  EXPECT_EQ(logged(id), "xxxx");
}

TEST_F(MockLabel, StartErrorFailsTheStartAndIsInspectable) {
  const ContainerId id = create({.labels = {{"mock.start_error", "no such device"}}});
  const auto started = runtime->start(id, {});
  EXPECT_FAILS(started, kStartFailed);
  EXPECT_EQ(look(id).error, "no such device");
  EXPECT_EQ(state(id), ContainerState::kCreated);
}

TEST_F(MockLabel, UnknownIsRefusedAtCreate) {
  EXPECT_FAILS(runtime->create({.image = "a", .labels = {{"mock.nosuch", "1"}}}, {}),
               kInvalidArgument);
}

TEST_F(MockLabel, EchoStdinPrintsWhatItReads) {
  const ContainerId id = run({.labels = {{"mock.echo_stdin", "true"}}, .open_stdin = true});
  auto console = runtime->attach(id, {}, {});
  ASSERT_TRUE(console);
  ASSERT_TRUE((*console)->write("say hi\n", {}));
  EXPECT_EQ(logged(id), "say hi\n");
}

}  // namespace
}  // namespace control::mock
