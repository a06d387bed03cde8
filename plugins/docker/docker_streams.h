#pragma once

#include <memory>
#include <string>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "docker/docker_api.h"
#include "engine/http_client.h"

namespace control::docker {

/// kResourceExhausted: no thread or descriptor is left.
Result<std::unique_ptr<EventStream>> makeEventStream(std::unique_ptr<engine::HttpStream> http,
                                                     std::shared_ptr<Clock> clock);

std::unique_ptr<PullStream> makePullStream(std::unique_ptr<engine::HttpStream> http,
                                           Duration idle_timeout, Clock& clock);

/// `tty`: one raw stream, no frames.
std::unique_ptr<LogStream> makeLogStream(std::unique_ptr<engine::HttpStream> http, bool tty,
                                         bool timestamps);

struct ConsoleShape {
  bool tty = false;
  bool input = false;
  bool input_can_end = false;  ///< ending our direction ends the process's stdin, and only that
};
std::unique_ptr<Console> makeConsole(std::unique_ptr<engine::HttpStream> http,
                                     const ConsoleShape& shape);

/// `exec_id`'s own stream. It belongs to `container`, which tells its process from others.
std::unique_ptr<ExecSession> makeExecSession(std::unique_ptr<engine::HttpStream> http,
                                             const ConsoleShape& shape, std::string exec_id,
                                             ContainerId container, Api& api);

}  // namespace control::docker
