#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "unit/docker/docker_scripted.h"

namespace control::test {
namespace {

using std::chrono::milliseconds;

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

/// As `min-api-version` in the engine's configuration makes it, or a later engine comes.
TEST(DockerVersion, IsTheLeastThatTheEngineTakesWhenThatIsNewerThanOurs) {
  ScriptedEngine engine(dockerScript("1.55", [](const Request& request, Peer& peer) {
    if (has(request, "/v1.52/"))
      peer.reply(200, "[]");
    else
      peer.reply(400,
                 R"({"message":"client version 1.47 is too old. Minimum supported API version )"
                 R"(is 1.52, please upgrade your client to a newer version"})");
    return true;
  }));
  const auto runtime = opened(engine.uri());
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(runtime->list({}, soon()));
  EXPECT_EQ(engine.count("GET", "/v1.52/containers/json"), 3);
  EXPECT_EQ(engine.count("GET", "/v1.47/containers/json"), 1);
  const auto logs = runtime->events({}, soon());
  EXPECT_TRUE(logs) << logs.error().message;
}

TEST(DockerVersion, OfAnEngineThatRefusesItsOwnIsAnError) {
  ScriptedEngine engine(dockerScript("1.50", [](const Request&, Peer& peer) {
    peer.reply(400, R"({"message":"client version 1.47 is too old. Minimum supported API version )"
                    R"(is 9.99, please upgrade your client to a newer version"})");
    return true;
  }));
  const auto list = opened(engine.uri())->list({}, soon());
  ASSERT_FALSE(list);
  EXPECT_NE(list.error().message.find("too old"), std::string::npos) << list.error().message;
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

TEST(DockerTransport, AnEngineThatNeverPausesHoldsNobodyBeyondTheDeadline) {
  std::atomic<bool> over{false};
  ScriptedEngine engine(dockerScript("1.41", [&](const Request& request, Peer& peer) {
    if (has(request, "/abc/json")) return peer.reply(200, kExited), true;
    if (has(request, "/images/") && has(request, "/json")) return peer.reply(404, "{}"), true;
    peer.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    const bool framed = has(request, "/logs");
    const auto nothing = framed ? std::string_view("8\r\n\1\0\0\0\0\0\0\0\r\n", 13) : "1\r\n\n\r\n";
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!over && std::chrono::steady_clock::now() < end) peer.send(nothing);
    return false;
  }));
  const auto runtime = opened(engine.uri());
  const auto isLate = [&](const char* what, const auto& call) {
    const auto begin = std::chrono::steady_clock::now();
    const auto outcome = call(soon(milliseconds(200)));
    const auto took = std::chrono::steady_clock::now() - begin;
    ASSERT_FALSE(outcome) << what;
    EXPECT_EQ(outcome.error().code, ErrorCode::kDeadlineExceeded) << what;
    EXPECT_GE(took, milliseconds(200)) << what;
    EXPECT_LT(took, std::chrono::seconds(2)) << what;
  };
  isLate("list", [&](const CallContext& context) { return runtime->list({}, context); });
  const auto logs = runtime->logs({"abc"}, {.follow = true}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  isLate("logs", [&](const CallContext& context) { return (*logs)->next(context); });
  const auto pull = runtime->pull("game:1", {}, soon());
  ASSERT_TRUE(pull) << pull.error().message;
  isLate("pull", [&](const CallContext& context) { return (*pull)->next(context); });
  over = true;
}

TEST(DockerTransport, AHungEngineHoldsNobodyBeyondDeadlineOrCancellation) {
  ScriptedEngine engine(
      dockerScript("1.41", [](const Request&, Peer& peer) { return peer.waitForClose(), false; }));
  const auto runtime = opened(engine.uri());
  auto begin = std::chrono::steady_clock::now();
  const auto late =
      runtime->signal({std::string(64, 'a')}, Signal::term(), soon(milliseconds(100)));
  auto took = std::chrono::steady_clock::now() - begin;
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::kDeadlineExceeded);
  EXPECT_EQ(late.error().effect, Effect::kUnknown);
  EXPECT_GE(took, milliseconds(100));
  EXPECT_LT(took, std::chrono::seconds(5));
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
  EXPECT_LT(std::chrono::steady_clock::now() - stopped_at.load(), std::chrono::seconds(5));
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

}  // namespace
}  // namespace control::test
