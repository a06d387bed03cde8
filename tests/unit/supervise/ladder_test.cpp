// Stops that go up a ladder.

#include <thread>

#include "supervised_engine.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Primitive;

TEST(StopLadder, TextReadsBackAsTheSameLadder) {
  const StopLadder ladder{.rungs = {{.command = "say bye/now %", .timeout = 1500ms},
                                    {.signal = Signal::interrupt(), .timeout = 30s},
                                    {.signal = {37}, .timeout = 0s}}};
  const auto again = StopLadder::parse(ladder.toText());
  ASSERT_TRUE(again) << ladder.toText();
  ASSERT_EQ(again->rungs.size(), 3U);
  EXPECT_EQ(again->rungs[0].command, "say bye/now %");
  EXPECT_EQ(again->rungs[0].timeout, 1500ms);
  EXPECT_EQ(again->rungs[1].signal, Signal::interrupt());
  EXPECT_EQ(again->rungs[2].signal, Signal{37});
  EXPECT_EQ(again->toText(), ladder.toText());
  EXPECT_THAT(StopLadder::parse("")->rungs, IsEmpty());
}

TEST(StopLadder, NonsenseIsNoLadder) {
  for (const auto* text : {"SIGINT", "SIGINT/", "/5", "!/5", "!a%2/5", "SIGINT/-1", "SIGINT/5 ",
                           "NOSIG/5", "SIGINT/5  SIGTERM/5", "!a b/5"})
    EXPECT_FALSE(StopLadder::parse(text)) << text;
}

class Ladder : public test::SupervisedEngine {
 protected:
  Ladder() { open(); }

  static EntrySpec climbing(std::map<std::string, std::string> labels) {
    EntrySpec spec = server(std::move(labels));
    spec.container.open_stdin = true;
    spec.stop_ladder.rungs = {{.command = "save and quit", .timeout = 20s},
                              {.signal = Signal::interrupt(), .timeout = 10s},
                              {.signal = Signal::term(), .timeout = 5s}};
    return spec;
  }
  /// From here on servers end when they are told to on their console.
  void obeyCommands() {
    runtime_->onInput([this](const ContainerId& id, std::string_view typed) {
      if (typed == "save and quit\n") (void)control().crash(id, 0);
    });
  }
  /// Stops it and gives what was told of the end.
  Transition stopped(const StopOptions& options = {}) {
    begin_ = clock().now();
    EXPECT_TRUE(supervisor_->stop("a", options, "stop"));
    EXPECT_TRUE(passUntil([&] { return observer_.endsOf("stop") == 1; }));
    EXPECT_FALSE(observer_.waitForEnd("stop")->error);
    return observer_.transitions("a").back();
  }
  std::vector<std::string> signalsSent() {
    std::vector<std::string> sent;
    for (const testing::JournalEntry& one : control().journal())
      if (one.primitive == Primitive::kSignal) sent.push_back(one.detail);
    return sent;
  }

  TimePoint begin_{};
};

TEST_F(Ladder, CommandThatWorksSendsNoSignal) {
  obeyCommands();
  createAndStart("a", climbing({}));
  const Transition end = stopped();
  EXPECT_EQ(end.current, EntryState::kStopped);
  EXPECT_EQ(end.reason, Reason::kStoppedGracefully);
  EXPECT_EQ(end.rung, "command");
  EXPECT_EQ(end.exit->exit_code, 0);
  EXPECT_EQ(observer_.waitForEnd("stop")->rung, "command");
  EXPECT_THAT(signalsSent(), IsEmpty());
}

TEST_F(Ladder, EachRungHasItsOwnTime) {
  createAndStart("a", climbing({{"mock.ignore_signals", "INT"}}));
  const Transition end = stopped();
  EXPECT_EQ(end.reason, Reason::kStoppedGracefully);
  EXPECT_EQ(end.rung, "SIGTERM");
  EXPECT_THAT(signalsSent(), ElementsAre("SIGINT", "SIGTERM"));
  std::vector<Duration> at;
  for (const testing::JournalEntry& one : control().journal())
    if (one.primitive == Primitive::kSignal) at.push_back(one.at - begin_);
  EXPECT_GE(at[0], 20s);
  EXPECT_GE(at[1] - at[0], 10s);
}

TEST_F(Ladder, LastRungIsTheKill) {
  createAndStart("a", climbing({{"mock.ignore_signals", "INT,TERM"}}));
  const Transition end = stopped();
  EXPECT_EQ(end.reason, Reason::kKilledAfterTimeout);
  EXPECT_EQ(end.rung, "SIGKILL");
  EXPECT_EQ(end.exit->exit_code, 137);
  EXPECT_THAT(signalsSent(), ElementsAre("SIGINT", "SIGTERM", "SIGKILL"));
}

TEST_F(Ladder, RungThatKillsIsNoGracefulStop) {
  EntrySpec spec = server();
  spec.stop_ladder.rungs = {{.signal = Signal::kill(), .timeout = 10s}};
  createAndStart("a", spec);
  const Transition end = stopped();
  EXPECT_EQ(end.reason, Reason::kKilledAfterTimeout);
  EXPECT_EQ(end.rung, "SIGKILL");
}

TEST_F(Ladder, RungThatCannotBeKeptOrTakenIsRefused) {
  using Rung = StopLadder::Rung;
  const std::map<std::string, Rung> wrong = {{"signals from 1 to 64", {.signal = {99}}},
                                             {"times from 0", {.timeout = -1s}},
                                             {"line break", {.command = "save\nstop"}},
                                             {"control character", {.command = "save\x01"}},
                                             {"4095", {.command = std::string(5000, 's')}}};
  for (const auto& [remedy, rung] : wrong) {
    EntrySpec spec = server();
    spec.stop_ladder.rungs = {rung};
    const auto made = supervisor_->create("a", spec, "create");
    ASSERT_FALSE(made) << remedy;
    EXPECT_EQ(made.error().code, ErrorCode::kInvalidArgument);
    EXPECT_THAT(made.error().message, ::testing::HasSubstr(remedy));
    EXPECT_FALSE(supervisor_->status("a")) << "nothing is left of it";
  }
}

TEST_F(Ladder, CommandThatCannotBeWrittenGoesOnAtOnce) {
  createAndStart("a", climbing({}));
  control().failNext(Primitive::kAttach, {.code = ErrorCode::kWrongState});
  const Transition end = stopped();
  EXPECT_EQ(end.rung, "SIGINT");
  for (const testing::JournalEntry& one : control().journal())
    EXPECT_TRUE(one.primitive != Primitive::kSignal || one.at - begin_ < 20s);
}

TEST_F(Ladder, ConsoleThatHangsCostsAtMostItsTime) {
  createAndStart("a", climbing({}));
  ASSERT_TRUE(control().inject(
      {.when = {.primitive = Primitive::kAttach}, .then = {.hang = testing::CallPhase::kBefore}}));
  EXPECT_EQ(stopped().rung, "SIGINT");
}

TEST_F(Ladder, SignalThatCannotBeSentKillsNothing) {
  EntrySpec spec = server();
  spec.stop_ladder.rungs = {{.signal = Signal::interrupt(), .timeout = 10s}};
  createAndStart("a", spec);
  control().failNext(Primitive::kSignal,
                     {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop"));
  const auto end = observer_.waitForEnd("stop");
  ASSERT_TRUE(end && end->error);
  EXPECT_EQ(end->error->code, ErrorCode::kUnavailable);
  EXPECT_EQ(stateOf("a"), EntryState::kRunning);
}

TEST_F(Ladder, EngineThatDoesNotAnswerSkipsNoRung) {
  createAndStart("a", climbing({}));
  for (const Primitive unanswered : {Primitive::kInspect, Primitive::kWatchExit}) {
    control().failNext(unanswered, {.code = ErrorCode::kUnavailable});
    const std::string in_vain = "in-vain-" + std::to_string(static_cast<int>(unanswered));
    ASSERT_TRUE(supervisor_->stop("a", {}, in_vain));
    const auto end = observer_.waitForEnd(in_vain);
    ASSERT_TRUE(end && end->error);
    EXPECT_EQ(end->error->code, ErrorCode::kUnavailable);
    EXPECT_EQ(stateOf("a"), EntryState::kRunning);
    EXPECT_THAT(signalsSent(), IsEmpty());
  }
  obeyCommands();
  EXPECT_EQ(stopped().rung, "command");
}

TEST_F(Ladder, CrashAfterASignalThatWasNeverSentIsACrash) {
  EntrySpec spec = server();
  spec.stop_ladder.rungs = {{.signal = Signal::interrupt(), .timeout = 10s}};
  spec.restart = {.mode = RestartPolicy::Mode::kOnFailure};
  createAndStart("a", spec);
  control().failNext(Primitive::kSignal,
                     {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop"));
  ASSERT_TRUE(observer_.waitForEnd("stop")->error);
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  ASSERT_TRUE(observer_.waitFor("a", EntryState::kCrashed));
  EXPECT_TRUE(becomesInTime("a", EntryState::kRunning));
}

TEST_F(Ladder, SignalThatWasNeverSentIsSentByTheNextStop) {
  EntrySpec spec = server();
  spec.stop_ladder.rungs = {{.signal = Signal::interrupt(), .timeout = 10s}};
  createAndStart("a", spec);
  control().failNext(Primitive::kSignal,
                     {.code = ErrorCode::kUnavailable, .message = "the engine restarts"});
  ASSERT_TRUE(supervisor_->stop("a", {}, "in-vain"));
  ASSERT_TRUE(observer_.waitForEnd("in-vain")->error);
  EXPECT_EQ(stopped({.signal = Signal::interrupt(), .timeout = 20s}).rung, "SIGINT");
}

TEST_F(Ladder, SignalOrTimeoutThatIsAskedForTakesItsPlace) {
  obeyCommands();
  createAndStart("a", climbing({}));
  const Transition end = stopped({.signal = Signal::term(), .timeout = 7s});
  EXPECT_EQ(end.rung, "SIGTERM");
  EXPECT_EQ(callsOf(Primitive::kAttach), 0U);
}

TEST_F(Ladder, KillEndsItAtAnyRung) {
  createAndStart("a", climbing({{"mock.ignore_signals", "INT,TERM"}}));
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop"));
  ASSERT_TRUE(eventually([&] { return callsOf(Primitive::kAttach) == 1; }));
  ASSERT_TRUE(supervisor_->kill("a", "kill"));
  ASSERT_FALSE(observer_.waitForEnd("stop")->error);
  ASSERT_FALSE(observer_.waitForEnd("kill")->error);
  EXPECT_EQ(observer_.transitions("a").back().reason, Reason::kKilled);
  EXPECT_EQ(observer_.transitions("a").back().rung, "SIGKILL");
}

TEST_F(Ladder, AdoptedServerKeepsItsLadder) {
  obeyCommands();
  createAndStart("a", climbing({}));
  reopen();
  EXPECT_EQ(stopped().rung, "command");
}

TEST_F(Ladder, RestartAndRemovalClimbIt) {
  obeyCommands();
  createAndStart("a", climbing({}));
  ASSERT_TRUE(supervisor_->restart("a", {}, "restart"));
  ASSERT_FALSE(observer_.waitForEnd("restart")->error);
  EXPECT_EQ(observer_.waitForEnd("restart")->rung, "command");
  ASSERT_TRUE(supervisor_->remove("a", "remove"));
  ASSERT_FALSE(observer_.waitForEnd("remove")->error);
  EXPECT_THAT(signalsSent(), IsEmpty());
}

TEST_F(Ladder, EndThatComesBeforeTheFirstRungIsNotWaitedFor) {
  EntrySpec spec = server();
  spec.stop_ladder.rungs = {{.signal = Signal::interrupt(), .timeout = 10s}};
  createAndStart("a", spec);
  const auto gate = runtime_->hold(Primitive::kInspect);
  ASSERT_TRUE(supervisor_->stop("a", {}, "stop"));
  ASSERT_TRUE(gate->held());
  ASSERT_TRUE(control().crash(idOf("a"), 3));
  gate->open();
  const auto end = observer_.waitForEnd("stop");  // while time stands still
  ASSERT_TRUE(end);
  EXPECT_FALSE(end->error);
  EXPECT_EQ(stateOf("a"), EntryState::kStopped);
  EXPECT_EQ(supervisor_->status("a")->exit->exit_code, 3);
}

TEST_F(Ladder, StopThatStoppedNothingNamesNoRung) {
  create("a", climbing({}));
  EXPECT_EQ(stopped().rung, "");
}

}  // namespace
}  // namespace control
