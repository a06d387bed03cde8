#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

namespace control::mock {

/// kInvalidArgument: what no engine would create a container from.
Result<void> checkSpec(const ContainerSpec& spec);
Result<void> checkLimits(const ResourceLimits& limits);

/// From 1 to 64.
Result<void> checkSignal(Signal signal);
Result<void> checkContainerName(const std::string& name);
bool isContainerName(std::string_view name);

/// For people, as "container 'web'".
std::string wordsOf(const ContainerSpec& spec);

/// `present` with what `changes` sets.
ResourceLimits mergedLimits(ResourceLimits present, const ResourceLimits& changes);

/// What process 1 is run with.
std::vector<std::string> commandLine(const ContainerSpec& spec);

/// The container carries all of `wanted`; an empty value asks for the key alone.
bool labelsMatch(const std::map<std::string, std::string>& wanted,
                 const std::map<std::string, std::string>& labels);

}  // namespace control::mock
