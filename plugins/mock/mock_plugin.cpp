#include "mock/mock_plugin.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <mutex>

#include <libcontrol/testing/fake_clock.h>

#include "mock/mock_runtime.h"

namespace control::mock {
namespace {

Error invalid(std::string message) {
  return {.code = ErrorCode::kInvalidArgument, .message = std::move(message)};
}

/// Which engine an endpoint means.
struct Wanted {
  std::string name{};
  std::string clock{};  // "real", "virtual", or empty
  std::optional<std::uint64_t> seed{};
};

bool isNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

Result<Wanted> readEndpoint(const Endpoint& endpoint) {
  static constexpr std::array<std::string_view, 2> kKeys{"clock", "seed"};
  if (!endpoint.host.empty() || !endpoint.transport.empty())
    return invalid("the mock engine is in this process: use mock:///default");
  if (auto known = endpoint.requireKnownQuery(kKeys); !known) return known.error();
  Wanted wanted{.name = endpoint.path.substr(1)};
  if (wanted.name.empty()) return invalid("the mock engine needs a name: use mock:///default");
  if (!std::all_of(wanted.name.begin(), wanted.name.end(), isNameChar))
    return invalid("mock engine name '" + wanted.name +
                   "': use letters, digits, '_', '-' and '.', as mock:///default");
  if (const auto clock = endpoint.query.find("clock"); clock != endpoint.query.end()) {
    wanted.clock = clock->second;
    if (wanted.clock != "real" && wanted.clock != "virtual")
      return invalid("clock=" + wanted.clock + ": use real or virtual");
  }
  if (const auto seed = endpoint.query.find("seed"); seed != endpoint.query.end()) {
    const std::string& text = seed->second;
    std::uint64_t number = 0;
    const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (failed != std::errc{} || end != text.data() + text.size())
      return invalid("seed=" + text + ": use a number");
    wanted.seed = number;
  }
  return wanted;
}

bool isFake(const std::shared_ptr<Clock>& clock) {
  return dynamic_cast<const testing::FakeClock*>(clock.get()) != nullptr;
}

bool clockFits(const Engine& engine, const Wanted& wanted, const std::shared_ptr<Clock>& host) {
  // An engine that made its own virtual clock suits whoever asks for one and brings none.
  if (wanted.clock == "virtual" && !isFake(host)) return isFake(engine.sharedClock());
  if (wanted.clock == "real" && isFake(host)) return engine.sharedClock() == systemClock();
  return engine.sharedClock() == host;
}

std::shared_ptr<Clock> chooseClock(const Wanted& wanted, const std::shared_ptr<Clock>& host) {
  if (wanted.clock == "virtual" && !isFake(host)) return std::make_shared<testing::FakeClock>();
  if (wanted.clock == "real" && isFake(host)) return systemClock();
  return host;
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
    auto& engine = engines_[wanted.name];
    const bool fits = engine && clockFits(*engine, wanted, host) &&
                      (!wanted.seed || *wanted.seed == engine->seed());
    if (fits) return engine;
    if (engine && inUse(*engine))
      return invalid("mock engine '" + wanted.name +
                     "' is open with another clock or seed: use another name");
    engine = std::make_shared<Engine>(chooseClock(wanted, host), wanted.seed.value_or(1),
                                      plainProfile());
    return engine;
  }

 private:
  static bool inUse(Engine& engine) {
    const std::lock_guard lock(engine.mutex());
    return engine.users > 0;
  }

  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Engine>> engines_;
};

Result<std::unique_ptr<ContainerRuntime>> create(const Endpoint& endpoint, const HostContext& host,
                                                 const CallContext&) {
  const auto wanted = readEndpoint(endpoint);
  if (!wanted) return wanted.error();
  auto engine = Engines::all().open(*wanted, host.clock);
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
