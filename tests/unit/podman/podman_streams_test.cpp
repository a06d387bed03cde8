#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "unit/podman/podman_scripted.h"

namespace control::test {
namespace {

using std::chrono::milliseconds;

TEST(PodmanEvents, OfAllLabelsThatAreAskedForComeThrough) {
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (has(request, "/info")) return peer.reply(200, kServiceInfo), true;
    std::string all;
    for (const char* labels :
         {R"("a":"1")", R"("b":"2")", R"("a":"1","b":"3")", R"("a":"1","b":"2")"})
      all +=
          std::string(R"({"Type":"container","Action":"create","Actor":{"ID":"x","Attributes":{)") +
          labels + "}},\"timeNano\":9000000000000000000}\n";
    return peer.reply(200, all), false;
  }));
  const auto runtime = opened(engine);
  const auto events = runtime->events({.labels = {{"a", "1"}, {"b", "2"}}}, soon());
  ASSERT_TRUE(events) << events.error().message;
  const auto event = (*events)->next(soon());
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->labels.size(), 2U);
  EXPECT_EQ((*event)->labels.at("b"), "2");
  EXPECT_CODE((*events)->next(soon()), ErrorCode::kUnavailable);
}

TEST(PodmanEvents, WithALabelOfAnyValueAreSoughtHere) {
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (has(request, "/info")) return peer.reply(200, kServiceInfo), true;
    // As services do: of a label without a value nothing is delivered.
    if (has(request, "label")) return peer.waitForClose(), false;
    std::string all;
    for (const char* labels : {"", R"("b":"1")", R"("a":"1")", R"("a":"")"})
      all +=
          std::string(R"({"Type":"container","Action":"create","Actor":{"ID":"x","Attributes":{)") +
          labels + "}},\"timeNano\":9000000000000000000}\n";
    return peer.reply(200, all), false;
  }));
  const auto runtime = opened(engine);
  const auto events = runtime->events({.labels = {{"a", ""}}}, soon());
  ASSERT_TRUE(events) << events.error().message;
  for (const char* value : {"1", ""}) {
    const auto event = (*events)->next(soon());
    ASSERT_TRUE(event && *event);
    EXPECT_EQ((*event)->labels.at("a"), value);
  }
  EXPECT_CODE((*events)->next(soon()), ErrorCode::kUnavailable);
}

TEST(PodmanEvents, OfAServiceThatKeepsNoneAreUnsupported) {
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (has(request, "/info"))
      return peer.reply(200, R"({"host":{"os":"linux","eventLogger":"none"}})"), true;
    // As it does: an error in place of the events.
    peer.reply(200, R"({"cause":"cannot read events with the \"none\" backend","message":"x"})"
                    "\n");
    return false;
  }));
  const auto runtime = opened(engine);
  EXPECT_FALSE(must(runtime->info(soon())).has(Capability::kEvents));
  EXPECT_CODE(runtime->events({}, soon()), ErrorCode::kUnsupported);
  EXPECT_EQ(engine.count("GET", "/events"), 0);
}

TEST(PodmanEvents, EndsAndErrorsAreNoEndAndTheServiceIsAskedFromNowOn) {
  std::atomic<bool> refuse{false};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (has(request, "/info")) return peer.reply(200, kServiceInfo), true;
    if (refuse)
      peer.reply(200, R"({"cause":"invalid filter","message":"bad","response":500})"
                      "\n");
    else
      peer.reply(
          200,
          R"({"Type":"container","Action":"start","Actor":{"ID":"a"},"timeNano":5})"
          "\n"
          R"({"Type":"container","Action":"died","Actor":{"ID":"a","Attributes":{"containerExitCode":"3"}},"timeNano":9000000000000000000})"
          "\n");
    return false;
  }));
  const auto runtime = opened(engine);
  const auto events = runtime->events({}, soon());
  ASSERT_TRUE(events) << events.error().message;
  const auto event = (*events)->next(soon());
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->type, EventType::kExited) << "the first is from before the subscription";
  EXPECT_EQ((*event)->exit_code, 3);
  EXPECT_CODE((*events)->next(soon()), ErrorCode::kUnavailable);
  refuse = true;
  const auto refused = runtime->events({}, soon());
  ASSERT_TRUE(refused) << refused.error().message;
  EXPECT_CODE((*refused)->next(soon()), ErrorCode::kInternal);
}

std::string frame(int source, const std::string& text) {
  std::string out{static_cast<char>(source), 0, 0, 0, 0, 0, 0, static_cast<char>(text.size())};
  return out + text;
}

/// Reads to the end; the error's name where there is one.
std::string readAll(LogStream& stream) {
  std::string out;
  for (;;) {
    const auto item = stream.next(soon());
    if (!item) return out + "!" + std::string(toString(item.error().code));
    if (!*item) return out;
    out += (*item)->bytes;
  }
}

TEST(PodmanLogs, FollowedOnesAreCompletedFromTheLog) {
  const std::string at1 = "2026-01-01T00:00:01Z ";
  const std::string at2 = "2026-01-01T00:00:02Z ";
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (!has(request, "/logs")) return peer.reply(200, inspection("running")), true;
    if (has(request, "follow=true"))
      peer.reply(200, frame(1, at1 + "one\n") + frame(1, at2 + "two\n") + frame(2, at2 + "err\n"));
    else
      peer.reply(200, frame(1, at2 + "two\n") + frame(2, at2 + "err\n") +
                          frame(1, at2 + "three\n") + frame(1, at2 + "four\n"));
    return true;
  }));
  const auto runtime = opened(engine);
  const auto logs = runtime->logs({"web"}, {.follow = true}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  EXPECT_EQ(readAll(**logs), "one\ntwo\nerr\nthree\nfour\n");
  EXPECT_EQ(engine.count("GET", "since=2026-01-01T00%3A00%3A01.999999999Z"), 1);
  const auto again = (*logs)->next(soon());
  EXPECT_TRUE(again && !*again) << "the end stays the end";
}

TEST(PodmanLogs, OfASilentContainerDoNotWaitForItsFirstLine) {
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (!has(request, "/logs")) return peer.reply(200, inspection("running")), true;
    return peer.waitForClose(), false;
  }));
  const auto runtime = opened(engine);
  const auto logs = runtime->logs({"web"}, {.follow = true}, soon());
  ASSERT_TRUE(logs) << logs.error().message;
  EXPECT_CODE((*logs)->next(soon(milliseconds(20))), ErrorCode::kDeadlineExceeded);
  (*logs)->cancel();
  EXPECT_CODE((*logs)->next(soon()), ErrorCode::kCancelled);
}

TEST(PodmanLogs, ThatTheServiceRefusesToFollowAreAnErrorWheneverItSaysSo) {
  std::atomic<bool> answer{true};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    if (!has(request, "/logs")) return peer.reply(200, inspection("running")), true;
    while (!answer) std::this_thread::yield();
    return peer.reply(500, R"({"cause":"this container is not logging output","message":"x"})"),
           true;
  }));
  const auto runtime = opened(engine);
  const auto refused = runtime->logs({"web"}, {.follow = true}, soon());
  if (!refused) {
    EXPECT_CODE(refused, ErrorCode::kUnsupported);
  } else {
    EXPECT_CODE((*refused)->next(soon()), ErrorCode::kUnsupported);  // a slow machine
  }
  answer = false;
  const auto logs = runtime->logs({"web"}, {.follow = true}, soon());
  answer = true;
  ASSERT_TRUE(logs) << logs.error().message;
  EXPECT_CODE((*logs)->next(soon()), ErrorCode::kUnsupported);
}

TEST(PodmanLogs, OfAContainerThatVanishedEndAndACutFrameIsALoss) {
  std::atomic<bool> cut{false};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request& request, Peer& peer) {
    const std::string line = frame(1, "2026-01-01T00:00:01Z one\n");
    if (!has(request, "/logs"))
      peer.reply(200, inspection("running"));
    else if (!has(request, "follow=true"))
      peer.reply(404, R"({"cause":"no such container","message":"no such container"})");
    else
      peer.reply(200, cut ? line.substr(0, line.size() - 2) : line);
    return true;
  }));
  const auto runtime = opened(engine);
  const auto logs = runtime->logs({"web"}, {.follow = true}, soon());
  ASSERT_TRUE(logs);
  EXPECT_EQ(readAll(**logs), "one\n");
  cut = true;
  const auto broken = runtime->logs({"web"}, {.follow = true}, soon());
  ASSERT_TRUE(broken);
  EXPECT_EQ(readAll(**broken), "on!unavailable");
}

TEST(PodmanPull, EndsWithTheImageAndNotWithTheConnection) {
  const auto pull = [](const std::string& answer) -> Result<void> {
    ScriptedEngine engine(podmanScript(
        "4.3.1", [&](const Request&, Peer& peer) { return peer.reply(200, answer), true; }));
    const auto runtime = opened(engine);
    auto stream = runtime->pull("localhost/a:1", {}, soon());
    if (!stream) return stream.error();
    for (;;) {
      const auto step = (*stream)->next(soon());
      if (!step) return step.error();
      if (!*step) return {};
    }
  };
  EXPECT_TRUE(pull("{\"stream\":\"Trying\"}\n{\"images\":[\"x\"],\"id\":\"x\"}\n"));
  EXPECT_CODE(pull("{\"stream\":\"Trying\"}\n"), ErrorCode::kUnavailable);
  EXPECT_CODE(pull("{\"stream\":\"Trying\"}\n{\"error\":\"manifest unknown\"}\n"),
              ErrorCode::kImageNotFound);
  EXPECT_CODE(pull("{\"error\":\"unauthorized: access denied\"}\n"), ErrorCode::kPermissionDenied);
  EXPECT_CODE(pull("nonsense\n"), ErrorCode::kInternal);
}

TEST(PodmanPull, GivesUpOnARegistryWhoseSilenceTheEngineWaitsFor) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request&, Peer& peer) {
    peer.waitForClose();
    return false;
  }));
  const auto runtime = opened(engine);
  const auto idle = runtime->pull("localhost/a:1", {.idle_timeout = milliseconds(80)}, soon());
  ASSERT_FALSE(idle);
  EXPECT_EQ(idle.error().code, ErrorCode::kUnavailable);
  EXPECT_EQ(idle.error().message, "the registry sent nothing for 80 ms");
  EXPECT_CODE(runtime->pull("localhost/a:1", {}, soon(milliseconds(80))),
              ErrorCode::kDeadlineExceeded);
}

}  // namespace
}  // namespace control::test
