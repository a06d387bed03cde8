// Many servers, servers that hang, and containers that are nobody's.

#include <fstream>

#include "supervised_engine.h"

namespace control {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::Primitive;

class Many : public test::SupervisedEngine {
 protected:
  /// Made and started past the supervisor.
  void populate(int count, const std::string& prefix = "s") {
    for (int i = 0; i < count; ++i) {
      const std::string name = prefix + std::to_string(i);
      ContainerSpec spec;
      spec.name = "control-" + name;
      spec.image = "example/game:1";
      spec.labels = {{"libcontrol.managed", "true"}, {"libcontrol.entry", name}};
      const auto made = engine_->create(spec, {});
      ASSERT_TRUE(made) << made.error().message;
      ASSERT_TRUE(engine_->start(made->id, {}));
    }
  }
  std::size_t runningCount() const {
    std::size_t running = 0;
    for (const EntryStatus& one : supervisor_->list())
      running += one.state == EntryState::kRunning ? 1 : 0;
    return running;
  }
  static int threads() {
    std::ifstream status("/proc/self/status");
    std::string line;
    while (std::getline(status, line))
      if (line.starts_with("Threads:")) return std::stoi(line.substr(8));
    return 0;
  }
};

// ---- calls that hang ----

struct Hang {
  Primitive primitive;
  const char* name;  ///< of the container or image; empty: the call is about none
};

class ManyWithOneThatHangs : public Many, public ::testing::WithParamInterface<Hang> {};

TEST_P(ManyWithOneThatHangs, TheOthersAreServedWhileTimeStandsStill) {
  constexpr int kOthers = 49;
  open();
  populate(kOthers);
  EntrySpec spec = server();
  spec.container.open_stdin = true;
  spec.stop_ladder.rungs = {{.command = "stop", .timeout = 1h}};
  create("hung", spec);
  const Primitive primitive = GetParam().primitive;
  const char* const name = GetParam().name;
  if (primitive != Primitive::kStart) {
    ASSERT_TRUE(supervisor_->start("hung", "first"));
    ASSERT_FALSE(observer_.waitForEnd("first")->error);
  }
  for (int i = 0; i < kOthers; ++i)
    ASSERT_TRUE(becomes("s" + std::to_string(i), EntryState::kRunning));
  ASSERT_TRUE(control().inject({.when = {.primitive = primitive, .name = name},
                                .then = {.hang = testing::CallPhase::kBefore}}));
  const auto hangs = [&] {
    for (const testing::JournalEntry& one : control().journal())
      if (one.primitive == primitive && !one.finished) return true;
    return false;
  };
  // Whatever it is that hangs, one of these asks for it.
  if (primitive == Primitive::kFindImage || primitive == Primitive::kPull) {
    EntrySpec pulled = server();
    pulled.container.image = name;
    ASSERT_TRUE(supervisor_->create("more", pulled, "create"));
  } else if (primitive == Primitive::kCreate) {
    ASSERT_TRUE(supervisor_->create("more", server(), "create"));
  } else if (primitive == Primitive::kUpdate) {
    ASSERT_TRUE(supervisor_->update("hung", {.limits = {.pids = 5}}, "update"));
  } else if (primitive == Primitive::kStart) {
    ASSERT_TRUE(supervisor_->start("hung", "start"));
  } else if (primitive == Primitive::kAttach) {
    ASSERT_TRUE(supervisor_->stop("hung", {}, "stop"));
  } else if (primitive == Primitive::kRemove) {
    ASSERT_TRUE(supervisor_->kill("hung", "kill"));
    ASSERT_TRUE(supervisor_->remove("hung", "remove"));
  } else if (*name != '\0') {
    ASSERT_TRUE(supervisor_->kill("hung", "kill"));
  } else {
    ASSERT_TRUE(passUntil(hangs));  // the supervisor asks for it by itself
  }
  ASSERT_TRUE(eventually(hangs));
  for (int i = 0; i < kOthers; ++i) {
    const std::string one = "s" + std::to_string(i);
    ASSERT_TRUE(supervisor_->restart(one, {.timeout = 1h}, "restart-" + one));
    ASSERT_TRUE(supervisor_->update(one, {.limits = {.pids = 7}}, "update-" + one));
    ASSERT_TRUE(supervisor_->kill(one, "kill-" + one));
    ASSERT_TRUE(supervisor_->remove(one, "remove-" + one));
  }
  for (int i = 0; i < kOthers; ++i) {
    const auto end = observer_.waitForEnd("remove-s" + std::to_string(i));
    ASSERT_TRUE(end);
    EXPECT_FALSE(end->error);
  }
  EXPECT_TRUE(hangs());
  control().reset();
}

INSTANTIATE_TEST_SUITE_P(Primitives, ManyWithOneThatHangs,
                         ::testing::Values(Hang{Primitive::kInfo, ""}, Hang{Primitive::kList, ""},
                                           Hang{Primitive::kCreate, "control-more"},
                                           Hang{Primitive::kStart, "control-hung"},
                                           Hang{Primitive::kSignal, "control-hung"},
                                           Hang{Primitive::kWatchExit, "control-hung"},
                                           Hang{Primitive::kRemove, "control-hung"},
                                           Hang{Primitive::kInspect, "control-hung"},
                                           Hang{Primitive::kUpdate, "control-hung"},
                                           Hang{Primitive::kAttach, "control-hung"},
                                           Hang{Primitive::kPull, "example/pullable:1"},
                                           Hang{Primitive::kFindImage, "example/slow:1"}),
                         [](const auto& one) {
                           return std::string(testing::toString(one.param.primitive));
                         });

TEST_F(Many, ServersThatHangCostAThreadEachAndNoMore) {
  constexpr int kServers = 50;
  populate(kServers);
  open();
  ASSERT_EQ(runningCount(), std::size_t{kServers});
  for (const EntryStatus& one : supervisor_->list())
    ASSERT_TRUE(control().setHung(*one.container, true));
  const int before = threads();
  for (int round = 0; round < 20; ++round)
    for (int i = 0; i < kServers; ++i)
      ASSERT_TRUE(supervisor_->update("s" + std::to_string(i), {.limits = {.pids = 7}}, "update"));
  const auto asked = [&] {
    int waiting = 0;
    for (const testing::JournalEntry& one : control().journal())
      waiting += one.primitive == Primitive::kInspect && !one.finished ? 1 : 0;
    return waiting;
  };
  ASSERT_TRUE(eventually([&] { return asked() == kServers; }));
  for (int minute = 0; minute < 3; ++minute) clock().advance(10s);
  EXPECT_LE(threads(), before + kServers + 8);
  control().reset();
}

// ---- adoption ----

/// The figure that is promised is a tenth of it; tests/bench measures that.
TEST_F(Many, TwoHundredAreAdoptedWithinASecondMoreThanTheirList) {
  populate(200);
  auto best = std::chrono::steady_clock::duration::max();
  // The best of some tries: what else the processors do is not measured.
  for (int i = 0; i < 10 && best > 1s; ++i) {
    const auto begin = std::chrono::steady_clock::now();
    ASSERT_TRUE(engine_->list({.labels = {{"libcontrol.managed", "true"}}}, {}));
    const auto listed = std::chrono::steady_clock::now();
    open();
    const auto adopted = std::chrono::steady_clock::now();
    EXPECT_EQ(runningCount(), 200U);
    best = std::min(best, (adopted - listed) - (listed - begin));
    close();
  }
  RecordProperty("adoption_us", static_cast<int>(best / 1us));
  EXPECT_LE(best, 1s);
}

TEST_F(Many, AdoptionAsksTheEngineAsOftenForEachHoweverManyThereAre) {
  std::vector<std::size_t> calls;
  int there = 0;
  for (const int count : {50, 200, 900}) {
    populate(count - there, "more" + std::to_string(count) + "-");
    there = count;
    const auto asked = [&] {
      return callsOf(Primitive::kInspect) + callsOf(Primitive::kWatchExit) +
             callsOf(Primitive::kList);
    };
    // Only the latest 4096 calls are kept.
    const std::size_t before = count < 900 ? asked() : 0;
    if (count == 900) continue;
    open();
    close();
    calls.push_back(asked() - before);
  }
  EXPECT_LE(calls[1], 4 * calls[0]);
  EXPECT_LE(calls[0], 3U * 50 + 1);
  const auto begin = std::chrono::steady_clock::now();
  open();
  EXPECT_EQ(runningCount(), 900U);
  RecordProperty("adoption_of_900_us",
                 static_cast<int>((std::chrono::steady_clock::now() - begin) / 1us));
}

// ---- nobody's ----

TEST_F(Many, ContainersThatAreNobodysAreListedAndLeftAlone) {
  options_.owner_label = {"owner", "here"};
  const auto make = [&](const std::string& name, std::map<std::string, std::string> labels) {
    labels["libcontrol.managed"] = "true";
    const auto made =
        engine_->create({.name = name, .image = "example/game:1", .labels = std::move(labels)}, {});
    ASSERT_TRUE(made);
    ASSERT_TRUE(engine_->start(made->id, {}));
  };
  make("control-mine", {{"libcontrol.entry", "mine"}, {"owner", "here"}});
  make("control-theirs", {{"libcontrol.entry", "theirs"}, {"owner", "there"}});
  make("control-unnamed", {{"owner", "here"}});
  make("control-odd", {{"libcontrol.entry", "../odd"}, {"owner", "here"}});
  make("copy", {{"libcontrol.entry", "mine"}, {"owner", "here"}});
  open();
  std::map<std::string, std::string> why;
  for (const Orphan& one : supervisor_->orphans()) {
    why[one.name] = one.why;
    EXPECT_EQ(one.state, ContainerState::kRunning);
  }
  ASSERT_EQ(why.size(), 4U);
  EXPECT_THAT(why["control-theirs"], HasSubstr("'there'"));
  EXPECT_THAT(why["control-unnamed"], HasSubstr("libcontrol.entry"));
  EXPECT_THAT(why["control-odd"], HasSubstr("no name"));
  EXPECT_THAT(why["copy"], HasSubstr("control-mine"));
  ASSERT_EQ(supervisor_->list().size(), 1U);
  EXPECT_EQ(stateOf("mine"), EntryState::kRunning);
  const std::size_t lists = callsOf(Primitive::kList);
  ASSERT_TRUE(passUntil([&] { return callsOf(Primitive::kList) > lists; }));
  EXPECT_EQ(engine_->list({}, {})->size(), 5U);
  EXPECT_EQ(callsOf(Primitive::kSignal), 0U);
}

TEST_F(Many, NameThatNoContainerMayHaveIsRefused) {
  open();
  for (const auto* name : {"", "../a", "a b", "-a", "a/b", "\xc3\xa4"}) {
    const auto refused = supervisor_->create(name, server(), "create");
    ASSERT_FALSE(refused) << name;
    EXPECT_EQ(refused.error().code, ErrorCode::kInvalidArgument);
  }
  options_.is_entry_name = [](std::string_view name) { return name.size() < 3; };
  reopen();
  EXPECT_FALSE(supervisor_->create("abc", server(), "create"));
  EXPECT_TRUE(supervisor_->create("ab", server(), "create"));
}

}  // namespace
}  // namespace control
