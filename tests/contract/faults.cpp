#include "contract/faults.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <future>
#include <stop_token>
#include <thread>

#include <libcontrol/testing/mock_control.h>

#include "contract/canned_pulls.h"
#include "contract/fault_proxy.h"
#include "contract/world.h"

namespace control::conform {
namespace {

using testing::EngineAction;
using testing::MockControl;
using testing::Primitive;

Primitive primitiveOf(ChangingCall call) {
  switch (call) {
    case ChangingCall::kCreate:
      return Primitive::kCreate;
    case ChangingCall::kStart:
      return Primitive::kStart;
    case ChangingCall::kSignal:
      return Primitive::kSignal;
    case ChangingCall::kRemove:
      return Primitive::kRemove;
    case ChangingCall::kUpdate:
      return Primitive::kUpdate;
  }
  return {};
}

/// What only such a request has in it, of Docker and of Podman.
const char* requestOf(ChangingCall call) {
  switch (call) {
    case ChangingCall::kCreate:
      return "/containers/create";
    case ChangingCall::kStart:
      return "/start HTTP/1.1";
    case ChangingCall::kSignal:
      return "/kill?signal=";
    case ChangingCall::kRemove:
      return "DELETE /";
    case ChangingCall::kUpdate:
      return "/update HTTP/1.1";
  }
  return "";
}

class MockFaults final : public Faults {
 public:
  MockFaults(std::shared_ptr<ContainerRuntime> runtime, MockControl& control)
      : runtime_(std::move(runtime)), control_(control) {}

  bool knowsProtocol() override { return true; }
  std::string uri() const override { return World::instance().options().runtime; }
  void goDown() override { control_.engineDown(true); }
  void comeBack() override { control_.engineDown(false); }
  bool hang(ContainerRuntime&, const ContainerId& id) override {
    return control_.setHung(id, true).has_value();
  }
  void release(ContainerRuntime&, const ContainerId& id) override {
    (void)control_.setHung(id, false);
    useUp();
  }
  bool hangCalls() override {
    useUp();
    return inject({.when = {.times = 1}, .then = {.hang = testing::CallPhase::kBefore}});
  }
  bool loseAnswerTo(ChangingCall call) override {
    return inject({.when = {.primitive = primitiveOf(call), .times = 1},
                   .then = {.drop_connection = testing::CallPhase::kAfter}});
  }
  bool hasLostAnswer() override { return control_.unusedRules().empty(); }
  bool inventState(const ContainerId& id) override {
    return control_
        .perform({.kind = EngineAction::Kind::kInventState,
                  .container = id.value,
                  .text = kInventedState})
        .has_value();
  }
  bool inventEvent(const ContainerId& id) override {
    return control_
        .perform({.kind = EngineAction::Kind::kInventEvent,
                  .container = id.value,
                  .text = kInventedEvent})
        .has_value();
  }
  bool pause(const ContainerId& id) override { return control_.pause(id).has_value(); }
  bool removeVolume(const std::string&) override { return true; }
  bool multiplyEvents(const std::string&, int) override { return false; }
  std::optional<std::string> breakPull(PullCase which) override {
    switch (which) {
      case PullCase::kMissingTag:
      case PullCase::kInBandError:
        return "registry.test/missing/image:1";
      case PullCase::kBadCredentials:
        return "registry.test/private/image:1";
      case PullCase::kSilentRegistry:
        if (!inject({.when = {.primitive = Primitive::kPull, .times = 1},
                     .then = {.stall_stream = testing::StreamPoint{.items = 1}}}))
          return std::nullopt;
        return "registry.test/pullable/silent:1";
      case PullCase::kSlowRegistry:
        // The whole pull takes its time before the first word.
        if (!inject({.when = {.primitive = Primitive::kPull, .times = 1},
                     .then = {.latency = kSlowInterval * 5}}))
          return std::nullopt;
        return "registry.test/pullable/slow:1";
    }
    return std::nullopt;
  }
  std::optional<std::string> pullable() override { return "registry.test/pullable/image:1"; }
  bool removeImage(const std::string& reference) override {
    return control_.perform({.kind = EngineAction::Kind::kRemoveImage, .text = reference})
        .has_value();
  }

 private:
  /// A call that was cancelled before it began has left its rule to the next one.
  void useUp() {
    while (!control_.unusedRules().empty()) {
      std::stop_source stop;
      auto info = std::async(std::launch::async, [&] {
        return runtime_->info({.cancellation = stop.get_token()}).has_value();
      });
      while (!control_.unusedRules().empty())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      stop.request_stop();
      info.get();
    }
  }

  bool inject(testing::Rule rule) { return control_.inject(std::move(rule)).has_value(); }

  const std::shared_ptr<ContainerRuntime> runtime_;  ///< the owner of control_
  MockControl& control_;
};

/// The status of an HTTP answer; 0 when there is none.
int statusOf(const std::string& socket, const std::string& method, const std::string& path) {
  const int fd = connectTo(socket);
  if (fd < 0) return 0;
  const std::string request =
      method + " " + path + " HTTP/1.0\r\nHost: engine\r\nContent-Length: 0\r\n\r\n";
  std::array<char, 64> answer{};
  ssize_t got = 0;
  if (::send(fd, request.data(), request.size(), MSG_NOSIGNAL) > 0)
    got = ::recv(fd, answer.data(), answer.size() - 1, MSG_WAITALL);
  ::close(fd);
  int status = 0;
  if (got > 0) std::sscanf(answer.data(), "HTTP/%*s %d", &status);
  return status;
}

/// A request of another client, past the proxy.
bool request(const std::string& engine, const std::string& socket, const std::string& method,
             const std::string& path) {
  const std::string api = engine == "podman" ? "/v4.0.0/libpod" : "";
  return statusOf(socket, method, api + path) / 100 == 2;
}

class ProxyFaults final : public Faults {
 public:
  ProxyFaults(std::string engine, const std::string& socket)
      : engine_(std::move(engine)), socket_(socket), proxy_(socket) {}

  bool knowsProtocol() override {
    if (!knows_protocol_)
      knows_protocol_ = speaksHttp() && statusOf(socket_, "GET", "/_ping") == 200;
    return *knows_protocol_;
  }
  std::string uri() const override { return engine_ + "://" + proxy_.socketPath(); }
  void goDown() override { proxy_.cut(); }
  void comeBack() override { proxy_.restore(); }
  bool hang(ContainerRuntime&, const ContainerId& id) override {
    proxy_.hold(id.value);
    return true;
  }
  void release(ContainerRuntime&, const ContainerId&) override { proxy_.release(); }
  bool hangCalls() override {
    proxy_.hold("");
    return true;
  }
  bool loseAnswerTo(ChangingCall call) override {
    if (!knowsProtocol()) return false;
    proxy_.loseAnswerTo(requestOf(call));
    return true;
  }
  bool hasLostAnswer() override { return proxy_.hasLostAnswers(); }
  bool inventState(const ContainerId&) override {
    if (!knowsProtocol()) return false;
    proxy_.exchange("\"running\"", std::string("\"") + kInventedState + "\"");
    return true;
  }
  bool inventEvent(const ContainerId&) override {
    if (!knowsProtocol()) return false;
    proxy_.exchange("\"start\"", std::string("\"") + kInventedEvent + "\"");
    return true;
  }
  bool pause(const ContainerId& id) override {
    return knowsProtocol() &&
           request(engine_, socket_, "POST", "/containers/" + id.value + "/pause");
  }
  bool removeVolume(const std::string& name) override {
    return knowsProtocol() && removeVolumeFromEngine(name);
  }
  bool multiplyEvents(const std::string& filter_text, int times) override {
    if (!knowsProtocol()) return false;
    proxy_.multiplyAnswers(filter_text, times);
    return true;
  }
  std::optional<std::string> breakPull(PullCase which) override {
    const auto canned = cannedPull(engine_, which);
    if (!canned || !knowsProtocol()) return std::nullopt;
    proxy_.answer(canned->request, canned->answer,
                  which == PullCase::kSlowRegistry ? kSlowInterval : std::chrono::milliseconds(0));
    return "registry.test/some/image:1";
  }
  std::optional<std::string> pullable() override {
    const std::string& reference = World::instance().options().pullable;
    if (reference.empty()) return std::nullopt;
    removeImage(reference);
    return reference;
  }
  bool removeImage(const std::string& reference) override {
    return knowsProtocol() && removeImageFromEngine(reference);
  }

 private:
  /// Seen in an answer: nobody asks an engine in words that it may not understand.
  bool speaksHttp() {
    if (const auto runtime = World::instance().open(uri()))
      (void)(*runtime)->info(CallContext::within(std::chrono::seconds(30), (*runtime)->clock()));
    return proxy_.hasSeenHttp();
  }

  const std::string engine_;
  const std::string socket_;
  FaultProxy proxy_;
  std::optional<bool> knows_protocol_{};
};

/// One that takes connections of bytes (SOCK_STREAM).
bool isStreamSocket(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
  const int fd = connectTo(path);
  if (fd >= 0) ::close(fd);
  return fd >= 0;
}

/// Where the engine's Unix socket may be.
std::array<std::string, 2> candidates(const World& world) {
  std::array<std::string, 2> paths{world.info().endpoint, world.endpoint().path};
  for (std::string& path : paths)
    if (const std::size_t scheme = path.find("://"); scheme != std::string::npos)
      path.erase(0, scheme + 3);
  return paths;
}

/// Empty when there is none.
std::string socketOf(const World& world) {
  for (const std::string& path : candidates(world))
    if (isStreamSocket(path)) return path;
  return {};
}

}  // namespace

testing::MockControl* mockOf(ContainerRuntime& runtime) {
  if (runtime.extension(kNoExtension) != nullptr) return nullptr;
  return runtime.extension<MockControl>();
}

bool removeVolumeFromEngine(const std::string& name) {
  const World& world = World::instance();
  return request(world.endpoint().engine, socketOf(world), "DELETE", "/volumes/" + name);
}

bool removeImageFromEngine(const std::string& reference) {
  const World& world = World::instance();
  return request(world.endpoint().engine, socketOf(world), "DELETE", "/images/" + reference);
}

std::string Faults::whyNone() {
  const auto [told, asked] = candidates(World::instance());
  return "neither info().endpoint ('" + told + "') nor the path of --runtime ('" + asked +
         "') is a Unix stream socket to stand in front of";
}

std::string Faults::whyNot(const std::string& what) {
  return what + (knowsProtocol() ? " on this engine"
                                 : ": the proxy does not speak this engine's protocol, only "
                                   "Docker's HTTP API");
}

std::unique_ptr<Faults> Faults::make(const std::shared_ptr<ContainerRuntime>& runtime) {
  if (auto* mock = mockOf(*runtime)) return std::make_unique<MockFaults>(runtime, *mock);
  const World& world = World::instance();
  if (const std::string socket = socketOf(world); !socket.empty())
    return std::make_unique<ProxyFaults>(world.endpoint().engine, socket);
  return nullptr;
}

}  // namespace control::conform
