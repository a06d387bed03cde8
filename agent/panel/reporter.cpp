#include "agent/panel/reporter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "agent/actions/stop_unasked.h"
#include "agent/disk/disk_watch.h"
#include "agent/log.h"
#include "agent/panel/message.h"

namespace agent {
namespace {

constexpr control::Duration kPullReportInterval = std::chrono::milliseconds(250);
constexpr std::size_t kMostLayers = 512;

ErrorPlace placeOf(const control::Transition& transition) {
  return transition.previous == control::EntryState::kPulling ? ErrorPlace::kPull
                                                              : ErrorPlace::kOperation;
}

}  // namespace

Reporter::Reporter(const Config& config, Outgoing& out, Operations& operations,
                   ConsoleFeed& console, Readiness& readiness)
    : config_(config),
      out_(out),
      operations_(operations),
      console_(console),
      readiness_(readiness) {}

HostPaths Reporter::paths() const {
  return {config_.data_dir, config_.state_dir, config_.container_data_path};
}

void Reporter::onTransition(const control::Transition& transition) {
  if (transition.previous == control::EntryState::kPulling) tellPull(transition.operation_id);
  operations_.noteTold(transition.operation_id);
  TransitionText text;
  if (const auto operation = operations_.find(transition.operation_id))
    text.command_id = operation->command_id;
  if (transition.failed) {
    const control::Error error =
        transition.error.value_or(control::Error{.message = "no reason was given"});
    const bool abandoned = error.code == control::ErrorCode::kCancelled && shutting_down_;
    text.code = abandoned ? "OUTCOME_UNKNOWN" : protocolCode(error, placeOf(transition));
    text.error = withoutHostPaths(error.message, transition.entry, paths());
    if (text.error.empty()) text.error = control::toString(error.code);
    operations_.noteFailure(transition.operation_id, text.code);
    log::warning("servers", transition.entry + ": " + transitionStatus(transition) + ": " +
                                error.message +
                                (error.native.empty() ? "" : " (" + error.native + ")"));
  }
  readiness_.pass(transition, text.command_id, [&](const control::Transition& shown) {
    out_.event("server_status_changed", encodeTransition(shown, text));
    if (!config_.panel_legacy_events) return;
    Json legacy;
    legacy.set("serverId", shown.entry).set("status", transitionStatus(shown));
    if (shown.failed) legacy.set("error", text.error);
    out_.legacy("server_status", std::move(legacy));
  });
  Services* const services = services_;
  if (services == nullptr || transition.current != control::EntryState::kRunning) return;
  services->disk.changed(transition.entry);
  stopIfSuspended(*services, transition.entry);
}

/// A pull of its own names the image; a server's is the one that it is made from.
void Reporter::notePulled(Services& services, const Operation& operation) {
  if (!operation.image.empty()) return services.pulled.add(operation.image);
  const auto status = services.supervisor.status(operation.server_id);
  if (status && !status->image.empty()) services.pulled.add(status->image);
}

void Reporter::onOperationEnd(const control::OperationEnd& end) {
  tellPull(end.operation_id);
  bool pulled = false;
  {
    const std::lock_guard lock(mutex_);
    pulled = pulls_.erase(end.operation_id) > 0;
  }
  if (end.kind == control::OperationKind::kRemove && !end.error) console_.forget(end.entry);
  const std::optional<Operation> operation = operations_.take(end.operation_id);
  if (!operation) return;
  Services* const services = services_;
  if (pulled && !end.error && services != nullptr) notePulled(*services, *operation);
  if (end.kind == control::OperationKind::kRemove && services != nullptr) {
    if (!end.error) {
      services->notes.forget(end.entry);
      services->suspended.remove(end.entry);
      if (operation->remove_data) return removeDataThenComplete(*operation, end);
    } else if (operation->remove_data) {
      endRemoving(*services, end.entry);
    }
  }
  complete(*operation, end);
}

void Reporter::removeDataThenComplete(const Operation& operation,
                                      const control::OperationEnd& end) {
  removeFiles(*services_, end.entry, [this, operation, end](const control::Result<void>& removed) {
    control::OperationEnd completed = end;
    if (!removed) completed.error = removed.error();
    complete(operation, completed);
  });
}

/// A legacy message was answered with "starting" or "updating", and command_completed is not for
/// who sends those: when nothing changed, the true state has to be said.
void Reporter::tellLegacyEnd(const Operation& operation, const control::OperationEnd& end) {
  Services* const services = services_;
  if (operation.told || shutting_down_ || !config_.panel_legacy_events || services == nullptr)
    return;
  const auto status = services->supervisor.status(end.entry);
  if (!status) return;
  Json data;
  data.set("serverId", end.entry).set("status", services->shownStateOf(*status));
  if (end.error) data.set("error", withoutHostPaths(end.error->message, end.entry, paths()));
  out_.legacy("server_status", std::move(data));
}

void Reporter::complete(const Operation& operation, const control::OperationEnd& end) {
  if (operation.command_id.empty()) return tellLegacyEnd(operation, end);
  Json data;
  data.set("commandId", operation.command_id).set("action", operation.action);
  if (!operation.server_id.empty()) data.set("serverId", operation.server_id);
  if (!operation.image.empty()) data.set("image", operation.image);
  Outcome outcome{.success = !end.error};
  data.set("success", outcome.success);
  data.set("durationMs", static_cast<std::int64_t>(
                             std::chrono::round<std::chrono::milliseconds>(end.elapsed).count()));
  if (!end.rung.empty()) data.set("rung", end.rung);
  if (end.error) {
    Json error = encodeFailure(operation, end);
    outcome.code = *error.findText("code");
    outcome.message = *error.findText("message");
    data.set("error", std::move(error));
  }
  if (Services* const services = services_) {
    outcome.at = services->runtime.clock().wallNow();
    services->journal.end(operation.command_id, outcome, true);
    services->ends.note({.id = operation.command_id,
                         .action = operation.action,
                         .server_id = operation.server_id,
                         .at = outcome.at - end.elapsed,
                         .outcome = outcome});
  }
  out_.event("command_completed", std::move(data));
}

Json Reporter::encodeFailure(const Operation& operation, const control::OperationEnd& end) const {
  const control::Error& error = *end.error;
  if (error.code == control::ErrorCode::kCancelled && shutting_down_)
    return encodeError("OUTCOME_UNKNOWN", "the agent was shut down before this ended");
  const ErrorPlace place =
      end.kind == control::OperationKind::kPull ? ErrorPlace::kPull : ErrorPlace::kOperation;
  const std::string code =
      operation.failure_code.empty() ? protocolCode(error, place) : operation.failure_code;
  std::string message = withoutHostPaths(error.message, end.entry, paths());
  if (message.empty()) message = control::toString(error.code);
  return encodeError(code, message);
}

void Reporter::onPullProgress(const std::string& entry, const std::string& operation_id,
                              const std::string& image, const control::PullProgress& progress) {
  Services* const services = services_;
  if (services == nullptr) return;
  const control::TimePoint now = services->runtime.clock().now();
  {
    const std::lock_guard lock(mutex_);
    Pull& pull = pulls_[operation_id];
    pull.entry = entry;
    pull.image = image;
    pull.untold = true;
    if (pull.layers.size() < kMostLayers || pull.layers.contains(progress.layer)) {
      Layer& layer = pull.layers[progress.layer];
      layer.status = progress.status;
      if (progress.current_bytes) layer.current = progress.current_bytes;
      if (progress.total_bytes) layer.total = progress.total_bytes;
    }
    if (pull.told && now - *pull.told < kPullReportInterval) return;
    pull.told = now;
  }
  tellPull(operation_id);
}

Json Reporter::encodePull(const Pull& pull) {
  Json layers = Json::array();
  std::int64_t current = 0;
  std::int64_t total = 0;
  for (const auto& [name, layer] : pull.layers) {
    if (name.empty() && pull.layers.size() > 1) continue;
    current += layer.current.value_or(0);
    total += layer.total.value_or(0);
    Json one;
    one.set("id", name).set("status", layer.status);
    one.setIf("current", layer.current).setIf("total", layer.total);
    layers.add(std::move(one));
  }
  Json data;
  data.set("image", pull.image);
  if (!pull.entry.empty()) data.set("serverId", pull.entry);
  data.set("current", current).set("total", total);
  if (total > 0) {
    const double share = static_cast<double>(current) / static_cast<double>(total);
    data.set("percentage", std::round(std::min(share, 1.0) * 1000) / 10);
  }
  data.set("layers", std::move(layers));
  return data;
}

/// Nothing when all that is known of it was told.
void Reporter::tellPull(const std::string& operation_id) {
  Json data;
  {
    const std::lock_guard lock(mutex_);
    const auto found = pulls_.find(operation_id);
    if (found == pulls_.end() || !std::exchange(found->second.untold, false)) return;
    data = encodePull(found->second);
  }
  if (const auto operation = operations_.find(operation_id);
      operation && !operation->command_id.empty())
    data.set("commandId", operation->command_id);
  out_.event("image_pull_progress", std::move(data), Delivery::kStream);
}

void Reporter::onStats(const std::vector<control::EntryStatus>& running) {
  Services* const services = services_;
  if (services == nullptr) return;
  for (const control::EntryStatus& status : running) {
    const ServerFacts facts = services->factsOf(status);
    Json resources = encodeResources(status, facts.disk);
    const auto& players = facts.liveness.players;
    if (resources.isNull() && !players) continue;
    Json data;
    data.set("serverId", status.name);
    if (!resources.isNull()) data.set("resources", std::move(resources));
    if (players) data.set("players", encodePlayers(*players));
    out_.event("resource_update", std::move(data), Delivery::kStream);
  }
}

void Reporter::onEngine(bool reachable, const std::string& reason) {
  Services* const services = services_;
  if (services == nullptr) return;
  services->engine.setReachable(reachable, reason);
  if (!reachable) return log::warning("engine", "not reachable: " + reason);
  log::info("engine", "reachable");
  const bool posted = services->workers.post([services](std::stop_token stop) {
    control::CallContext context =
        control::CallContext::within(std::chrono::seconds(10), services->runtime.clock());
    context.cancellation = std::move(stop);
    learnFromEngine(*services, context);
    clearAway(*services);
  });
  if (!posted) log::warning("engine", "too busy to ask the engine who it is");
}

void Reporter::onProblem(const std::string& problem) { log::warning("servers", problem); }

}  // namespace agent
