#include <gtest/gtest.h>

#include <atomic>
#include <stop_token>
#include <thread>
#include <vector>

#include "unit/podman/podman_scripted.h"

namespace control::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// ---- the service ----

TEST(PodmanService, IsSpokenToInTheFormOfItsVersion) {
  for (const auto& [version, prefix] : {std::pair{"4.9.3", "/v4.0.0/libpod/containers/json"},
                                        std::pair{"5.4.2", "/v5.0.0/libpod/containers/json"},
                                        std::pair{"6.0.0", "/v5.0.0/libpod/containers/json"}}) {
    ScriptedEngine engine(podmanScript(
        version, [](const Request&, Peer& peer) { return peer.reply(200, "[]"), true; }));
    ASSERT_TRUE(opened(engine)->list({}, soon()));
    EXPECT_EQ(engine.count("GET", prefix), 1) << version;
  }
}

TEST(PodmanService, ThatIsTooOldOrNoneIsUnsupported) {
  ScriptedEngine old(podmanScript("4.2.1", [](const Request&, Peer&) { return false; }));
  EXPECT_CODE(open(old), ErrorCode::kUnsupported);
  ScriptedEngine docker([](const Request&, Peer& peer) {
    return peer.reply(200, "OK", "Api-Version: 1.41\r\n"), true;
  });
  const auto refused = open(docker);
  EXPECT_CODE(refused, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("docker://" + docker.socketPath()), std::string::npos);
  ScriptedEngine other([](const Request&, Peer& peer) { return peer.reply(200, "hello"), true; });
  EXPECT_CODE(open(other), ErrorCode::kUnsupported);
  ScriptedEngine garbage(
      [](const Request&, Peer& peer) { return peer.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"), false; });
  EXPECT_CODE(open(garbage), ErrorCode::kInternal);
}

TEST(PodmanService, IsAskedForItsVersionAnewAfterItWasLost) {
  std::atomic<int> phase{0};
  ScriptedEngine engine([&](const Request& request, Peer& peer) {
    if (request.target == "/_ping")
      return peer.reply(
                 200, "OK",
                 phase == 0 ? "Libpod-Api-Version: 4.3.1\r\n" : "Libpod-Api-Version: 5.4.2\r\n"),
             true;
    if (phase == 1) return false;
    return peer.reply(200, "[]"), true;
  });
  const auto runtime = opened(engine);
  ASSERT_TRUE(runtime->list({}, soon()));
  phase = 1;
  EXPECT_CODE(runtime->list({}, soon()), ErrorCode::kUnavailable);
  phase = 2;
  ASSERT_TRUE(runtime->list({}, soon()));
  EXPECT_EQ(engine.count("GET", "/v5.0.0/libpod/containers/json"), 1);
}

TEST(PodmanService, IsAskedForItsFactsOnce) {
  ScriptedEngine engine(podmanScript("5.4.2", [](const Request&, Peer& peer) {
    return peer.reply(
               200, R"({"host":{"os":"linux","cgroupVersion":"v1","security":{"rootless":true}}})"),
           true;
  }));
  const auto runtime = opened(engine);
  for (int i = 0; i < 3; ++i) {
    const auto info = runtime->info(soon());
    ASSERT_TRUE(info) << info.error().message;
    EXPECT_FALSE(info->has(Capability::kStats)) << "it has no cgroups of its own";
    EXPECT_TRUE(info->has(Capability::kExec));
  }
  EXPECT_EQ(engine.count("GET", "/info"), 1);
}

constexpr const char* kRootless =
    R"({"host":{"os":"linux","cgroupVersion":"v1","security":{"rootless":true}}})";

TEST(PodmanService, IsAskedForItsFactsOnceForAllWhoWait) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request&, Peer& peer) {
    std::this_thread::sleep_for(milliseconds(300));
    return peer.reply(200, kRootless), true;
  }));
  const auto runtime = opened(engine);
  std::vector<std::jthread> callers;
  std::atomic<int> told{0};
  for (int i = 0; i < 4; ++i) callers.emplace_back([&] { told += runtime->info(soon()) ? 1 : 0; });
  callers.clear();
  EXPECT_EQ(told, 4);
  EXPECT_EQ(engine.count("GET", "/info"), 1);
}

TEST(PodmanService, GoesOnAnsweringWhenNobodyWaitsAnyMore) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request&, Peer& peer) {
    std::this_thread::sleep_for(milliseconds(500));
    return peer.reply(200, kRootless), true;
  }));
  const auto runtime = opened(engine);
  EXPECT_CODE(runtime->info(CallContext::within(milliseconds(50))), ErrorCode::kDeadlineExceeded);
  std::stop_source given_up;
  std::jthread gives_up([&] {
    std::this_thread::sleep_for(milliseconds(50));
    given_up.request_stop();
  });
  CallContext cancelled = soon();
  cancelled.cancellation = given_up.get_token();
  EXPECT_CODE(runtime->info(cancelled), ErrorCode::kCancelled);
  EXPECT_TRUE(runtime->info(soon()));
  EXPECT_EQ(engine.count("GET", "/info"), 1);
}

TEST(PodmanService, IsAskedForItsFactsAgainAfterItFailedToTellThem) {
  std::atomic<bool> fails{true};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer& peer) {
    return peer.reply(fails ? 500 : 200, fails ? R"({"message":"no"})" : kRootless), true;
  }));
  const auto runtime = opened(engine);
  EXPECT_FALSE(runtime->info(soon()));
  fails = false;
  EXPECT_TRUE(runtime->info(soon()));
}

TEST(PodmanService, ThatNeverTellsItsFactsHoldsUpNoEnd) {
  std::stop_source over;
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer&) {
    while (!over.stop_requested()) std::this_thread::sleep_for(milliseconds(5));
    return false;
  }));
  const auto began = std::chrono::steady_clock::now();
  {
    const auto runtime = opened(engine);
    EXPECT_CODE(runtime->info(CallContext::within(milliseconds(50))), ErrorCode::kDeadlineExceeded);
  }
  EXPECT_LT(std::chrono::steady_clock::now() - began, seconds(10)) << "it asks for a minute";
  over.request_stop();
}

// ---- the transport ----

TEST(PodmanTransport, NeverSendsACreateTwice) {
  ScriptedEngine engine(podmanScript("5.4.2", [](const Request& request, Peer& peer) {
    if (request.method == "POST") return false;
    return peer.reply(200, "[]"), true;
  }));
  const auto runtime = opened(engine);
  for (int i = 0; i < 3; ++i) ASSERT_TRUE(runtime->list({}, soon()));
  ContainerSpec spec;
  spec.image = "a";
  const auto created = runtime->create(spec, soon());
  EXPECT_CODE(created, ErrorCode::kUnavailable);
  EXPECT_EQ(created.error().effect, Effect::kUnknown);
  EXPECT_EQ(engine.count("POST", "/containers/create"), 1);
}

TEST(PodmanTransport, CallsEveryCutAnswerUnavailableAndGarbageInternal) {
  const std::string body = inspection("exited");
  const std::string whole =
      "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  std::atomic<std::size_t> size{0};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (has(request, "/garbage/")) return peer.reply(200, "{\"Id\":"), true;
    peer.send(std::string_view(whole).substr(0, size));
    return false;
  }));
  const auto runtime = opened(engine);
  for (size = 0; size < whole.size(); size += 13)
    EXPECT_CODE(runtime->inspect({"web"}, soon()), ErrorCode::kUnavailable);
  size = whole.size();
  EXPECT_TRUE(runtime->inspect({"web"}, soon()));
  EXPECT_CODE(runtime->inspect({"garbage"}, soon()), ErrorCode::kInternal);
}

TEST(PodmanTransport, AHungServiceHoldsNobodyBeyondTheDeadline) {
  ScriptedEngine engine(
      podmanScript("4.3.1", [](const Request&, Peer& peer) { return peer.waitForClose(), false; }));
  const auto runtime = opened(engine);
  const auto begin = std::chrono::steady_clock::now();
  const CallContext brief = soon(milliseconds(100));
  EXPECT_CODE(runtime->signal({"web"}, Signal::term(), brief), ErrorCode::kDeadlineExceeded);
  EXPECT_CODE(runtime->watchExit({"web"}, brief), ErrorCode::kDeadlineExceeded);
  EXPECT_CODE(runtime->list({}, brief), ErrorCode::kDeadlineExceeded);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, seconds(5));
}

// ---- names ----

TEST(PodmanNames, APartOfAnIdReachesNoContainer) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request& request, Peer& peer) {
    if (request.method == "GET" && has(request, "/json"))
      return peer.reply(200, inspection("running")), true;
    return peer.reply(204, ""), true;
  }));
  const auto runtime = opened(engine);
  for (const std::string& part : {kId.substr(0, 12), kId.substr(0, 63), std::string("a")}) {
    const ContainerId id{part};
    EXPECT_CODE(runtime->inspect(id, soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->start(id, soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->signal(id, Signal::kill(), soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->watchExit(id, soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->update(id, {.pids = 5}, soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->logs(id, {}, soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->attach(id, {}, soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->exec(id, {.command = {"true"}}, soon()), ErrorCode::kNotFound);
    EXPECT_CODE(runtime->stats(std::vector{id}, soon())[0], ErrorCode::kNotFound);
    const auto removed = runtime->remove(id, {.force = true}, soon());
    ASSERT_TRUE(removed);
    EXPECT_EQ(*removed, RemoveOutcome::kAbsent);
  }
  EXPECT_EQ(engine.count("POST", ""), 0);
  EXPECT_EQ(engine.count("DELETE", ""), 0);
  EXPECT_TRUE(runtime->start({kId}, soon()));
  EXPECT_TRUE(runtime->start({"web"}, soon()));
}

}  // namespace
}  // namespace control::test
