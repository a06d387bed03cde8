#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "unit/podman/podman_scripted.h"

namespace control::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(PodmanStart, ThatFailedIsToldOfTheContainerWhateverItIsCalled) {
  std::atomic<bool> fails{true};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (request.method == "GET")
      peer.reply(200, inspection("created"));
    else if (fails)
      peer.reply(500, R"({"cause":"x","message":"OCI runtime error: no such executable"})");
    else
      peer.reply(204, "");
    return true;
  }));
  const auto runtime = opened(engine);
  const ContainerId id{kId};
  const ContainerId name{"web"};
  for (const ContainerId& called : {name, id}) {
    fails = true;
    EXPECT_CODE(runtime->start(called, soon()), ErrorCode::kStartFailed);
    for (const ContainerId& asked : {name, id})
      EXPECT_NE(must(runtime->inspect(asked, soon())).error.find("no such executable"),
                std::string::npos);
    fails = false;
    EXPECT_EQ(must(runtime->start(called == id ? name : id, soon())), StartOutcome::kStarted);
    for (const ContainerId& asked : {name, id})
      EXPECT_EQ(must(runtime->inspect(asked, soon())).error, "") << "it is from another start";
  }
}

TEST(PodmanStart, IsTriedAgainAfterOneInWhichTheServiceWasKilled) {
  std::atomic<int> starts{0};
  std::atomic<int> failures{1};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (request.method == "GET")
      peer.reply(200, inspection("exited"));
    else if (++starts <= failures)
      peer.reply(500, R"({"cause":"OCI runtime error","message":"runc: runc create failed: )"
                      R"(container with given ID already exists: OCI runtime error"})");
    else
      peer.reply(204, "");
    return true;
  }));
  const auto runtime = opened(engine);
  EXPECT_EQ(must(runtime->start({kId}, soon())), StartOutcome::kStarted);
  EXPECT_EQ(starts, 2);
  failures = 100;
  starts = 0;
  EXPECT_CODE(runtime->start({kId}, soon()), ErrorCode::kStartFailed);
  EXPECT_EQ(starts, 2);
}

TEST(PodmanStart, EndsFirstWhatRunsWhileTheServiceTakesItForSetUp) {
  std::mutex mutex;
  std::vector<std::string> posts;
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (request.method == "GET") return peer.reply(200, inspection("initialized")), true;
    const std::lock_guard lock(mutex);
    posts.push_back(request.target.substr(request.target.rfind('/')));
    if (posts.size() == 1)
      peer.reply(500, R"({"cause":"x","message":"`/usr/bin/runc start )" + kId +
                          R"(` failed: exit status 1"})");
    else
      peer.reply(204, "");
    return true;
  }));
  EXPECT_EQ(must(opened(engine)->start({kId}, soon())), StartOutcome::kStarted);
  const std::lock_guard lock(mutex);
  EXPECT_EQ(posts, (std::vector<std::string>{"/start", "/stop", "/start"}));
}

TEST(PodmanSignal, ToWhatDoesNotRunIsAnOutcomeWithEitherStatus) {
  std::atomic<int> status{500};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (request.method == "GET") return peer.reply(200, inspection("exited")), true;
    peer.reply(
        status,
        R"({"cause":"container state improper","message":"can only kill running containers"})");
    return true;
  }));
  const auto runtime = opened(engine);
  for (const int one : {500, 409}) {
    status = one;
    const auto outcome = runtime->signal({"web"}, Signal::term(), soon());
    ASSERT_TRUE(outcome) << outcome.error().message;
    EXPECT_EQ(*outcome, SignalOutcome::kNotRunning);
  }
}

TEST(PodmanSignal, ToAProcessThatEndsMeanwhileIsAnOutcome) {
  std::atomic<bool> over{true};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (request.method == "GET")
      return peer.reply(200, inspection(over ? "stopped" : "running")), true;
    return peer.reply(500, R"({"cause":"`runc kill` failed: exit status 1","message":"x"})"), true;
  }));
  const auto runtime = opened(engine);
  EXPECT_TRUE(runtime->signal({"web"}, Signal::term(), soon()));
  over = false;
  EXPECT_CODE(runtime->signal({"web"}, Signal::term(), soon()), ErrorCode::kInternal);
}

TEST(PodmanInspection, IsAskedForAgainWhenTheServiceStumblesOverAnExit) {
  std::atomic<int> failures{2};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer& peer) {
    if (failures-- > 0)
      peer.reply(500, R"({"cause":"exit status 1","message":"runc state: exit status 1"})");
    else
      peer.reply(200, inspection("exited"));
    return true;
  }));
  const auto runtime = opened(engine);
  const auto info = runtime->inspect({"web"}, soon());
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->exit->exit_code, 4);
  failures = 1000;
  EXPECT_CODE(runtime->inspect({"web"}, soon()), ErrorCode::kInternal);
}

TEST(PodmanList, IsAskedForAgainWhenAContainerVanishedFromUnderIt) {
  std::atomic<int> failures{3};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer& peer) {
    if (failures-- > 0)
      peer.reply(500, R"({"cause":"no such container","message":"no such container"})");
    else
      peer.reply(200, "[]");
    return true;
  }));
  EXPECT_TRUE(opened(engine)->list({}, soon()));
}

TEST(PodmanRemove, DoesNotForgetAProcessThatIsBeingStopped) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request& request, Peer& peer) {
    if (request.method == "GET") return peer.reply(200, inspection("stopping")), true;
    return peer.reply(200, "[]"), true;
  }));
  EXPECT_CODE(opened(engine)->remove({"web"}, {}, soon()), ErrorCode::kWrongState);
  EXPECT_EQ(engine.count("DELETE", ""), 0);
}

TEST(PodmanRemove, ByForceWaitsForNobodyAndIsTriedAgain) {
  std::atomic<int> failures{1};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (request.method == "GET") return peer.reply(200, inspection("stopped")), true;
    if (failures-- > 0)
      peer.reply(500, R"({"cause":"container state improper","message":"sending SIGKILL"})");
    else
      peer.reply(200, "[]");
    return true;
  }));
  const auto removed = opened(engine)->remove({"web"}, {.force = true}, soon());
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(*removed, RemoveOutcome::kRemoved);
  EXPECT_EQ(engine.count("DELETE", "force=true&timeout=0"), 2);
}

TEST(PodmanRemove, OfWhatIsBeingRemovedEndsWithIt) {
  std::atomic<int> looks{0};
  ScriptedEngine engine(podmanScript("5.4.2", [&](const Request& request, Peer& peer) {
    if (request.method == "GET" && ++looks > 3)
      peer.reply(404, R"({"cause":"no such container","message":"no such container"})");
    else if (request.method == "GET")
      peer.reply(200, inspection("removing"));
    else
      peer.reply(500, R"({"cause":"container state improper","message":"is being removed"})");
    return true;
  }));
  const auto removed = opened(engine)->remove({"web"}, {.force = true}, soon());
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(*removed, RemoveOutcome::kRemoved);
}

/// A container that the engine's storage has let go of: it is killed in a removal, or 4.3 loses one
/// on a busy host.
class PodmanLostStorage : public ::testing::Test {
 protected:
  static std::string row(const std::string& state, const std::string& more) {
    return R"([{"Id":")" + kId + R"(","Names":["web"],"Image":"game:1","Labels":{"a":"b"},)" +
           R"("Created":"2026-11-30T23:44:14Z","State":")" + state + R"(",)" + more + "}]";
  }

  void listIs(std::string list) {
    const std::lock_guard lock(mutex_);
    list_ = std::move(list);
  }
  std::string list() {
    const std::lock_guard lock(mutex_);
    return list_;
  }

  std::atomic<bool> lost_{true};
  std::mutex mutex_;
  std::string list_ = row("removing", R"("StartedAt":-62135596800,"ExitCode":0)");
  std::string start_ =
      R"({"cause":"no such container","message":"mounting storage for container )" + kId +
      R"(: no such container"})";
  std::atomic<int> removals_{0};
  ScriptedEngine engine_{podmanScript("4.3.1", [this](const Request& request, Peer& peer) {
    const bool inspected = request.target.ends_with("/json");
    if (request.method == "DELETE")
      ++removals_, peer.reply(200, R"([{"Id":")" + kId + R"("}])");
    else if (request.method == "POST")
      peer.reply(500, start_);
    else if (inspected && lost_)
      peer.reply(500,
                 R"({"cause":"container not known","message":"getting container from store"})");
    else if (inspected)
      peer.reply(
          200, R"({"Id":")" + kId + R"(","Name":"web","State":{"Status":"running","Pid":77,)" +
                   R"("StartedAt":"2026-12-01T04:09:34.5Z"},"Config":{"Tty":true,"Env":["A=b"]}})");
    else
      peer.reply(200, list());
    return true;
  })};
  std::shared_ptr<ContainerRuntime> runtime_ = opened(engine_);
};

TEST_F(PodmanLostStorage, IsWhatTheListSaysOfIt) {
  for (const ContainerId& called : {ContainerId{"web"}, ContainerId{kId}}) {
    const auto info = runtime_->inspect(called, soon());
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_EQ(info->id.value, kId);
    EXPECT_EQ(info->spec.name, "web");
    EXPECT_EQ(info->spec.image, "game:1");
    EXPECT_EQ(info->spec.labels.at("a"), "b");
    EXPECT_EQ(info->state, ContainerState::kRemoving);
    EXPECT_EQ(info->raw_state, "removing");
    EXPECT_TRUE(info->created_at);
    EXPECT_FALSE(info->started_at);
    EXPECT_FALSE(info->exit);
    EXPECT_FALSE(info->running());
    EXPECT_CODE(runtime_->update(called, {.pids = 5}, soon()), ErrorCode::kWrongState);
  }
  EXPECT_CODE(runtime_->inspect({"we"}, soon()), ErrorCode::kInternal);
}

TEST_F(PodmanLostStorage, IsInspectedByWhoInspectedItBeforeOnly) {
  listIs(row("running", R"("Pid":77,"StartedAt":1796098174)"));
  // Nobody could make one like it of what the list tells.
  EXPECT_CODE(runtime_->inspect({kId}, soon()), ErrorCode::kInternal);
  lost_ = false;
  const auto before = must(runtime_->inspect({kId}, soon()));
  lost_ = true;
  const auto after = must(runtime_->inspect({kId}, soon()));
  EXPECT_EQ(after.spec.environment.size(), 1U);
  EXPECT_EQ(after.spec.environment, before.spec.environment);
  EXPECT_EQ(after.spec.tty, before.spec.tty);
}

TEST_F(PodmanLostStorage, RunsAndEnds) {
  lost_ = false;
  ASSERT_TRUE(runtime_->inspect({kId}, soon()));
  lost_ = true;
  listIs(row("running", R"("Pid":77,"StartedAt":1796098174,"ExitedAt":-62135596800)"));
  const auto running = must(runtime_->inspect({kId}, soon()));
  EXPECT_EQ(running.state, ContainerState::kRunning);
  EXPECT_EQ(running.pid, 77);
  ASSERT_TRUE(running.started_at);
  EXPECT_EQ(running.started_at->time_since_epoch(), milliseconds(1796098174500));
  listIs(row("exited", R"("Pid":0,"StartedAt":1796098174,"ExitedAt":1796098180,"ExitCode":137)"));
  const auto over = must(runtime_->inspect({kId}, soon()));
  EXPECT_EQ(over.state, ContainerState::kExited);
  EXPECT_FALSE(over.pid);
  ASSERT_TRUE(over.exit);
  EXPECT_EQ(over.exit->exit_code, 137);
  EXPECT_EQ(over.exit->run.started_at, running.started_at);
  EXPECT_EQ(over.finished_at->time_since_epoch(), seconds(1796098180));
}

TEST_F(PodmanLostStorage, IsStillInTheRunThatWasSeenBefore) {
  lost_ = false;
  const auto before = must(runtime_->inspect({kId}, soon()));
  lost_ = true;
  listIs(row("running", R"("Pid":77,"StartedAt":1796098174)"));
  const auto after = must(runtime_->inspect({kId}, soon()));
  EXPECT_EQ(after.started_at, before.started_at);
  EXPECT_TRUE(after.spec.tty);
  listIs(row("running", R"("Pid":78,"StartedAt":1796098175)"));
  EXPECT_NE(must(runtime_->inspect({kId}, soon())).started_at, before.started_at);
}

TEST_F(PodmanLostStorage, StartsNoMoreAndIsThereAllTheSame) {
  listIs(row("exited", R"("StartedAt":5)"));
  const auto started = runtime_->start({kId}, soon());
  EXPECT_CODE(started, ErrorCode::kStartFailed);
  EXPECT_NE(started.error().message.find("create it anew"), std::string::npos);
}

TEST_F(PodmanLostStorage, IsRemoved) {
  for (const bool force : {false, true})
    for (const ContainerId& called : {ContainerId{"web"}, ContainerId{kId}})
      EXPECT_EQ(must(runtime_->remove(called, {.force = force}, soon())), RemoveOutcome::kRemoved);
  EXPECT_EQ(removals_, 4);
}

TEST_F(PodmanLostStorage, IsNoneThatTheListDoesNotKnow) {
  listIs("[]");
  EXPECT_CODE(runtime_->inspect({"web"}, soon()), ErrorCode::kInternal);
  EXPECT_CODE(runtime_->remove({"web"}, {.force = true}, soon()), ErrorCode::kInternal);
}

TEST(PodmanUpdate, OfWhatDoesNotRunIsWrongState) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request&, Peer& peer) {
    return peer.reply(200, inspection("created")), true;
  }));
  EXPECT_CODE(opened(engine)->update({"web"}, {.pids = 5}, soon()), ErrorCode::kWrongState);
  EXPECT_EQ(engine.count("POST", ""), 0);
}

TEST(PodmanUpdate, WithoutCgroupsIsUnsupportedAndNotTried) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request& request, Peer& peer) {
    const std::string facts = R"({"host":{"cgroupVersion":"v1","security":{"rootless":true}}})";
    return peer.reply(200, has(request, "/info") ? facts : inspection("running")), true;
  }));
  EXPECT_CODE(opened(engine)->update({"web"}, {.pids = 5}, soon()), ErrorCode::kUnsupported);
  EXPECT_EQ(engine.count("POST", ""), 0);
}

TEST(PodmanAttach, NeverSetsAContainerUpAnewThatIsOver) {
  for (const char* state : {"exited", "stopped", "removing", "paused"}) {
    ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer& peer) {
      return peer.reply(200, inspection(state)), true;
    }));
    EXPECT_CODE(opened(engine)->attach({"web"}, {}, soon()), ErrorCode::kWrongState);
    EXPECT_EQ(engine.count("POST", ""), 0) << state;
  }
}

// ---- waiting ----

TEST(PodmanWait, TellsTheFirstRunSinceEvenWhenAnotherBegan) {
  std::atomic<bool> restarted{false};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (has(request, "/events")) {
      const auto event = [](const char* action, int code, int at) {
        return R"({"Type":"container","Action":")" + std::string(action) + R"(","Actor":{"ID":")" +
               kId + R"(","Attributes":{"containerExitCode":")" + std::to_string(code) +
               R"("}},"timeNano":)" + std::to_string(at) + "}\n";
      };
      peer.reply(200, event("died", 1, 10) + event("start", 0, 20) + event("died", 5, 30) +
                          event("start", 0, 40));
    } else if (restarted) {
      peer.reply(200, inspection("running"));
    } else {
      peer.reply(200, R"({"Id":")" + kId + R"(","Name":"web","State":{"Status":"created"}})");
    }
    return true;
  }));
  const auto runtime = opened(engine);
  const auto watch = runtime->watchExit({"web"}, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  restarted = true;
  const auto exit = (*watch)->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 5);
}

TEST(PodmanWait, OfWhatIsRemovedEndsAndALostServiceIsNoExit) {
  enum { kThere, kLost, kGone };
  std::atomic<int> phase{kThere};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer& peer) {
    if (phase == kLost) return false;
    if (phase == kGone)
      peer.reply(404, R"({"cause":"no such container","message":"no such container"})");
    else
      peer.reply(200, R"({"Id":")" + kId + R"(","Name":"web","State":{"Status":"created"}})");
    return true;
  }));
  const auto runtime = opened(engine);
  const auto watch = runtime->watchExit({"web"}, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  EXPECT_CODE((*watch)->noticed(soon(milliseconds(20))), ErrorCode::kDeadlineExceeded);
  phase = kLost;
  EXPECT_CODE((*watch)->exited(soon()), ErrorCode::kUnavailable);
  phase = kGone;
  EXPECT_CODE((*watch)->exited(soon()), ErrorCode::kNotFound);
}

}  // namespace
}  // namespace control::test
