#include <gtest/gtest.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "unit/docker/docker_scripted.h"

namespace control::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(DockerEvents, EndOfTheStreamIsALossAndNotTheEnd) {
  ScriptedEngine engine(dockerScript("1.41", [](const Request&, Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const std::string event =
        R"({"Type":"container","Action":"die","Actor":{"ID":"a","Attributes":{"exitCode":"3"}},"timeNano":5})"
        "\n";
    char size[16];
    std::snprintf(size, sizeof size, "%zx\r\n", event.size());
    peer.send(size + event + "\r\n0\r\n\r\n");
    return false;
  }));
  const auto runtime = opened(engine.uri());
  const auto events = runtime->events({}, soon());
  ASSERT_TRUE(events) << events.error().message;
  const auto event = (*events)->next(soon());
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->exit_code, 3);
  const auto lost = (*events)->next(soon());
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::kUnavailable);
}

TEST(DockerEvents, ASlowReaderGetsAGapAndTheEngineIsAlwaysDrained) {
  constexpr int kEvents = 30'000;
  std::atomic<bool> all_sent{false};
  ScriptedEngine engine(dockerScript("1.41", [&](const Request&, Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    for (int i = 0; i < kEvents; ++i)
      peer.send(R"({"Type":"container","Action":"start","Actor":{"ID":"a"},"timeNano":5})"
                "\n");
    all_sent = true;
    return peer.waitForClose(), false;
  }));
  const auto runtime = opened(engine.uri());
  const auto events = runtime->events({}, soon());
  ASSERT_TRUE(events);
  const auto give_up = std::chrono::steady_clock::now() + seconds(20);
  while (!all_sent && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  ASSERT_TRUE(all_sent) << "the reader does not keep up by itself";
  int starts = 0;
  int gaps = 0;
  for (;;) {
    const auto event = (*events)->next(soon(milliseconds(300)));
    if (!event) break;
    ((*event)->type == EventType::kGap ? gaps : starts)++;
  }
  EXPECT_LT(starts, kEvents);
  EXPECT_GE(gaps, 1);
}

TEST(DockerLogs, AreDemultiplexedAndACutFrameIsALoss) {
  ScriptedEngine engine(dockerScript("1.41", [](const Request& request, Peer& peer) {
    if (!has(request, "/logs")) return peer.reply(200, kExited), true;
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    peer.send(std::string_view("\x01\0\0\0\0\0\0\x03out\x02\0\0\0\0\0\0\x09par", 22));
    return false;
  }));
  const auto runtime = opened(engine.uri());
  const auto logs = runtime->logs({"abc"}, {}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  std::string out;
  for (;;) {
    const auto item = (*logs)->next(soon());
    if (!item) {
      EXPECT_EQ(item.error().code, ErrorCode::kUnavailable);
      break;
    }
    ASSERT_TRUE(*item) << "a cut frame is no end";
    out += (*item)->bytes;
  }
  EXPECT_EQ(out, "outpar");
}

TEST(DockerWait, ALostConnectionIsNoExit) {
  ScriptedEngine engine(dockerScript("1.41", [](const Request& request, Peer& peer) {
    if (!has(request, "/wait")) return peer.reply(200, kExited), true;
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    return false;
  }));
  const auto runtime = opened(engine.uri());
  const auto watch = runtime->watchExit({"abc"}, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  const auto exit = (*watch)->exited(soon());
  ASSERT_FALSE(exit);
  EXPECT_EQ(exit.error().code, ErrorCode::kUnavailable);
}

// Crashed the process: the wait that was lost was read again.
TEST(DockerWait, CanBeAskedAgainAfterTheEngineWasLost) {
  enum { kRunning, kGone, kOver };
  std::atomic<int> phase{kRunning};
  ScriptedEngine engine(dockerScript("1.41", [&](const Request& request, Peer& peer) {
    if (phase == kGone) return false;
    if (phase == kOver) return peer.reply(200, kExited), true;
    if (!has(request, "/wait"))
      return peer.reply(
                 200,
                 R"({"Id":"abc","Name":"/n","State":{"Status":"running","Running":true,"StartedAt":"2026-01-01T00:00:00Z"},"Config":{"Tty":false}})"),
             true;
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    return false;
  }));
  const auto runtime = opened(engine.uri());
  const auto watch = runtime->watchExit({"abc"}, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  phase = kGone;
  for (int i = 0; i < 3; ++i) {
    const auto exit = (*watch)->exited(soon());
    ASSERT_FALSE(exit);
    EXPECT_EQ(exit.error().code, ErrorCode::kUnavailable);
  }
  phase = kOver;
  const auto exit = (*watch)->exited(soon());
  ASSERT_TRUE(exit) << exit.error().message;
  EXPECT_EQ(exit->exit_code, 0);
}

TEST(DockerWait, IsNotReadableForEverAfterAStart) {
  std::atomic<bool> started{false};
  ScriptedEngine engine(dockerScript("1.41", [&](const Request& request, Peer& peer) {
    if (has(request, "/wait")) {
      peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
      return peer.waitForClose(), false;
    }
    if (has(request, "/start")) return started = true, peer.reply(204, ""), true;
    return peer.reply(
               200,
               started
                   ? R"({"Id":"abc","Name":"/n","State":{"Status":"running","Running":true,"StartedAt":"2026-01-01T00:00:00Z"},"Config":{"Tty":false}})"
                   : kExited),
           true;
  }));
  const auto runtime = opened(engine.uri());
  const auto watch = runtime->watchExit({"abc"}, soon());
  ASSERT_TRUE(watch) << watch.error().message;
  ASSERT_TRUE(runtime->start({"abc"}, soon()));
  const auto early = (*watch)->noticed({.deadline = TimePoint{}});
  ASSERT_FALSE(early);
  EXPECT_EQ(early.error().code, ErrorCode::kDeadlineExceeded);
  pollfd polled{.fd = (*watch)->pollFd(), .events = POLLIN, .revents = 0};
  EXPECT_EQ(::poll(&polled, 1, 0), 0) << "whoever polls would turn round without end";
}

Result<void> drain(PullStream& pull) {
  for (;;) {
    auto step = pull.next(soon());
    if (!step) return step.error();
    if (!*step) return {};
  }
}

Result<void> pullFrom(const std::string& answer, const PullOptions& options = {}) {
  ScriptedEngine engine(dockerScript("1.41", [&](const Request&, Peer& peer) {
    peer.send("HTTP/1.1 200 OK\r\n\r\n" + answer);
    if (answer.empty()) peer.waitForClose();
    return false;
  }));
  const auto runtime = opened(engine.uri());
  auto pull = runtime->pull("a:1", options, soon());
  if (!pull) return pull.error();
  return drain(**pull);
}

TEST(DockerPull, NeedsTheLastWordToSucceed) {
  EXPECT_TRUE(
      pullFrom("{\"status\":\"Pulling\",\"id\":\"1\"}\r\n{\"status\":\"Status: Image is up to date "
               "for a:1\"}\r\n"));
  const auto cut = pullFrom("{\"status\":\"Pulling\",\"id\":\"1\"}\r\n");
  ASSERT_FALSE(cut);
  EXPECT_EQ(cut.error().code, ErrorCode::kUnavailable);
}

TEST(DockerPull, AnErrorInTheStreamIsAnError) {
  const auto missing = pullFrom(
      "{\"errorDetail\":{\"message\":\"manifest unknown\"},\"error\":\"manifest unknown\"}\n");
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, ErrorCode::kImageNotFound);
  const auto denied = pullFrom("{\"errorDetail\":{\"message\":\"unauthorized: bad\"}}\n");
  ASSERT_FALSE(denied);
  EXPECT_EQ(denied.error().code, ErrorCode::kPermissionDenied);
}

TEST(DockerPull, GivesUpOnARegistryThatSaysNothing) {
  const auto idle = pullFrom("", {.idle_timeout = milliseconds(80)});
  ASSERT_FALSE(idle);
  EXPECT_EQ(idle.error().code, ErrorCode::kUnavailable);
}

TEST(DockerPull, GivesUpOnARegistryWhoseSilenceTheEngineWaitsFor) {
  ScriptedEngine engine(dockerScript("1.41", [](const Request&, Peer& peer) {
    peer.waitForClose();
    return false;
  }));
  const auto runtime = opened(engine.uri());
  const auto idle = runtime->pull("a:1", {.idle_timeout = milliseconds(80)}, soon());
  ASSERT_FALSE(idle);
  EXPECT_EQ(idle.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(idle.error().message, "the registry sent nothing for 80 ms");
  const auto late = runtime->pull("a:1", {}, soon(milliseconds(80)));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace control::test
