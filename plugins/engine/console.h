#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "engine/http_client.h"
#include "engine/reply.h"

namespace control::engine {

struct ConsoleShape {
  bool tty = false;  ///< one raw stream, no frames
  bool input = false;
  bool input_can_end = false;  ///< ending our direction ends the process's stdin, and only that
};
std::unique_ptr<Console> makeConsole(std::unique_ptr<HttpStream> http, const ConsoleShape& shape);

/// Writes all of `bytes`; an error says how much was written.
Result<void> writeAll(HttpStream& http, std::string_view bytes, const CallContext& context);

/// What an exec session asks of its engine.
///
/// Threads:  any method on any thread.
/// Blocking: until the context's deadline or cancellation.
class ExecSource {
 public:
  virtual ~ExecSource() = default;
  virtual Result<ExecState> inspectExec(const std::string& exec_id, const CallContext& context) = 0;
  virtual Result<void> resizeExec(const std::string& exec_id, int columns, int rows,
                                  const CallContext& context) = 0;
  /// The engine's failure to start the command comes as output with an exit code that a command
  /// may have too. Nullopt: it is the command's own.
  virtual std::optional<ErrorCode> startFailure(int exit_code, std::string_view output) const = 0;
  virtual Clock& clock() const noexcept = 0;
};

/// `exec_id`'s own stream. It belongs to `container`, which tells its process from others.
std::unique_ptr<ExecSession> makeExecSession(std::unique_ptr<HttpStream> http,
                                             const ConsoleShape& shape, std::string exec_id,
                                             ContainerId container, ExecSource& engine);

}  // namespace control::engine
