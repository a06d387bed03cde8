#pragma once

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

/// What requests to any engine have in common: what can be refused without asking, and the texts
/// that engines take alike. No I/O.
namespace control::engine {

/// UTF-8 without NUL.
bool isText(std::string_view text);

// kInvalidArgument is what makes sense on no engine.

/// Log driver and engine options are each engine's own.
Result<void> checkSpec(const ContainerSpec& spec);
Result<void> checkUpdate(const ResourceLimits& limits);
Result<void> checkLogOptions(const LogOptions& options);

/// A whole id, as engines give them: it means one container for ever. Anything else is a name, or
/// what engines would take for the beginning of some container's id.
bool isWholeId(std::string_view id);
Error noSuchContainer(std::string_view id);

/// A container's id or name that can stand in a path.
Result<void> checkContainerId(const ContainerId& id);
/// An image reference that can stand in a path.
Result<void> checkReference(std::string_view reference);

/// Rounded up.
std::int64_t wholeSeconds(Duration duration);

std::string stringified(const Poco::JSON::Object& object);
Poco::JSON::Array array(const std::vector<std::string>& values);
Poco::JSON::Object object(const std::map<std::string, std::string>& values);
/// ["NAME=value"]
Poco::JSON::Array environmentArray(
    const std::vector<std::pair<std::string, std::string>>& variables);

Result<std::string> execBody(const ExecSpec& spec);
std::string execStartBody(bool tty);

/// The engines' own form of credentials: base64url of a JSON object.
Result<std::string> registryAuth(const RegistryCredentials& credentials);

/// The part of a `filters` query that asks for labels: "label":["key=value"].
std::string labelFilter(const std::map<std::string, std::string>& labels);

}  // namespace control::engine
