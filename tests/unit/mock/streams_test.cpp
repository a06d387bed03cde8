// The streams of the mock's runtime: logs, attach, exec, events, pulls.

#include <set>

#include "mock_fixture.h"

namespace control::mock {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class MockStreamTest : public MockTest {
 protected:
  std::vector<EventType> drain(EventStream& events) {
    std::vector<EventType> types;
    while (auto event = events.next(kAtOnce)) {
      if (!*event) break;
      types.push_back((*event)->type);
    }
    return types;
  }
};

TEST_F(MockStreamTest, LogsAndAttachRefuseWhatARealEngineRefuses) {
  const ContainerId id = create({});
  EXPECT_FAILS(runtime->logs(id, {.standard_output = false, .standard_error = false}, {}),
               kInvalidArgument);
  EXPECT_FAILS(runtime->logs(id, {.tail_lines = -1}, {}), kInvalidArgument);
  EXPECT_FAILS(runtime->attach(id, {.standard_input = false}, {}), kInvalidArgument);
  EXPECT_FAILS(runtime->attach(id, {}, {}), kUnsupported);
}

TEST_F(MockStreamTest, LogsTailLines) {
  const ContainerId id = runScript("echo 1; echo 2; echo -n 3; sleep 100");
  EXPECT_EQ(logged(id, {.tail_lines = 2}), "2\n3");
  EXPECT_EQ(logged(id, {.tail_lines = 0}), "");
  EXPECT_EQ(logged(id, {.tail_lines = 99}), "1\n2\n3");
}

TEST_F(MockStreamTest, LogsBetweenTwoMoments) {
  const ContainerId id = runScript("echo 1; sleep 1; echo 2; sleep 1; echo 3; sleep 9");
  const WallTime start = clock->wallNow();
  clock->advance(5s);
  EXPECT_EQ(logged(id, {.since = start + 1s, .until = start + 1s}), "2\n");
}

TEST_F(MockStreamTest, LogsFollowToTheEndOfTheRun) {
  const ContainerId id = runScript("echo 1; sleep 1; echo 2");
  auto log = runtime->logs(id, {.follow = true, .timestamps = true}, {});
  EXPECT_EQ((*(*log)->next({}))->bytes, "1\n");
  EXPECT_FAILS((*log)->next(kAtOnce), kDeadlineExceeded);
  EXPECT_FALSE(readable((*log)->pollFd()));
  clock->advance(1s);
  EXPECT_TRUE(readable((*log)->pollFd()));
  EXPECT_TRUE((**(*log)->next({})).at);
  EXPECT_FALSE(*(*log)->next({}));
  EXPECT_FALSE(*(*log)->next({}));
}

TEST_F(MockStreamTest, LogsOfATerminalAreOneStream) {
  const ContainerId id = run({.command = {"sh", "-c", "echo a; echo b >&2"}, .tty = true});
  auto log = runtime->logs(id, {}, {});
  for (int i = 0; i < 2; ++i) EXPECT_EQ((*(*log)->next({}))->source, OutputSource::kConsole);
  EXPECT_EQ(logged(id), "a\r\nb\r\n");
}

TEST_F(MockStreamTest, LogsSayWhereOldOutputWasDropped) {
  const ContainerId id = run({});
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(mock->print(id, std::string(100000, 'x') + "\n"));
  EXPECT_THAT(logged(id), ::testing::StartsWith("<gap>x"));
}

TEST_F(MockStreamTest, AttachBeforeTheStartReceivesTheFirstByte) {
  const ContainerId id = create({.command = {"sh", "-c", "echo first"}});
  auto console = runtime->attach(id, {.standard_input = false, .standard_output = true}, {});
  ASSERT_TRUE(runtime->start(id, {}));
  EXPECT_EQ(readAll(**console), "first\n");
}

TEST_F(MockStreamTest, AttachedInputReachesTheProcessAndItsEndToo) {
  const ContainerId id = run({.command = {"cat"}, .open_stdin = true});
  auto console = runtime->attach(id, {.standard_output = true}, {});
  ASSERT_TRUE((*console)->write("one\n", {}));
  EXPECT_EQ(state(id), ContainerState::kRunning);
  ASSERT_TRUE((*console)->closeInput({}));
  EXPECT_EQ(readAll(**console), "one\n");
  EXPECT_EQ(exitCode(id), 0);
}

TEST_F(MockStreamTest, DetachingDoesNotStopTheContainer) {
  const ContainerId id = run({.command = {"cat"}, .open_stdin = true});
  runtime->attach(id, {}, {})->reset();
  EXPECT_EQ(state(id), ContainerState::kRunning);
}

TEST_F(MockStreamTest, WritingWithoutInputIsUnsupported) {
  const ContainerId id = run({.open_stdin = true});
  auto console = runtime->attach(id, {.standard_input = false, .standard_output = true}, {});
  EXPECT_FAILS((*console)->write("x", {}), kUnsupported);
}

TEST_F(MockStreamTest, ExecGivesItsExitCodeOnlyOnceItsOutputIsRead) {
  auto session = runtime->exec(run({}), {.command = {"sh", "-c", "echo out; exit 3"}}, {});
  ASSERT_TRUE(session) << session.error().message;
  EXPECT_FAILS((*session)->exitCode({}), kWrongState);
  EXPECT_EQ(readAll(**session), "out\n");
  EXPECT_EQ(*(*session)->exitCode({}), 3);
}

TEST_F(MockStreamTest, ExecOfAMissingProgramSaysSo) {
  auto session = runtime->exec(run({}), {.command = {"/nonexistent"}}, {});
  EXPECT_FALSE(*(*session)->next({}));
  EXPECT_FAILS((*session)->exitCode({}), kNotFound);
}

TEST_F(MockStreamTest, ExecNeedsARunningContainer) {
  EXPECT_FAILS(runtime->exec(create({}), {.command = {"true"}}, {}), kWrongState);
}

TEST_F(MockStreamTest, ExecEndsWithItsContainer) {
  const ContainerId id = run({});
  auto session = runtime->exec(id, {.command = {"sleep", "100"}}, {});
  send(id, 9);
  EXPECT_FALSE(*(*session)->next({}));
  EXPECT_EQ(*(*session)->exitCode({}), 137);
}

TEST_F(MockStreamTest, EventsComeInOrder) {
  auto events = runtime->events({}, {});
  const ContainerId id = create({.command = {"true"}});
  ASSERT_TRUE(runtime->start(id, {}));
  ASSERT_TRUE(runtime->remove(id, {}, {}));
  EXPECT_TRUE(readable((*events)->pollFd()));
  EXPECT_THAT(drain(**events), ElementsAre(EventType::kCreated, EventType::kStarted,
                                           EventType::kExited, EventType::kRemoved));
  EXPECT_FALSE(readable((*events)->pollFd()));
}

TEST_F(MockStreamTest, EventsAreFilteredByLabel) {
  auto events = runtime->events({.labels = {{"mine", "yes"}}}, {});
  create({.labels = {{"mine", "no"}}});
  create({});
  create({.labels = {{"mine", "yes"}}});
  EXPECT_THAT(drain(**events), ElementsAre(EventType::kCreated));
}

TEST_F(MockStreamTest, SlowReaderOfEventsFindsAGap) {
  auto slow = runtime->events({}, {});
  const ContainerId id = run({});
  for (int i = 0; i < 2000; ++i) send(id, 28);
  auto types = drain(**slow);
  ASSERT_EQ(types.size(), 1025u);
  EXPECT_EQ(types.back(), EventType::kGap);
  send(id, 9);
  types = drain(**slow);
  EXPECT_EQ(types.back(), EventType::kExited);
}

TEST_F(MockStreamTest, PullShowsTwoLayersAndThenTheImage) {
  const std::string image = "example/pullable:1";
  EXPECT_FAILS(runtime->findImage(image, {}), kImageNotFound);
  std::set<std::string> layers;
  const auto report = runtime->ensureImage(image, PullPolicy::kIfMissing, {},
                                           [&](const PullProgress& progress) {
                                             if (!progress.layer.empty())
                                               layers.insert(progress.layer);
                                           },
                                           {});
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_TRUE(report->pulled);
  EXPECT_EQ(layers.size(), 2u);
}

TEST_F(MockStreamTest, AbandonedPullBringsNoImage) {
  auto pull = runtime->pull("example/pullable:2", {}, {});
  EXPECT_TRUE(*(*pull)->next({}));
  pull->reset();
  EXPECT_FAILS(runtime->findImage("example/pullable:2", {}), kImageNotFound);
}

TEST_F(MockStreamTest, PullOfAMissingImageFailsInItsStream) {
  const auto report =
      runtime->ensureImage("mock/missing:latest", PullPolicy::kIfMissing, {}, {}, {});
  EXPECT_FAILS(report, kImageNotFound);
}

TEST_F(MockStreamTest, PullWithoutCredentialsIsRefused) {
  EXPECT_FAILS(runtime->ensureImage("a/private/b", PullPolicy::kIfMissing, {}, {}, {}),
               kPermissionDenied);
  const PullOptions options{.credentials = RegistryCredentials{.password = "right"}};
  EXPECT_TRUE(runtime->ensureImage("a/private/b", PullPolicy::kIfMissing, options, {}, {}));
}

}  // namespace
}  // namespace control::mock
