#pragma once

#include <string>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

#include "engine/request_body.h"

/// What we ask of a Podman service, from typed values to text, no I/O. What the engine would take
/// without a word and not do is refused here: kInvalidArgument.
namespace control::podman {

/// An annotation that names the ports for which any port of the host is good: "80/tcp,90/udp".
inline constexpr const char* kAnyHostPort = "control.any-host-port";

/// The body of a create. It carries no restart policy: restarting is the supervisor's.
Result<std::string> createBody(const ContainerSpec& spec);

/// The body of an update.
Result<std::string> updateBody(const ResourceLimits& limits);

/// The value of a `filters` query, not yet percent-encoded; empty: none.
std::string listFilters(const ListFilter& filter);
/// What comes through may still lack some of the labels.
std::string eventFilters(const EventFilter& filter);

/// A moment as the engine's queries take it without loss: RFC 3339 with nine decimals.
std::string timeText(WallTime time);

}  // namespace control::podman
