#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string_view>

#include <libcontrol/runtime.h>

namespace control::conform {

using MakeMutant =
    std::function<std::unique_ptr<ContainerRuntime>(std::shared_ptr<ContainerRuntime> inner)>;

/// Each way to spoil a runtime, by its name.
const std::map<std::string_view, MakeMutant>& mutants();

/// An engine of another protocol, behind the socket at `path`, or behind its own.
std::unique_ptr<ContainerRuntime> makeOtherProtocol(std::shared_ptr<ContainerRuntime> inner,
                                                    const std::string& path);

// The same by subject.
void addLifecycleMutants(std::map<std::string_view, MakeMutant>& all);
void addLateMutants(std::map<std::string_view, MakeMutant>& all);
void addSpecificationMutants(std::map<std::string_view, MakeMutant>& all);
void addProcessMutants(std::map<std::string_view, MakeMutant>& all);
void addStreamMutants(std::map<std::string_view, MakeMutant>& all);

template <class Mutant>
MakeMutant makes() {
  return [](std::shared_ptr<ContainerRuntime> inner) -> std::unique_ptr<ContainerRuntime> {
    return std::make_unique<Mutant>(std::move(inner));
  };
}

}  // namespace control::conform
