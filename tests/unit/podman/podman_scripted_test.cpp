#include <gtest/gtest.h>
#include <libcontrol/loader.h>
#include <libcontrol/runtime.h>

#include <atomic>
#include <optional>
#include <thread>

#include "podman/podman_plugin.h"
#include "support/scripted_engine.h"

namespace control::podman {
namespace {

using control::test::ScriptedEngine;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Request = ScriptedEngine::Request;
using Peer = ScriptedEngine::Peer;

CallContext soon(Duration timeout = seconds(20)) { return CallContext::within(timeout); }

/// Answers pings as a Podman of that version, and everything else by `script`.
ScriptedEngine::Script podmanScript(std::string version, ScriptedEngine::Script script) {
  return [version = std::move(version), script = std::move(script)](const Request& request,
                                                                    Peer& peer) {
    if (request.target != "/_ping") return script(request, peer);
    peer.reply(200, "OK", "Api-Version: 1.41\r\nLibpod-Api-Version: " + version + "\r\n");
    return true;
  };
}

Result<std::shared_ptr<ContainerRuntime>> open(const ScriptedEngine& engine) {
  const PluginDescriptor* const linked[] = {&descriptor()};
  return loadRuntime("podman://" + engine.socketPath(), {.linked_plugins = linked}, soon());
}

std::shared_ptr<ContainerRuntime> opened(const ScriptedEngine& engine) {
  auto runtime = open(engine);
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return *runtime;
}

bool has(const Request& request, std::string_view part) {
  return request.target.find(part) != std::string::npos;
}

const std::string kId(64, 'a');

std::string inspection(const std::string& state, const std::string& more = "") {
  return R"({"Id":")" + kId + R"(","Name":"web","State":{"Status":")" + state +
         R"(","Pid":0,"ExitCode":4,"StartedAt":"2026-01-01T00:00:00Z","FinishedAt":"2026-01-01T00:00:01Z"},)"
         R"("Config":{"Tty":false,"OpenStdin":true})" +
         more + "}";
}

template <class T>
std::optional<Error> errorOf(const Result<T>& result) {
  return result ? std::nullopt : std::optional<Error>(result.error());
}

#define EXPECT_CODE(result, expected)                                             \
  do {                                                                            \
    const auto checked_ = errorOf(result);                                        \
    ASSERT_TRUE(checked_) << "succeeded, expected " << toString(expected);        \
    EXPECT_EQ(toString(checked_->code), toString(expected)) << checked_->message; \
  } while (false)

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

// ---- containers ----

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

TEST(PodmanUpdate, OfWhatDoesNotRunIsWrongState) {
  ScriptedEngine engine(podmanScript("4.3.1", [](const Request&, Peer& peer) {
    return peer.reply(200, inspection("created")), true;
  }));
  EXPECT_CODE(opened(engine)->update({"web"}, {.pids = 5}, soon()), ErrorCode::kWrongState);
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

// ---- streams ----

TEST(PodmanEvents, OfAllLabelsThatAreAskedForComeThrough) {
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer& peer) {
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

TEST(PodmanEvents, EndsAndErrorsAreNoEndAndTheServiceIsAskedFromNowOn) {
  std::atomic<bool> refuse{false};
  ScriptedEngine engine(podmanScript("4.3.1", [&](const Request&, Peer& peer) {
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
  std::string answer;
  ScriptedEngine engine(podmanScript(
      "4.3.1", [&](const Request&, Peer& peer) { return peer.reply(200, answer), true; }));
  const auto runtime = opened(engine);
  const auto pull = [&]() -> Result<void> {
    auto stream = runtime->pull("localhost/a:1", {}, soon());
    if (!stream) return stream.error();
    for (;;) {
      const auto step = (*stream)->next(soon());
      if (!step) return step.error();
      if (!*step) return {};
    }
  };
  answer = "{\"stream\":\"Trying\"}\n{\"images\":[\"x\"],\"id\":\"x\"}\n";
  EXPECT_TRUE(pull());
  answer = "{\"stream\":\"Trying\"}\n";
  EXPECT_CODE(pull(), ErrorCode::kUnavailable);
  answer = "{\"stream\":\"Trying\"}\n{\"error\":\"manifest unknown\"}\n";
  EXPECT_CODE(pull(), ErrorCode::kImageNotFound);
  answer = "{\"error\":\"unauthorized: access denied\"}\n";
  EXPECT_CODE(pull(), ErrorCode::kPermissionDenied);
  answer = "nonsense\n";
  EXPECT_CODE(pull(), ErrorCode::kInternal);
}

}  // namespace
}  // namespace control::podman
