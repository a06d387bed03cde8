#include "podman/podman_engine.h"

#include <poll.h>
#include <sys/timerfd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "engine/descriptor.h"
#include "engine/framing.h"
#include "engine/wakeup.h"
#include "engine/words.h"
#include "podman/podman_body.h"

namespace control::podman {

using engine::contains;

namespace {

using engine::EngineWait;
using engine::RunState;

/// How often a container is looked at that nothing but the engine tells of: as often as the engine
/// itself looks.
constexpr std::chrono::milliseconds kLookEvery{250};
/// A look inside of a call whose deadline is past: part of the 250 ms beyond it.
constexpr Duration kBriefLook = std::chrono::milliseconds(100);
constexpr std::size_t kMostInspections = 4096;

/// Looks at a container until a run is over.
class PodmanWait final : public EngineWait {
 public:
  /// `before`: the run that is over already; the next one is waited for.
  PodmanWait(PodmanEngine& engine, std::string id, std::optional<RunState> before)
      : engine_(engine),
        id_(std::move(id)),
        before_(std::move(before)),
        timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    const itimerspec each{.it_interval = {0, std::chrono::nanoseconds(kLookEvery).count()},
                          .it_value = {0, std::chrono::nanoseconds(kLookEvery).count()}};
    ::timerfd_settime(timer_.get(), 0, &each, nullptr);
  }

  bool valid() const noexcept { return wakeup_.valid() && timer_; }

  Result<std::optional<int>> take(const CallContext& context) override {
    const bool brief = context.deadline <= engine_.clock().now();
    if (brief && !ticked()) return engine::deadlineError();
    for (auto pause = std::chrono::milliseconds(1);; pause = std::min(pause * 2, kLookEvery)) {
      if (wakeup_.cancelled()) return engine::cancelledError();
      if (!brief) {
        if (auto waited = sleep(pause, context); !waited) return waited.error();
      }
      auto over = isOver(brief ? briefly(context) : context);
      if (!over) return over.error();
      if (*over) return code_;
      if (brief) return engine::deadlineError();
    }
  }

  /// Another run may have begun and ended between two looks.
  bool exact() const noexcept override { return false; }
  int pollFd() const noexcept override { return timer_.get(); }
  void cancel() noexcept override { wakeup_.cancel(); }

 private:
  bool ticked() const {
    std::uint64_t count = 0;
    return ::read(timer_.get(), &count, sizeof count) > 0;
  }

  Result<void> sleep(std::chrono::milliseconds pause, const CallContext& context) {
    const CallContext until = context.capped(pause, engine_.clock());
    engine::WaitScope scope(wakeup_, until, engine_.clock());
    const auto woken = scope.wait(wakeup_.fd(), 0);
    if (!woken && woken.error().code != ErrorCode::kDeadlineExceeded) return woken;
    if (context.deadline <= engine_.clock().now()) return engine::deadlineError();
    return {};
  }

  CallContext briefly(const CallContext& context) const {
    return {.deadline = CallContext::after(engine_.clock().now(), kBriefLook),
            .cancellation = context.cancellation};
  }

  Result<bool> isOver(const CallContext& context) {
    const auto run = engine_.inspectRun(id_, context);
    if (!run && run.error().code == ErrorCode::kNotFound) return true;
    if (!run) return run.error();
    if (!before_) return !run->running;
    if (run->started_at == before_->started_at) return false;
    if (run->running && run->started_at == seen_) return false;
    // A run began since. It may not have been the first.
    const auto code = engine_.exitInEvents(id_, before_->finished_at, true, context);
    const bool silent = !code && code.error().code != ErrorCode::kDeadlineExceeded &&
                        code.error().code != ErrorCode::kCancelled;
    if (!code && !silent) return code.error();
    code_ = code ? *code : std::nullopt;
    if (!code_ && !run->running) code_ = run->exit_code;
    seen_ = run->started_at;
    return code_ || !run->running;
  }

  PodmanEngine& engine_;
  const std::string id_;
  const std::optional<RunState> before_;
  const engine::Descriptor timer_;
  engine::Wakeup wakeup_{};
  std::optional<WallTime> seen_{};
  std::optional<int> code_{};
};

Result<std::unique_ptr<EngineWait>> makeWait(PodmanEngine& engine, std::string id,
                                             std::optional<RunState> before) {
  auto wait = std::make_unique<PodmanWait>(engine, std::move(id), std::move(before));
  if (!wait->valid()) return engine::systemError(EMFILE, "cannot wait for a container");
  return std::unique_ptr<EngineWait>(std::move(wait));
}

}  // namespace

Result<std::string> PodmanEngine::inspectText(const std::string& id, const CallContext& context) {
  // 4.3 fails when the container's process ends while it looks at it.
  static constexpr std::array<int, 3> kPausesMs = {2, 10, 50};
  for (std::size_t attempt = 0;; ++attempt) {
    auto response = api_.call(
        {.method = engine::Method::kGet, .target = "/containers/" + encoded(id) + "/json"},
        context);
    if (!response) return response.error();
    if (response->head.success()) return std::move(response->body);
    Error error = errorFromReply(response->head.status, response->body, Subject::kContainer);
    if (error.code != ErrorCode::kInternal || attempt == kPausesMs.size()) return error;
    const std::chrono::milliseconds brief(kPausesMs.at(attempt));
    if (auto waited = pause(brief, context); !waited) return waited.error();
  }
}

Result<ListedContainer> PodmanEngine::listed(const std::string& id, const Error& inspection,
                                             const CallContext& context) {
  if (inspection.code != ErrorCode::kInternal) return inspection;
  const std::string filters =
      (engine::isWholeId(id) ? R"({"id":[)" : R"({"name":[)") + engine::jsonQuoted(id) + "]}";
  auto text = api_.get("/containers/json?all=true&filters=" + encoded(filters), Subject::kContainer,
                       context);
  if (!text) return inspection;
  auto found = findListed(std::move(*text), id);
  if (!found || !*found) return inspection;
  // Any other failure passes, and nothing is to be made of a container that is well.
  if ((*found)->summary.state != ContainerState::kRemoving &&
      !speaksOfLostStorage(inspection.message))
    return inspection;
  complete((*found)->run);
  return *std::move(*found);
}

/// The list has seconds only: a run is still the one that was seen.
void PodmanEngine::complete(PodmanRun& run) {
  const auto last = lastInspection(run.id.value);
  if (!last) return;
  const auto exactly = [](std::optional<WallTime>& listed, const std::optional<WallTime>& known) {
    if (listed && known && *listed == std::chrono::floor<std::chrono::seconds>(*known))
      listed = known;
  };
  exactly(run.started_at, last->started_at);
  exactly(run.finished_at, last->finished_at);
  run.tty = last->spec.tty;
  run.open_stdin = last->spec.open_stdin;
  run.host_network = last->spec.network == NetworkMode::kHost;
}

void PodmanEngine::inspected(const ContainerInfo& info) {
  const std::lock_guard lock(mutex_);
  if (inspections_.size() >= kMostInspections && !inspections_.contains(info.id.value))
    inspections_.erase(inspections_.begin());
  inspections_.insert_or_assign(info.id.value, info);
}

std::optional<ContainerInfo> PodmanEngine::lastInspection(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto found = inspections_.find(id);
  return found == inspections_.end() ? std::nullopt : std::optional(found->second);
}

void PodmanEngine::forget(const std::string& id) {
  memory_.forget(id);
  const std::lock_guard lock(mutex_);
  inspections_.erase(id);
}

Result<void> PodmanEngine::pause(Duration duration, const CallContext& context) {
  engine::Wakeup never;
  const CallContext brief = context.capped(duration, clock());
  engine::WaitScope scope(never, brief, clock());
  const auto woken = scope.wait(never.fd(), 0);
  if (!woken && woken.error().code == ErrorCode::kCancelled) return woken;
  if (context.deadline <= clock().now()) return engine::deadlineError();
  return {};
}

Result<PodmanRun> PodmanEngine::look(const std::string& id, const CallContext& context) {
  auto text = inspectText(id, context);
  if (!text) {
    auto row = listed(id, text.error(), context);
    if (!row) return row.error();
    return std::move(row->run);
  }
  auto run = parseRunState(std::move(*text));
  if (run && run->id.value != id && run->name != id) return engine::noSuchContainer(id);
  return run;
}

Result<RunState> PodmanEngine::inspectRun(const std::string& id, const CallContext& context) {
  auto run = look(id, context);
  if (!run) return run.error();
  return RunState(std::move(*run));
}

Result<ServiceInfo> PodmanEngine::service(const CallContext& context) {
  const auto version = api_.version(context);
  if (!version) return version.error();
  return facts_.of(version->text, context);
}

Result<std::unique_ptr<EngineWait>> PodmanEngine::openNextExit(const RunState& before,
                                                               const CallContext&) {
  return makeWait(*this, before.id.value, before);
}

Result<std::unique_ptr<EngineWait>> PodmanEngine::openNotRunning(const std::string& id,
                                                                 const CallContext&) {
  return makeWait(*this, id, std::nullopt);
}

Result<std::optional<int>> PodmanEngine::exitInEvents(const std::string& id,
                                                      std::optional<WallTime> since,
                                                      bool of_next_run,
                                                      const CallContext& context) {
  const std::string filters = R"({"type":["container"],"event":["start","died"],"container":[)" +
                              engine::jsonQuoted(id) + "]}";
  std::string target = "/events?stream=false&filters=" + encoded(filters);
  if (since) target += "&since=" + encoded(timeText(*since));
  auto text = api_.get(std::move(target), Subject::kEngine, context);
  if (!text) return text.error();
  engine::LineSplitter lines;
  lines.feed(*text);
  lines.feed("\n");
  bool begun = !of_next_run;
  for (;;) {
    auto line = lines.next();
    if (!line) return line.error();
    if (!*line) return std::optional<int>();
    const auto event = parseEvent(std::move(**line));
    if (!event || !*event || (*event)->container.value != id) continue;
    if (since && (*event)->at < *since) continue;
    if ((*event)->type == EventType::kStarted) begun = true;
    if ((*event)->type == EventType::kExited && begun) return (*event)->exit_code;
  }
}

std::optional<int> PodmanEngine::pastExitCode(const RunId& run, const CallContext& context) {
  const auto code = exitInEvents(run.container.value, run.started_at, false, context);
  return code ? *code : std::nullopt;
}

Result<StatsSample> PodmanEngine::readStats(const RunState& run, const CallContext& context) {
  const auto version = api_.version(context);
  if (!version) return version.error();
  const auto info = service(context);
  if (!info) return info.error();
  auto text = api_.get("/containers/stats?stream=false&containers=" + encoded(run.id.value),
                       Subject::kContainer, context);
  if (!text) {
    Error error = std::move(text).error();
    if (!info->ownsCgroups()) error.code = ErrorCode::kUnsupported;
    return error;
  }
  // On cgroups of version 1 Podman 5 tells what is resident, which is no figure of ours.
  const bool is_resident = info->cgroup_version == 1 && version->atLeast(5, 0);
  auto sample = parseStats(std::move(*text), {run.id, run.started_at.value_or(WallTime{})},
                           {.network_swapped = !version->atLeast(4, 4),
                            .host_network = run.host_network,
                            .cgroup_version = is_resident ? 0 : info->cgroup_version,
                            .host_memory_bytes = info->memory_bytes});
  if (sample) sample->taken_at = clock().now();
  return sample;
}

// ---- exec ----

Result<engine::ExecState> PodmanEngine::inspectExec(const std::string& exec_id,
                                                    const CallContext& context) {
  auto reply = api_.get("/exec/" + encoded(exec_id) + "/json", Subject::kExec, context);
  if (!reply) return reply.error();
  return parseExecState(std::move(*reply));
}

Result<void> PodmanEngine::resizeExec(const std::string& exec_id, int columns, int rows,
                                      const CallContext& context) {
  auto reply = api_.expectSuccess(
      {.method = engine::Method::kPost,
       .target = "/exec/" + encoded(exec_id) + "/resize?h=" + std::to_string(rows) +
                 "&w=" + std::to_string(columns)},
      Subject::kExec, context);
  if (!reply) return reply.error();
  return {};
}

std::optional<ErrorCode> PodmanEngine::startFailure(int exit_code, std::string_view output) const {
  if (exit_code != 126 && exit_code != 127) return std::nullopt;
  if (contains(output, "OCI runtime attempted to invoke a command that was not found"))
    return ErrorCode::kNotFound;
  if (contains(output, "OCI permission denied") || contains(output, "OCI runtime error"))
    return ErrorCode::kStartFailed;
  return std::nullopt;
}

}  // namespace control::podman
