#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "engine/http_client.h"
#include "engine/output.h"

namespace control::engine {

/// One line of an event stream; nullopt: an event of something that is no container, or not
/// asked for. Called on a thread of the stream.
using EventParser = std::function<Result<std::optional<Event>>(std::string line)>;

/// kResourceExhausted: no thread or descriptor is left.
Result<std::unique_ptr<EventStream>> makeEventStream(std::unique_ptr<HttpStream> http,
                                                     EventParser parse,
                                                     std::shared_ptr<Clock> clock);

struct PullStep {
  PullProgress progress{};
  std::string error{};    ///< the pull failed, with these words
  bool finished = false;  ///< the last word of a pull that worked
};

/// How an engine tells of a pull, a line a step.
struct PullDialect {
  Result<PullStep> (*parse)(std::string line) = nullptr;
  Error (*error)(const std::string& text) = nullptr;  ///< of a step's words
};

/// Asks an engine for its answer to a pull, until the context ends.
using PullOpener = std::function<Result<std::unique_ptr<HttpStream>>(const CallContext& context)>;

/// kUnavailable, as by the stream: nothing came for `idle_timeout`. An engine may keep even the
/// head of its answer until the registry says something.
Result<std::unique_ptr<PullStream>> openPull(const PullOpener& open, const PullDialect& dialect,
                                             Duration idle_timeout, const CallContext& context,
                                             Clock& clock);

std::unique_ptr<LogStream> makeLogStream(std::unique_ptr<HttpStream> http, const OutputForm& form);

}  // namespace control::engine
