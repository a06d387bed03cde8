#include <gtest/gtest.h>
#include <libcontrol/loader.h>
#include <libcontrol/runtime.h>
#include <poll.h>

#include <atomic>
#include <thread>

#include "docker/docker_plugin.h"
#include "support/scripted_engine.h"

namespace control::docker {
namespace {

using control::test::dockerScript;
using control::test::ScriptedEngine;
using control::test::TestCertificates;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Request = ScriptedEngine::Request;
using Peer = ScriptedEngine::Peer;

CallContext soon(Duration timeout = seconds(20)) { return CallContext::within(timeout); }

Result<std::shared_ptr<ContainerRuntime>> open(const std::string& uri) {
  const PluginDescriptor* const linked[] = {&descriptor()};
  return loadRuntime(uri, {.linked_plugins = linked}, soon());
}

std::shared_ptr<ContainerRuntime> opened(const std::string& uri) {
  auto runtime = open(uri);
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return *runtime;
}

bool has(const Request& request, std::string_view part) {
  return request.target.find(part) != std::string::npos;
}

constexpr const char* kExited =
    R"({"Id":"abc","Name":"/n","State":{"Status":"exited","Running":false,"ExitCode":0,"StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-01T00:00:01Z"},"Config":{"Tty":false}})";

// ---- agreeing on a version ----

TEST(DockerVersion, IsTheEnginesOwnWhenThatIsOlderThanOurs) {
  ScriptedEngine engine(
      dockerScript("1.41", [](const Request&, Peer& peer) { return peer.reply(200, "[]"), true; }));
  ASSERT_TRUE(opened(engine.uri())->list({}, soon()));
  EXPECT_EQ(engine.count("GET", "/v1.41/containers/json"), 1);
}

TEST(DockerVersion, IsOneThatAnEngineLikeDocker29Takes) {
  // Refuses everything below 1.44, as Docker 29.0 to 29.2 do.
  ScriptedEngine engine(dockerScript("1.52", [](const Request& request, Peer& peer) {
    const int minor = std::stoi(request.target.substr(4, 2));
    if (minor < 44)
      peer.reply(400, "client version 1." + std::to_string(minor) +
                          " is too old. Minimum supported API version is 1.44");
    else
      peer.reply(200, "[]");
    return true;
  }));
  const auto list = opened(engine.uri())->list({}, soon());
  ASSERT_TRUE(list) << list.error().message;
}

TEST(DockerVersion, OfAnEngineThatIsTooOldIsUnsupported) {
  ScriptedEngine engine(dockerScript("1.40", [](const Request&, Peer&) { return false; }));
  const auto runtime = open(engine.uri());
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(runtime.error().message.find("1.41"), std::string::npos) << runtime.error().message;
}

TEST(DockerVersion, OfPodmanIsRefusedWithTheRightEndpoint) {
  ScriptedEngine engine([](const Request&, Peer& peer) {
    return peer.reply(200, "", "Api-Version: 1.41\r\nLibpod-Api-Version: 4.3.1\r\n"), true;
  });
  const auto runtime = open(engine.uri());
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(runtime.error().message.find("podman://" + engine.socketPath()), std::string::npos);
}

TEST(DockerVersion, IsAgreedAnewWhenTheEngineWasReplaced) {
  std::atomic<bool> replaced{false};
  ScriptedEngine engine([&](const Request& request, Peer& peer) {
    if (request.target == "/_ping")
      peer.reply(200, "", replaced ? "Api-Version: 1.45\r\n" : "Api-Version: 1.47\r\n");
    else if (replaced && has(request, "/v1.47/"))
      peer.reply(
          400,
          R"({"message":"client version 1.47 is too new. Maximum supported API version is 1.45"})");
    else
      peer.reply(200, "[]");
    return true;
  });
  const auto runtime = opened(engine.uri());
  ASSERT_TRUE(runtime->list({}, soon()));
  replaced = true;
  ASSERT_TRUE(runtime->list({}, soon()));
  EXPECT_EQ(engine.count("GET", "/v1.45/containers/json"), 1);
}

// ---- the transport ----

TEST(DockerTransport, NeverSendsACreateTwice) {
  ScriptedEngine engine(dockerScript("1.41", [](const Request& request, Peer& peer) {
    if (request.method == "POST") return false;  // read it, and die
    return peer.reply(200, "[]"), true;
  }));
  const auto runtime = opened(engine.uri());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(runtime->list({}, soon()));  // connections are kept
  ContainerSpec spec;
  spec.image = "a";
  const auto created = runtime->create(spec, soon());
  ASSERT_FALSE(created);
  EXPECT_EQ(created.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(created.error().effect, Effect::kUnknown);
  EXPECT_EQ(engine.count("POST", "/containers/create"), 1);
}

TEST(DockerTransport, AsksAgainWhenAKeptConnectionHadDied) {
  std::atomic<bool> die{false};
  ScriptedEngine engine(dockerScript("1.41", [&](const Request&, Peer& peer) {
    if (die.exchange(false)) return false;
    return peer.reply(200, "[]"), true;
  }));
  const auto runtime = opened(engine.uri());
  ASSERT_TRUE(runtime->list({}, soon()));
  die = true;
  EXPECT_TRUE(runtime->list({}, soon()));
  EXPECT_EQ(engine.count("GET", "/containers/json"), 3);
}

TEST(DockerTransport, KeepsConnections) {
  ScriptedEngine engine(
      dockerScript("1.41", [](const Request&, Peer& peer) { return peer.reply(200, "[]"), true; }));
  const auto runtime = opened(engine.uri());
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(runtime->list({}, soon()));
  EXPECT_EQ(engine.requests().back().connection, 1);
}

TEST(DockerTransport, CallsEveryCutAnswerUnavailable) {
  const std::string whole =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(std::string(kExited).size()) +
      "\r\n\r\n" + kExited;
  std::atomic<std::size_t> size{0};
  ScriptedEngine engine(dockerScript("1.41", [&](const Request&, Peer& peer) {
    peer.send(std::string_view(whole).substr(0, size));
    return false;
  }));
  const auto runtime = opened(engine.uri());
  for (size = 0; size < whole.size(); size += 7) {
    const auto info = runtime->inspect({"abc"}, soon());
    ASSERT_FALSE(info) << size;
    EXPECT_EQ(info.error().code, ErrorCode::kUnavailable) << size;
  }
  size = whole.size();
  EXPECT_TRUE(runtime->inspect({"abc"}, soon()));
}

TEST(DockerTransport, CallsGarbageInternal) {
  std::atomic<int> kind{0};
  ScriptedEngine engine(dockerScript("1.41", [&](const Request&, Peer& peer) {
    if (kind == 0) peer.send("SSH-2.0-OpenSSH_9.2\r\n");
    if (kind == 1) peer.reply(200, "{\"Id\":");
    if (kind == 2) peer.reply(200, "[]");
    return false;
  }));
  const auto runtime = opened(engine.uri());
  for (; kind < 3; ++kind) {
    const auto info = runtime->inspect({"abc"}, soon());
    ASSERT_FALSE(info);
    EXPECT_EQ(info.error().code, ErrorCode::kInternal) << info.error().message;
  }
}

TEST(DockerTransport, AHungEngineHoldsNobodyBeyondDeadlineOrCancellation) {
  ScriptedEngine engine(
      dockerScript("1.41", [](const Request&, Peer& peer) { return peer.waitForClose(), false; }));
  const auto runtime = opened(engine.uri());
  auto begin = std::chrono::steady_clock::now();
  const auto late = runtime->signal({"web"}, Signal::term(), soon(milliseconds(100)));
  auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(late.error().effect, Effect::kUnknown);
  EXPECT_GE(took, milliseconds(100));
  EXPECT_LT(took, milliseconds(350));
  std::stop_source stop;
  std::atomic<std::chrono::steady_clock::time_point> stopped_at{};
  const std::jthread later([&] {
    std::this_thread::sleep_for(milliseconds(50));
    stopped_at = std::chrono::steady_clock::now();
    stop.request_stop();
  });
  const auto cancelled = runtime->inspect({"web"}, {.cancellation = stop.get_token()});
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().code, ErrorCode::kCancelled);
  EXPECT_EQ(cancelled.error().effect, Effect::kNone);
  EXPECT_LT(std::chrono::steady_clock::now() - stopped_at.load(), milliseconds(250));
}

TEST(DockerTransport, AHungCallHoldsUpNoOther) {
  ScriptedEngine engine(dockerScript("1.41", [](const Request& request, Peer& peer) {
    if (has(request, "/hung/")) return peer.waitForClose(), false;
    return peer.reply(200, kExited), true;
  }));
  const auto runtime = opened(engine.uri());
  std::stop_source stop;
  std::jthread hung([&] { (void)runtime->inspect({"hung"}, {.cancellation = stop.get_token()}); });
  while (engine.count("GET", "/hung/") == 0) std::this_thread::yield();
  EXPECT_TRUE(runtime->inspect({"abc"}, soon()));
  stop.request_stop();
}

// ---- streams ----

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

// ---- TLS ----

struct TlsEngine {
  TestCertificates certificates{};
  ScriptedEngine engine{
      dockerScript(
          "1.41",
          [](const Request& request, Peer& peer) {
            if (has(request, "/attach")) {
              peer.send("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n" + std::string(40'000, 'x'));
              peer.send(peer.receive());
              return false;
            }
            if (has(request, "/json") && !has(request, "/containers/json"))
              return peer.reply(
                         200,
                         R"({"Id":"abc","State":{"Status":"running","Running":true},"Config":{"Tty":true,"OpenStdin":true}})"),
                     true;
            return peer.reply(200, "[]"), true;
          }),
      {.certificate_file = certificates.file("server"),
       .key_file = certificates.file("server-key"),
       .client_ca_file = certificates.file("ca")}};
  std::string uri(const std::string& query) const {
    return "docker+tls://127.0.0.1:" + std::to_string(engine.port()) + query;
  }
  std::string client() const {
    return "&cert=" + certificates.file("client") + "&key=" + certificates.file("client-key");
  }
};

TEST(DockerTls, TalksWithCertificatesOnBothSides) {
  const TlsEngine tls;
  const auto runtime = open(tls.uri("?ca=" + tls.certificates.file("ca") + tls.client()));
  ASSERT_TRUE(runtime) << runtime.error().message;
  EXPECT_TRUE((*runtime)->list({}, soon()));
}

TEST(DockerTls, TakesOverAConnectionAndPollSeesWhatTlsHolds) {
  const TlsEngine tls;
  const auto runtime = opened(tls.uri("?ca=" + tls.certificates.file("ca") + tls.client()));
  const auto console = runtime->attach({"abc"}, {.standard_output = true}, soon());
  ASSERT_TRUE(console) << console.error().message;
  std::string got;
  while (got.size() < 40'000) {
    pollfd polled{.fd = (*console)->pollFd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&polled, 1, 10'000), 1) << got.size();
    for (;;) {
      const auto item = (*console)->next({.deadline = TimePoint{}});
      if (!item) break;
      ASSERT_TRUE(*item);
      got += (*item)->bytes;
    }
  }
  ASSERT_TRUE((*console)->write("echo", soon()));
  const auto echoed = (*console)->next(soon());
  ASSERT_TRUE(echoed && *echoed);
  EXPECT_EQ((*echoed)->bytes, "echo");
}

TEST(DockerTls, TrustsNoUnknownAuthority) {
  const TlsEngine tls;
  const auto runtime = open(tls.uri("?ca=" + tls.certificates.file("other") + tls.client()));
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kPermissionDenied) << runtime.error().message;
}

TEST(DockerTls, SaysSoWhenTheEngineWantsACertificate) {
  const TlsEngine tls;
  const auto runtime = open(tls.uri("?ca=" + tls.certificates.file("ca")));
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kPermissionDenied) << runtime.error().message;
}

}  // namespace
}  // namespace control::docker
