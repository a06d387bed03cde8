#include "contract/mutants/mutant_runtime.h"

#include <array>
#include <string>

#include <libcontrol/loader.h>

#include "contract/mutants/decorator.h"
#include "contract/mutants/mutants.h"
#include "mock/mock_plugin.h"

namespace control::conform {
namespace {

Result<std::unique_ptr<ContainerRuntime>> create(const Endpoint& endpoint, const HostContext& host,
                                                 const CallContext& context) {
  if (auto known = endpoint.requireKnownQuery({}); !known) return known.error();
  if (endpoint.path != "/ignores_transport" && !endpoint.transport.empty())
    return Error::invalid("mutants have no transport");
  const std::array<const PluginDescriptor*, 1> linked{&mock::descriptor()};
  const auto open = [&](const char* uri) {
    return loadRuntime(uri, {.linked_plugins = linked, .host = host}, context);
  };
  if (endpoint.path == "/other_protocol" || endpoint.path.ends_with(".sock")) {
    auto inner = open("mock:///mutants?clock=real");
    if (!inner) return inner.error();
    return makeOtherProtocol(std::move(*inner), endpoint.path);
  }
  const auto mutant = mutants().find(std::string_view(endpoint.path).substr(1));
  if (mutant == mutants().end()) return Error::invalid("there is no mutant " + endpoint.path);
  const bool is_real = endpoint.path == "/deadlines_on_another_clock";
  auto inner = open(!is_real                      ? "mock:///mutants?clock=virtual"
                    : host.clock == systemClock() ? "mock:///real?clock=real"
                                                  : "mock:///slow?clock=real");
  if (!inner) return inner.error();
  return mutant->second(std::move(*inner));
}

}  // namespace

const std::map<std::string_view, MakeMutant>& mutants() {
  static const auto kMutants = [] {
    std::map<std::string_view, MakeMutant> all{{"none", makes<Decorator>()},
                                               {"ignores_transport", makes<Decorator>()}};
    addLifecycleMutants(all);
    addLateMutants(all);
    addSpecificationMutants(all);
    addProcessMutants(all);
    addStreamMutants(all);
    return all;
  }();
  return kMutants;
}

const PluginDescriptor& mutantDescriptor() noexcept {
  static constexpr PluginDescriptor kDescriptor{.abi_version = CONTROL_PLUGIN_ABI_VERSION,
                                                .build_id = CONTROL_BUILD_ID,
                                                .name = "mutant",
                                                .version = CONTROL_VERSION,
                                                .create = create};
  return kDescriptor;
}

}  // namespace control::conform
