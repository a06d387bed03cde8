// How the profiles show themselves: each quirk of the engines that they stand for.

#include <thread>

#include "scenario_fixture.h"

namespace control::mock {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSubsetOf;
using ::testing::Not;

constexpr const char* kDockers[] = {"docker-20", "docker-29"};
constexpr const char* kPodmans[] = {"podman-4", "podman-5"};
constexpr const char* kReal[] = {"docker-20", "docker-29", "podman-4", "podman-5"};
constexpr const char* kAll[] = {"mock", "docker-20", "docker-29", "podman-4", "podman-5"};

/// An engine of that profile whose clock the test moves.
Opened opened(const std::string& profile, const std::string& more = "") {
  return Opened("{'containers': [{'name': 'web', 'image': 'a', 'running': true" + more + "}]}",
                "clock=virtual&profile=" + profile);
}

void kill(const Opened& engine) { std::ignore = engine->signal({"web"}, Signal::kill(), {}); }

TEST(MockProfile, NamesTheEngineAndItsVersions) {
  const auto info = [](const char* profile) { return *opened(profile)->info({}); };
  for (const char* profile : kAll) EXPECT_EQ(info(profile).engine, "mock");
  EXPECT_EQ(info("docker-20").version, "20.10.24");
  EXPECT_EQ(info("docker-20").api_version, "1.41");
  EXPECT_EQ(info("docker-20").cgroup_version, 1);
  EXPECT_EQ(info("docker-29").version, "29.1.3");
  EXPECT_EQ(info("docker-29").api_version, "1.52");
  EXPECT_EQ(info("podman-4").version, "4.3.1");
  EXPECT_EQ(info("podman-5").version, "5.4.2");
}

TEST(MockProfile, NoticesAnExitBeforeTheEngineRecordsIt) {
  for (const char* profile : kReal) {
    const Opened engine = opened(profile);
    EXPECT_TRUE(engine->info({})->has(Capability::kExitFromKernel));
    const auto watch = engine->watchExit({"web"}, {});
    kill(engine);
    EXPECT_EQ((*watch)->noticed(kAtOnce)->exit_code, 137) << profile;
    EXPECT_FAILS((*watch)->exited(kAtOnce), kDeadlineExceeded);
    EXPECT_EQ(engine.look("web").state, ContainerState::kRunning);
    EXPECT_FALSE(engine.look("web").pid);
    EXPECT_EQ(*engine->start({"web"}, {}), StartOutcome::kAlreadyRunning);
    EXPECT_EQ(*engine->signal({"web"}, Signal::term(), {}), SignalOutcome::kNotRunning);
    EXPECT_FAILS(engine->remove({"web"}, {}, {}), kWrongState);
    EXPECT_FAILS(engine->exec({"web"}, {.command = {"true"}}, {}), kWrongState);
    engine.clock->advance(200ms);
    EXPECT_EQ((*watch)->exited(kAtOnce)->exit_code, 137) << profile;
    EXPECT_EQ(engine.look("web").state, ContainerState::kExited);
    EXPECT_EQ(*engine->start({"web"}, {}), StartOutcome::kStarted);
  }
}

TEST(MockProfile, PlainEngineRecordsAnExitAtOnce) {
  const Opened engine = opened("mock");
  EXPECT_FALSE(engine->info({})->has(Capability::kExitFromKernel));
  kill(engine);
  EXPECT_EQ(engine.exitCode("web"), 137);
}

TEST(MockProfile, PodmanAttachesBeforeTheFirstRunAndDuringOneOnly) {
  for (const char* profile : kAll) {
    const bool waits = std::string_view(profile).find("podman") == std::string_view::npos;
    const Opened engine = opened(profile, "}, {'name': 'new', 'image': 'a'");
    EXPECT_TRUE(engine->attach({"new"}, {.standard_input = false, .standard_output = true}, {}))
        << profile;
    EXPECT_TRUE(engine->attach({"web"}, {.standard_input = false, .standard_output = true}, {}))
        << profile;
    kill(engine);
    engine.clock->advance(1s);
    const auto between =
        engine->attach({"web"}, {.standard_input = false, .standard_output = true}, {});
    if (waits)
      EXPECT_TRUE(between) << profile;
    else
      EXPECT_FAILS(between, kWrongState);
    ASSERT_TRUE(engine->start({"web"}, {}));
    EXPECT_TRUE(engine->attach({"web"}, {.standard_input = false, .standard_output = true}, {}))
        << profile;
  }
}

TEST(MockProfile, PodmanChangesTheLimitsOfARunningContainerOnly) {
  for (const char* profile : kAll) {
    const bool any = std::string_view(profile).find("podman") == std::string_view::npos;
    const Opened engine = opened(profile, "}, {'name': 'new', 'image': 'a'");
    EXPECT_TRUE(engine->update({"web"}, {.pids = 5}, {})) << profile;
    kill(engine);
    engine.clock->advance(1s);
    for (const char* name : {"web", "new"}) {
      const auto updated = engine->update({name}, {.pids = 7}, {});
      if (any)
        EXPECT_TRUE(updated) << profile;
      else
        EXPECT_FAILS(updated, kWrongState);
      EXPECT_EQ(engine.look(name).spec.limits.pids == 7, any) << profile;
    }
  }
}

TEST(MockProfile, PodmanTidiesUpAfterAStoppedContainer) {
  for (const char* profile : kPodmans) {
    const Opened engine = opened(profile);
    kill(engine);
    engine.clock->advance(200ms);
    EXPECT_EQ(engine.look("web").raw_state, "stopped");
    engine.clock->advance(50ms);
    EXPECT_EQ(engine.look("web").raw_state, "exited");
  }
}

TEST(MockProfile, PodmanShowsThatAStopIsUnderWay) {
  for (const char* profile : kAll) {
    const Opened engine = opened(profile, ", 'labels': {'mock.stop_delay': '2s'}");
    EXPECT_TRUE(engine.mock->stopBehind({"web"}));
    const bool podman = std::string(profile).starts_with("podman");
    EXPECT_EQ(engine.look("web").raw_state, podman ? "stopping" : "running") << profile;
    EXPECT_TRUE(engine.look("web").running());
    engine.clock->advance(3s);
    EXPECT_EQ(engine.exitCode("web"), 0);
  }
}

TEST(MockProfile, TellsEventsInTheEnginesWords) {
  const auto words = [](const char* profile) {
    const Opened engine = opened(profile);
    const auto events = engine.events();
    EXPECT_TRUE(engine.mock->stopBehind({"web"}));
    engine.clock->advance(1s);
    std::ignore = engine->start({"web"}, {});
    std::ignore = engine->remove({"web"}, {.force = true}, {});
    return wordsOf(*events);
  };
  EXPECT_THAT(words("mock"), ElementsAre("kill", "die", "start", "die", "destroy"));
  for (const char* profile : kDockers)
    EXPECT_THAT(words(profile), ElementsAre("kill", "die", "stop", "start", "die", "destroy"));
  for (const char* profile : kPodmans)
    EXPECT_THAT(words(profile),
                ElementsAre("kill", "died", "cleanup", "init", "start", "died", "remove"));
}

TEST(MockProfile, PodmanTellsNoSignalOfAKill) {
  for (const char* profile : kReal) {
    const Opened engine = opened(profile);
    const auto events = engine.events();
    kill(engine);
    const auto event = **(*events).next(kAtOnce);
    EXPECT_EQ(event.type, EventType::kSignalled);
    EXPECT_EQ(event.signal.has_value(), !std::string(profile).starts_with("podman")) << profile;
  }
}

TEST(MockProfile, OnlyDockerHasAnEventForLackOfMemory) {
  for (const char* profile : kReal) {
    const Opened engine = opened(profile);
    const auto events = engine.events();
    EXPECT_TRUE(engine.mock->oom({"web"}));
    engine.clock->advance(1s);
    const auto words = wordsOf(*events);
    EXPECT_EQ(std::count(words.begin(), words.end(), "oom"),
              std::string(profile).starts_with("docker") ? 1 : 0);
    EXPECT_EQ(engine.look("web").exit->oom_killed, true);
  }
}

TEST(MockProfile, PodmanDoesNotDenyThatMemoryLacked) {
  for (const char* profile : kAll) {
    const Opened engine = opened(profile);
    const auto none =
        std::string(profile).starts_with("podman") ? std::nullopt : std::optional<bool>(false);
    EXPECT_EQ(engine.look("web").oom_killed, none);
    kill(engine);
    engine.clock->advance(1s);
    EXPECT_EQ(engine.look("web").exit->oom_killed, none);
  }
}

TEST(MockProfile, RecordsStopTimeoutsInWholeSeconds) {
  for (const char* profile : kReal)
    EXPECT_EQ(opened(profile, ", 'stop_timeout': '1500ms'").look("web").spec.stop_timeout, 2s);
  EXPECT_EQ(opened("mock", ", 'stop_timeout': '1500ms'").look("web").spec.stop_timeout, 1500ms);
}

TEST(MockProfile, DockerWakesAPausedContainerWithItsStopSignal) {
  for (const char* profile : kDockers) {
    const Opened any = opened(profile);
    EXPECT_TRUE(any.mock->pause({"web"}));
    std::ignore = any->signal({"web"}, Signal::term(), {});
    any.clock->advance(1s);
    EXPECT_EQ(any.exitCode("web"), 0);
    const Opened chosen = opened(profile, ", 'stop_signal': 'INT'");
    EXPECT_TRUE(chosen.mock->pause({"web"}));
    std::ignore = chosen->signal({"web"}, Signal::term(), {});
    EXPECT_EQ(chosen.look("web").state, ContainerState::kPaused);
    std::ignore = chosen->signal({"web"}, Signal::interrupt(), {});
    chosen.clock->advance(1s);
    EXPECT_EQ(chosen.exitCode("web"), 0);
  }
  for (const char* profile : kPodmans) {
    const Opened engine = opened(profile);
    EXPECT_TRUE(engine.mock->pause({"web"}));
    std::ignore = engine->signal({"web"}, Signal::term(), {});
    EXPECT_EQ(engine.look("web").state, ContainerState::kPaused);
  }
}

TEST(MockProfile, ShowsAContainerThatAnotherClientIsRemoving) {
  for (const char* profile : kReal) {
    const Opened engine = opened(profile);
    EXPECT_TRUE(engine.mock->removeBehind({"web"}));
    EXPECT_EQ(engine.look("web").state, ContainerState::kRemoving);
    EXPECT_FAILS(engine->start({"web"}, {}), kWrongState);
    EXPECT_FAILS(engine->create({.name = "web", .image = "a"}, {}), kAlreadyExists);
    std::thread remover([&] { EXPECT_TRUE(engine->remove({"web"}, {}, {})); });
    EXPECT_TRUE(engine.clock->awaitWaiters(1));
    engine.clock->advance(10ms);
    remover.join();
    EXPECT_TRUE(engine->create({.name = "web", .image = "a"}, {}));
  }
}

TEST(MockProfile, NamesImagesAndLimitsProcessesInTheEnginesWay) {
  for (const char* profile : kDockers) {
    const Opened engine = opened(profile);
    EXPECT_THAT(engine.look("web").image_id, HasSubstr("sha256:"));
    EXPECT_FALSE(engine.look("web").spec.limits.pids);
  }
  for (const char* profile : kPodmans) {
    const Opened engine = opened(profile);
    EXPECT_EQ(engine.look("web").image_id.size(), 64u);
    EXPECT_EQ(engine->findImage("a", {})->id, engine.look("web").image_id);
    EXPECT_EQ(engine.look("web").spec.limits.pids, 2048);
    EXPECT_EQ(engine.sample("web").pids_limit, 2048u);
  }
}

TEST(MockProfile, CutsTimestampsOfLogsToWhatTheEngineKeeps) {
  const auto fraction = [](const char* profile) {
    const Opened engine = opened(profile);
    engine.clock->advance(1234567891ns);
    EXPECT_TRUE(engine.mock->print({"web"}, "x\n"));
    const auto log = engine->logs({"web"}, {.timestamps = true}, {});
    return (*(*log)->next({}))->at->time_since_epoch() % 1s;
  };
  EXPECT_EQ(fraction("mock"), 234567891ns);
  for (const char* profile : kDockers) EXPECT_EQ(fraction(profile), 234567891ns);
  for (const char* profile : kPodmans) EXPECT_EQ(fraction(profile), 0ns);
}

TEST(MockProfile, FindsLinesByTheTimestampsThatItShows) {
  for (const char* profile : kAll) {
    const Opened engine = opened(profile);
    for (const char* line : {"one\n", "two\n", "three\n"}) {
      engine.clock->advance(1100ms);
      EXPECT_TRUE(engine.mock->print({"web"}, line));
    }
    const auto log = engine->logs({"web"}, {.timestamps = true}, {});
    std::ignore = (*log)->next({});
    const WallTime second = *(**(*log)->next({})).at;
    EXPECT_EQ(engine.logged("web", {.since = second}), "two\nthree\n") << profile;
    EXPECT_EQ(engine.logged("web", {.until = second}), "one\ntwo\n") << profile;
  }
}

TEST(MockProfile, CutsLongLinesAsTheEngineDoes) {
  const auto first = [](const char* profile) {
    const Opened engine = opened(profile);
    EXPECT_TRUE(engine.mock->print({"web"}, std::string(20000, 'x') + "\n"));
    EXPECT_EQ(engine.logged("web").size(), 20001u);
    return (*(*engine->logs({"web"}, {}, {}))->next({}))->bytes.size();
  };
  EXPECT_EQ(first("mock"), 20001u);
  for (const char* profile : kDockers) EXPECT_EQ(first(profile), 16384u);
  for (const char* profile : kPodmans) EXPECT_EQ(first(profile), 8192u);
}

TEST(MockProfile, FollowingWhatHasNotStartedEndsAtOnce) {
  for (const char* profile : kReal) {
    const Opened engine("{'containers': [{'name': 'web', 'image': 'a'}]}",
                        std::string("clock=virtual&profile=") + profile);
    const auto log = engine->logs({"web"}, {.follow = true}, {});
    EXPECT_FALSE(*(*log)->next(kAtOnce)) << profile;
  }
}

TEST(MockProfile, PodmanEndsStdinWithItsLastConnectionUnlessThereIsATerminal) {
  const auto survives = [](const char* profile, const char* tty) {
    const Opened engine =
        opened(profile, std::string(", 'open_stdin': true, 'command': ['cat'], 'tty': ") + tty);
    {
      const auto first = engine->attach({"web"}, {}, {});
      { const auto second = engine->attach({"web"}, {}, {}); }
      EXPECT_TRUE((*first)->write("x", {}));
    }
    engine.clock->advance(1s);
    return engine.look("web").running();
  };
  for (const char* profile : kDockers) EXPECT_TRUE(survives(profile, "false"));
  for (const char* profile : kPodmans) {
    EXPECT_FALSE(survives(profile, "false"));
    EXPECT_TRUE(survives(profile, "true"));
  }
}

TEST(MockProfile, ComplainsOfAMissingCommandInTheOutput) {
  for (const char* profile : kReal) {
    const Opened engine = opened(profile);
    const auto session = engine->exec({"web"}, {.command = {"/nonexistent"}}, {});
    const auto output = **(*session)->next({});
    const bool podman = std::string(profile).starts_with("podman");
    EXPECT_EQ(output.source, podman ? OutputSource::kStderr : OutputSource::kStdout);
    EXPECT_THAT(output.bytes, HasSubstr("OCI runtime exec failed"));
    EXPECT_FALSE(*(*session)->next({}));
    EXPECT_FAILS((*session)->exitCode({}), kNotFound);
  }
}

TEST(MockProfile, OfAnOpenEngineCannotBeChanged) {
  const auto first = openMock("mock:///profiled?profile=docker-20");
  EXPECT_TRUE(openMock("mock:///profiled"));
  EXPECT_FAILS(openMock("mock:///profiled?profile=podman-5"), kInvalidArgument);
}

TEST(MockProfile, AStopThatEscalatesWorksOnEach) {
  for (const char* profile : kAll) {
    const Opened engine(
        "{'containers': [{'name': 'web', 'image': 'a', 'running': true,"
        " 'labels': {'mock.ignore_signals': 'all'}}]}",
        std::string("clock=auto&profile=") + profile);
    const TimePoint began = engine.clock->now();
    const auto stopped = engine->stop({"web"}, {.timeout = 1500ms}, {});
    ASSERT_TRUE(stopped) << profile;
    EXPECT_EQ(stopped->outcome, StopOutcome::kKilled);
    EXPECT_EQ(stopped->exit->exit_code, 137);
    EXPECT_GE(engine.clock->now() - began, 1500ms);
    EXPECT_LE(engine.clock->now() - began, 2s);
    EXPECT_EQ(engine.look("web").state, ContainerState::kExited);
  }
}

}  // namespace
}  // namespace control::mock
