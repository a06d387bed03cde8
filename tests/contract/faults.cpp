#include "contract/faults.h"

#include <sys/stat.h>

#include <libcontrol/testing/mock_control.h>

#include "contract/canned_pulls.h"
#include "contract/fault_proxy.h"
#include "contract/world.h"

namespace control::conform {
namespace {

using testing::MockControl;

class MockFaults final : public Faults {
 public:
  MockFaults(std::shared_ptr<ContainerRuntime> runtime, MockControl& control)
      : runtime_(std::move(runtime)), control_(control) {}

  std::string uri() const override { return World::instance().options().runtime; }
  void goDown() override { control_.engineDown(true); }
  void comeBack() override { control_.engineDown(false); }
  bool hang(ContainerRuntime&, const ContainerId& id) override {
    return control_.setHung(id, true).has_value();
  }
  void release(ContainerRuntime&, const ContainerId& id) override {
    (void)control_.setHung(id, false);
  }
  bool loseAnswerToCreate() override { return false; }
  bool inventState(const ContainerId&) override { return false; }
  bool inventEventType() override { return false; }
  std::optional<std::string> breakPull(PullCase which) override {
    switch (which) {
      case PullCase::kMissingTag:
      case PullCase::kInBandError:
        return "registry.test/missing/image:1";
      case PullCase::kBadCredentials:
        return "registry.test/private/image:1";
      default:
        return std::nullopt;
    }
  }

 private:
  const std::shared_ptr<ContainerRuntime> runtime_;  ///< the owner of control_
  MockControl& control_;
};

class ProxyFaults final : public Faults {
 public:
  ProxyFaults(std::string engine, const std::string& socket)
      : engine_(std::move(engine)), proxy_(socket) {}

  std::string uri() const override { return engine_ + "://" + proxy_.socketPath(); }
  void goDown() override { proxy_.cut(); }
  void comeBack() override { proxy_.restore(); }
  bool hang(ContainerRuntime&, const ContainerId& id) override {
    proxy_.hold(id.value);
    return true;
  }
  void release(ContainerRuntime&, const ContainerId&) override { proxy_.release(); }
  bool loseAnswerToCreate() override {
    proxy_.loseAnswerTo("/containers/create");
    return true;
  }
  bool inventState(const ContainerId&) override {
    proxy_.exchange("\"running\"", std::string("\"") + kInventedState + "\"");
    return true;
  }
  bool inventEventType() override {
    proxy_.exchange("\"start\"", std::string("\"") + kInventedEvent + "\"");
    return true;
  }
  std::optional<std::string> breakPull(PullCase which) override {
    const auto canned = cannedPull(engine_, which);
    if (!canned) return std::nullopt;
    proxy_.answer(canned->request, canned->answer,
                  which == PullCase::kSlowRegistry ? kSlowInterval : std::chrono::milliseconds(0));
    return "registry.test/some/image:1";
  }

 private:
  const std::string engine_;
  FaultProxy proxy_;
};

bool isSocket(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISSOCK(status.st_mode);
}

/// The engine's Unix socket; empty when there is none.
std::string socketOf(const World& world) {
  for (std::string path : {world.info().endpoint, world.endpoint().path}) {
    if (const std::size_t scheme = path.find("://"); scheme != std::string::npos)
      path.erase(0, scheme + 3);
    if (isSocket(path)) return path;
  }
  return {};
}

}  // namespace

std::unique_ptr<Faults> Faults::make(const std::shared_ptr<ContainerRuntime>& runtime) {
  if (auto* mock = runtime->extension<MockControl>())
    return std::make_unique<MockFaults>(runtime, *mock);
  const World& world = World::instance();
  if (const std::string socket = socketOf(world); !socket.empty())
    return std::make_unique<ProxyFaults>(world.endpoint().engine, socket);
  return nullptr;
}

}  // namespace control::conform
