#include "mock/mock_plugin.h"

#include <map>
#include <mutex>

#include <libcontrol/testing/fake_clock.h>

#include "mock/mock_endpoint.h"
#include "mock/mock_error.h"
#include "mock/mock_runtime.h"

namespace control::mock {
namespace {

bool isFake(const std::shared_ptr<Clock>& clock) {
  return dynamic_cast<const testing::FakeClock*>(clock.get()) != nullptr;
}

bool wantsVirtual(const Wanted& wanted) {
  return wanted.clock == "virtual" || wanted.clock == "auto";
}

/// A host's own fake clock suits whoever asks for a virtual one.
std::shared_ptr<Clock> chooseClock(const Wanted& wanted, const std::shared_ptr<Clock>& host) {
  if (wantsVirtual(wanted) && !isFake(host))
    return std::make_shared<testing::FakeClock>(wanted.clock == "auto");
  if (wanted.clock == "real" && isFake(host)) return systemClock();
  return host;
}

Result<std::shared_ptr<Engine>> makeEngine(const Wanted& wanted,
                                           const std::shared_ptr<Clock>& host) {
  const auto engine =
      std::make_shared<Engine>(chooseClock(wanted, host), wanted.seed.value_or(1),
                               wanted.profile != nullptr ? *wanted.profile : plainProfile());
  if (!wanted.scenario) return engine;
  const std::lock_guard lock(engine->mutex());
  if (auto begun = engine->begin(wanted.scenario); !begun)
    return Error::invalid("scenario " + wanted.scenario_path + ": " + begun.error().message);
  return engine;
}

/// The engines of this process by name.
class Engines {
 public:
  static Engines& all() {
    static Engines engines;
    return engines;
  }

  Result<std::shared_ptr<Engine>> open(const Wanted& wanted, const std::shared_ptr<Clock>& host) {
    const std::lock_guard lock(mutex_);
    Named& named = engines_[wanted.name];
    const std::string other = named.engine ? differences(named, wanted, host) : "";
    if (named.engine && other.empty()) return named.engine;
    if (named.engine && inUse(*named.engine))
      return Error::invalid("mock engine '" + wanted.name + "' is open with " + other +
                            ": use another name");
    auto made = makeEngine(wanted, host);
    if (made)
      named = {.engine = *made,
               .scenario_path = wanted.scenario_path,
               .own_clock = isFake(host) ? "" : wanted.clock};
    return made;
  }

 private:
  struct Named {
    std::shared_ptr<Engine> engine{};
    std::string scenario_path{};
    std::string own_clock{};  ///< the word that it was made for; empty: the host's serves
  };

  /// As "seed=1, not seed=7"; empty: the engine is as it is wanted.
  static std::string differences(const Named& named, const Wanted& wanted,
                                 const std::shared_ptr<Clock>& host) {
    const Engine& engine = *named.engine;
    std::string text;
    const auto add = [&](const std::string& present, const std::string& asked) {
      text += (text.empty() ? "" : "; ") + present + ", not " + asked;
    };
    if (!clockFits(named, wanted, host))
      add(clockWords(named.own_clock, engine.sharedClock()), clockWords(wanted.clock, host));
    if (wanted.seed && *wanted.seed != engine.seed())
      add("seed=" + std::to_string(engine.seed()), "seed=" + std::to_string(*wanted.seed));
    if (wanted.profile != nullptr && wanted.profile != &engine.profile())
      add("profile=" + std::string(engine.profile().name),
          "profile=" + std::string(wanted.profile->name));
    if (named.scenario_path != wanted.scenario_path)
      add(scenarioWords(named.scenario_path), scenarioWords(wanted.scenario_path));
    return text;
  }

  static bool clockFits(const Named& named, const Wanted& wanted,
                        const std::shared_ptr<Clock>& host) {
    const auto& clock = named.engine->sharedClock();
    // An engine's own virtual clock suits whoever asks for one like it and brings none.
    if (wantsVirtual(wanted) && !isFake(host))
      return isFake(clock) && (named.own_clock.empty() || named.own_clock == wanted.clock);
    if (wanted.clock == "real" && isFake(host)) return clock == systemClock();
    return clock == host;
  }

  static std::string clockWords(const std::string& word, const std::shared_ptr<Clock>& clock) {
    if (!word.empty()) return "clock=" + word;
    if (clock == systemClock()) return "clock=real";
    return isFake(clock) ? "a host's fake clock" : "a host's own clock";
  }

  static std::string scenarioWords(const std::string& path) {
    return path.empty() ? "no scenario" : "scenario " + path;
  }

  static bool inUse(Engine& engine) {
    const std::lock_guard lock(engine.mutex());
    return engine.users > 0;
  }

  std::mutex mutex_;
  std::map<std::string, Named> engines_;
};

Result<std::unique_ptr<ContainerRuntime>> create(const Endpoint& endpoint, const HostContext& host,
                                                 const CallContext&) {
  const auto wanted = readEndpoint(endpoint);
  if (!wanted) return wanted.error();
  auto engine = wanted->name.empty() ? makeEngine(*wanted, host.clock)
                                     : Engines::all().open(*wanted, host.clock);
  if (!engine) return engine.error();
  {
    const std::lock_guard lock((*engine)->mutex());
    if ((*engine)->down())
      return Error{.code = ErrorCode::kUnavailable, .message = "the mock engine is down"};
  }
  HostContext own = host;
  own.clock = (*engine)->sharedClock();
  return std::unique_ptr<ContainerRuntime>(
      std::make_unique<MockRuntime>(std::move(own), std::move(*engine), endpoint.toString()));
}

}  // namespace

const PluginDescriptor& descriptor() noexcept {
  static constexpr PluginDescriptor kDescriptor{.abi_version = CONTROL_PLUGIN_ABI_VERSION,
                                                .build_id = CONTROL_BUILD_ID,
                                                .name = "mock",
                                                .version = CONTROL_VERSION,
                                                .create = create};
  return kDescriptor;
}

}  // namespace control::mock
