#pragma once

#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

#include "engine/request_body.h"

/// What we ask of a Docker engine, from typed values to text, no I/O. What the engine would take
/// without a word and not do, or take long to refuse, is refused here: kInvalidArgument.
namespace control::docker {

using engine::checkContainerId;
using engine::checkReference;
using engine::execBody;
using engine::execStartBody;
using engine::registryAuth;

/// The body of a create. It carries no restart policy: restarting is the supervisor's.
Result<std::string> createBody(const ContainerSpec& spec);

/// The body of an update.
Result<std::string> updateBody(const ResourceLimits& limits);

/// The value of a `filters` query, not yet percent-encoded.
std::string listFilters(const ListFilter& filter);
std::string eventFilters(const EventFilter& filter);

struct ImageReference {
  std::string name{};
  std::string tag{};  ///< or the digest; "latest" when there is none
};
Result<ImageReference> splitReference(std::string_view reference);

}  // namespace control::docker
