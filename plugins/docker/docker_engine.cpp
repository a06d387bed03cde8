#include "docker/docker_engine.h"

#include "engine/request_body.h"
#include "engine/words.h"

namespace control::docker {
namespace {

using engine::contains;
using engine::EngineWait;
using engine::HttpStream;
using engine::Method;

/// A wait that the engine has registered: it sends the head of its answer at once.
class DockerWait final : public EngineWait {
 public:
  explicit DockerWait(std::unique_ptr<HttpStream> http) : http_(std::move(http)) {}

  Result<std::optional<int>> take(const CallContext& context) override {
    for (;;) {
      auto more = http_->read(body_, context);
      if (!more) return more.error();
      if (!*more) break;
    }
    const auto reply = parseWait(body_);
    if (!reply) return reply.error();
    return std::optional<int>(reply->exit_code);
  }

  bool exact() const noexcept override { return true; }
  int pollFd() const noexcept override { return http_->pollFd(); }
  void cancel() noexcept override { http_->cancel(); }

 private:
  const std::unique_ptr<HttpStream> http_;
  std::string body_{};
};

}  // namespace

Result<RunState> DockerEngine::inspectRun(const std::string& id, const CallContext& context) {
  auto reply = api_.get("/containers/" + encoded(id) + "/json", Subject::kContainer, context);
  if (!reply) return reply.error();
  auto run = parseRunState(std::move(*reply));
  if (run && run->id.value != id && run->name != id) return engine::noSuchContainer(id);
  return run;
}

Result<std::unique_ptr<EngineWait>> DockerEngine::openNextExit(const RunState& before,
                                                               const CallContext& context) {
  return openWait(before.id.value, "next-exit", context);
}

Result<std::unique_ptr<EngineWait>> DockerEngine::openNotRunning(const std::string& id,
                                                                 const CallContext& context) {
  return openWait(id, "not-running", context);
}

Result<std::unique_ptr<EngineWait>> DockerEngine::openWait(const std::string& id,
                                                           const char* condition,
                                                           const CallContext& context) {
  auto http = api_.open({.method = Method::kPost,
                         .target = "/containers/" + encoded(id) + "/wait?condition=" + condition},
                        Subject::kContainer, context);
  if (!http) return http.error();
  return std::unique_ptr<EngineWait>(std::make_unique<DockerWait>(std::move(*http)));
}

Result<StatsSample> DockerEngine::readStats(const RunState& run, const CallContext& context) {
  auto reply =
      api_.get("/containers/" + encoded(run.id.value) + "/stats?stream=false&one-shot=true",
               Subject::kContainer, context);
  if (!reply) return reply.error();
  auto sample = parseStats(std::move(*reply), {run.id, run.started_at.value_or(WallTime{})});
  if (sample) sample->taken_at = clock().now();
  return sample;
}

Result<ExecState> DockerEngine::inspectExec(const std::string& exec_id,
                                            const CallContext& context) {
  auto reply = api_.get("/exec/" + encoded(exec_id) + "/json", Subject::kExec, context);
  if (!reply) return reply.error();
  return parseExecState(std::move(*reply));
}

Result<void> DockerEngine::resizeExec(const std::string& exec_id, int columns, int rows,
                                      const CallContext& context) {
  auto reply = api_.expectSuccess(
      {.method = Method::kPost,
       .target = "/exec/" + encoded(exec_id) + "/resize?h=" + std::to_string(rows) +
                 "&w=" + std::to_string(columns)},
      Subject::kExec, context);
  if (!reply) return reply.error();
  return {};
}

std::optional<ErrorCode> DockerEngine::startFailure(int exit_code, std::string_view output) const {
  if (exit_code != 126 && exit_code != 127) return std::nullopt;
  if (!contains(output, "OCI runtime exec failed")) return std::nullopt;
  const bool absent = contains(output, "executable file not found") ||
                      contains(output, "no such file or directory");
  return absent ? ErrorCode::kNotFound : ErrorCode::kStartFailed;
}

}  // namespace control::docker
