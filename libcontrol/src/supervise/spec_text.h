#pragma once

#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

namespace control {

/// A specification as lines of words, "KEY VALUE...": one for each element of a list, none for what
/// is as in ContainerSpec{}. May hold secrets, as the environment does.
std::string specToLines(const ContainerSpec& spec);
/// kInvalidArgument: they are none. The message shows nothing of them.
Result<ContainerSpec> specFromLines(std::string_view lines);

}  // namespace control
