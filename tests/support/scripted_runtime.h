#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <libcontrol/loader.h>
#include <libcontrol/runtime.h>

#include "support/results.h"
#include "support/scripted_engine.h"

namespace control::test {

using Request = ScriptedEngine::Request;
using Peer = ScriptedEngine::Peer;

inline CallContext soon(Duration timeout = std::chrono::seconds(20)) {
  return CallContext::within(timeout);
}

inline Result<std::shared_ptr<ContainerRuntime>> openLinked(const PluginDescriptor& plugin,
                                                            const std::string& uri) {
  const PluginDescriptor* const linked[] = {&plugin};
  return loadRuntime(uri, {.linked_plugins = linked}, soon());
}

inline bool has(const Request& request, std::string_view part) {
  return request.target.find(part) != std::string::npos;
}

}  // namespace control::test
