#include "agent/panel/readiness.h"

#include <libcontrol/endpoint.h>

#include "agent/actions/create_payload.h"
#include "agent/actions/services.h"
#include "agent/log.h"

namespace agent {
namespace {

using control::ContainerInfo;
using control::EntryState;
using control::Result;
using RuleKind = ReadinessRule::Kind;
using News = RunReadiness::News;
using Clock = Prober::Clock;

constexpr std::chrono::seconds kInspectTimeout{5};
/// New output waits so long for more of it.
constexpr std::chrono::milliseconds kOutputPause{50};

/// The servers of an engine elsewhere have their ports there, where nobody is asked.
bool isOnThisHost(const Services& services) {
  const auto info = services.engine.info();
  const auto endpoint = control::Endpoint::parse(info ? info->endpoint : services.config.runtime);
  return !endpoint || endpoint->host.empty() || isAddressOfThisHost(endpoint->host);
}

std::optional<ReadinessRule> ruleIn(const std::string& server_id,
                                    const std::map<std::string, std::string>& labels) {
  const auto label = labels.find(kReadinessLabel);
  if (label == labels.end()) return std::nullopt;
  auto rule = ReadinessRule::parseLabel(label->second);
  if (rule) return *std::move(rule);
  log::warning("servers",
               server_id + ": its readiness rule cannot be read: " + rule.error().message);
  return std::nullopt;
}

}  // namespace

void Readiness::start(Services& services) {
  {
    const std::lock_guard lock(mutex_);
    services_ = &services;
  }
  prober_.start();
}

void Readiness::stop() {
  {
    const std::lock_guard lock(mutex_);
    services_ = nullptr;
  }
  prober_.stop();
}

// ---- Rules ----

void Readiness::learn(const std::string& server_id, const std::string& container,
                      const std::map<std::string, std::string>& labels) {
  auto rule = ruleIn(server_id, labels);
  const std::lock_guard lock(mutex_);
  Server& server = servers_[server_id];
  server.rule = std::move(rule);
  server.container = container;
}

void Readiness::setRule(const std::string& server_id, std::optional<ReadinessRule> rule) {
  const std::lock_guard lock(mutex_);
  servers_[server_id].rule = std::move(rule);
}

// ---- What is shown ----

Liveness Readiness::of(const control::EntryStatus& status) const {
  const std::lock_guard lock(mutex_);
  return livenessOf(status);
}

Liveness Readiness::livenessOf(const control::EntryStatus& status) const {
  if (status.state != EntryState::kRunning) return {};
  const auto server = servers_.find(status.name);
  if (services_ == nullptr || server == servers_.end()) return {};
  const auto& run = server->second.run;
  // Not told yet of a run that has begun: it cannot be ready.
  if (!run || !run->goes_on) return {.starting = server->second.rule.has_value()};
  return run->watch ? run->watch->state.liveness() : Liveness{};
}

EntryState Readiness::shownRunning(const std::string& server_id) const {
  const std::lock_guard lock(mutex_);
  const auto server = servers_.find(server_id);
  const bool starting =
      server != servers_.end() && server->second.run && server->second.run->starting();
  return starting ? EntryState::kStarting : EntryState::kRunning;
}

void Readiness::pass(const control::Transition& transition, const std::string& command_id,
                     const std::function<void(const control::Transition& shown)>& tell) {
  const std::lock_guard lock(mutex_);
  if (services_ == nullptr) return tell(transition);
  Server& server = servers_[transition.entry];
  control::Transition shown = transition;
  if (shown.previous == EntryState::kRunning && server.run && server.run->starting())
    shown.previous = EntryState::kStarting;
  if (transition.current == EntryState::kRunning) {
    begin(transition.entry, server, transition, command_id);
    if (server.run->starting()) shown.current = EntryState::kStarting;
  } else {
    prober_.forget(transition.entry);
    // A stop may fail, and an engine that was lost come back: then the same run goes on.
    const bool may_go_on =
        transition.current == EntryState::kStopping || transition.current == EntryState::kUnknown;
    if (server.run) server.run->goes_on = false;
    if (!may_go_on) server.run.reset();
  }
  // It is made from what was asked for, labels and all.
  if (transition.current == EntryState::kCreated && server.container.empty() &&
      transition.container)
    server.container = transition.container->value;
  if (transition.current == EntryState::kDeleted) servers_.erase(transition.entry);
  if (shown.failed || shown.previous != shown.current) tell(shown);
}

void Readiness::tellStatus(const std::string& server_id) const {
  const std::lock_guard lock(mutex_);
  if (services_ == nullptr) return;
  const auto status = services_->supervisor.status(server_id);
  if (!status) return;
  out_.event("server_status",
             encodeStatus(*status, {services_->notes.disk(server_id), livenessOf(*status)},
                          services_->runtime.clock().wallNow()));
}

void Readiness::onConsole(const std::string& server_id) {
  const std::lock_guard lock(mutex_);
  const auto server = servers_.find(server_id);
  if (server == servers_.end() || !server->second.run || !server->second.run->starting()) return;
  if (server->second.run->watch->rule.kind == RuleKind::kConsole)
    prober_.wake(server_id, kOutputPause);
}

void Readiness::tell(const std::string& server_id, Run& run, News news) {
  if (news == News::kNone || services_ == nullptr) return;
  const Liveness& liveness = run.watch->state.liveness();
  if (!liveness.warning.empty()) log::warning("servers", server_id + ": " + liveness.warning);
  if (news == News::kReady)
    return tellChange(server_id, run, EntryState::kStarting, EntryState::kRunning);
  const auto status = services_->supervisor.status(server_id);
  if (!status || status->state != EntryState::kRunning) return;  // which is told by itself
  out_.event("server_status", encodeStatus(*status, {services_->notes.disk(server_id), liveness},
                                           services_->runtime.clock().wallNow()));
}

void Readiness::tellChange(const std::string& server_id, const Run& run, EntryState previous,
                           EntryState current) {
  control::Transition change;
  change.entry = server_id;
  change.previous = previous;
  change.current = current;
  change.container = run.container;
  change.pid = run.pid;
  Json data = encodeTransition(change, {.command_id = run.command_id});
  if (current == EntryState::kRunning) data.set("reason", "ready");
  const Liveness liveness = run.watch ? run.watch->state.liveness() : Liveness{};
  if (liveness.players) data.set("players", encodePlayers(*liveness.players));
  if (!liveness.warning.empty()) data.set("warning", liveness.warning);
  out_.event("server_status_changed", std::move(data));
  if (!legacy_) return;
  Json old;
  old.set("serverId", server_id).set("status", control::toString(current));
  out_.legacy("server_status", std::move(old));
}

// ---- Runs ----

Readiness::Run* Readiness::find(const std::string& server_id, std::uint64_t ticket) {
  const auto server = servers_.find(server_id);
  if (server == servers_.end() || !server->second.run) return nullptr;
  Run& run = *server->second.run;
  return run.goes_on && run.ticket == ticket ? &run : nullptr;
}

void Readiness::begin(const std::string& server_id, Server& server,
                      const control::Transition& transition, const std::string& command_id) {
  // It may be ahead of what is being told; then that is told next.
  const auto status = services_->supervisor.status(server_id);
  const auto container = transition.container.value_or(control::ContainerId{});
  const auto started_at = status ? status->started_at : std::nullopt;
  const bool same =
      server.run && server.run->container == container && server.run->started_at == started_at;
  if (same) {
    server.run->goes_on = true;
    server.run->ticket = ++last_ticket_;
    server.run->inspecting = false;  // an answer that was on its way came to nothing
    if (server.run->watch) prober_.watch(server_id, server.run->ticket);
    return;
  }
  server.run = Run{};
  Run& run = *server.run;
  run.ticket = ++last_ticket_;
  run.adopted = transition.reason == control::Reason::kAdopted;
  run.container = container;
  run.started_at = started_at;
  run.pid = transition.pid;
  run.command_id = command_id;
  watchRun(run, server.rule);
  // Labels of a container that nobody has looked at may say something else.
  if (server.rule || server.container != container.value) prober_.watch(server_id, run.ticket);
}

void Readiness::watchRun(Run& run, const std::optional<ReadinessRule>& rule) {
  run.watch.reset();
  if (!rule) return;
  run.watch = std::make_unique<Watch>(*rule, Clock::now());
}

// ---- Turns ----

Prober::Turn Readiness::turn(const std::string& server_id, std::uint64_t ticket) {
  std::unique_lock lock(mutex_);
  Run* const run = find(server_id, ticket);
  if (run == nullptr || services_ == nullptr) return {};
  if (!run->watch || !run->watch->search) return look(server_id, *run);
  if (run->watch->state.ready()) return {};
  const std::shared_ptr<ConsoleSearch> search = run->watch->search;
  const control::Supervisor& supervisor = services_->supervisor;  // outlives this thread
  lock.unlock();
  return searchConsole(server_id, ticket, search, supervisor);
}

Prober::Turn Readiness::look(const std::string& server_id, Run& run) {
  const auto pause = [&]() -> Prober::Pause {
    return run.watch ? run.watch->state.pause() : Prober::Pause(kInspectTimeout);
  };
  const bool by_engine = run.watch && run.watch->rule.kind == RuleKind::kHealth;
  if (!run.inspected || by_engine) {
    if (!inspect(server_id, run) && run.watch)
      tell(server_id, run, run.watch->state.unasked("the engine does not answer", Clock::now()));
    return {.pause = pause()};
  }
  if (!run.watch) return {};
  Watch& watch = *run.watch;
  if (!watch.address) return {};
  return {.exchange = exchangeFor(watch.rule, *watch.address), .address = *watch.address};
}

Prober::Pause Readiness::answered(const std::string& server_id, std::uint64_t ticket,
                                  const Result<ProbeAnswer>& answer) {
  const std::lock_guard lock(mutex_);
  Run* const run = find(server_id, ticket);
  if (run == nullptr || !run->watch) return std::nullopt;
  RunReadiness& state = run->watch->state;
  tell(server_id, *run,
       answer ? state.holds(*answer) : state.fails(answer.error().message, Clock::now()));
  return state.pause();
}

Prober::Turn Readiness::searchConsole(const std::string& server_id, std::uint64_t ticket,
                                      const std::shared_ptr<ConsoleSearch>& search,
                                      const control::Supervisor& supervisor) {
  const ConsoleSearch::Outcome outcome = search->goOn(supervisor, server_id);
  const std::lock_guard lock(mutex_);
  Run* const run = find(server_id, ticket);
  // What was found stays in the search, should its run go on under another ticket.
  if (run == nullptr || !run->watch || run->watch->search != search) return {};
  RunReadiness& state = run->watch->state;
  tell(server_id, *run, outcome.found ? state.holds({}) : state.fails(outcome.why, Clock::now()));
  return {.pause = outcome.more ? kOutputPause : state.pause()};
}

// ---- What the engine says ----

/// False: nobody has the time for it.
bool Readiness::inspect(const std::string& server_id, Run& run) {
  if (run.inspecting) return true;
  Services* const services = services_;
  run.inspecting = services->workers.post([this, services, server_id, ticket = run.ticket,
                                           container = run.container](std::stop_token stop) {
    control::CallContext context =
        control::CallContext::within(kInspectTimeout, services->runtime.clock());
    context.cancellation = std::move(stop);
    inspected(server_id, ticket, services->runtime.inspect(container, context));
  });
  return run.inspecting;
}

void Readiness::inspected(const std::string& server_id, std::uint64_t ticket,
                          const Result<ContainerInfo>& info) {
  const std::lock_guard lock(mutex_);
  Run* const run = find(server_id, ticket);
  if (run == nullptr || services_ == nullptr) return;
  run->inspecting = false;
  if (info && !run->inspected) learnRun(server_id, servers_[server_id], *info);
  if (!run->watch) return;
  const bool was_starting = run->starting();
  tell(server_id, *run, judge(*run->watch, info));
  // What goes on by itself has its next turn already.
  if (info && was_starting && run->watch->rule.kind != RuleKind::kHealth) prober_.wake(server_id);
}

/// Once in each run.
void Readiness::learnRun(const std::string& server_id, Server& server, const ContainerInfo& info) {
  Run& run = *server.run;
  run.inspected = true;
  server.container = info.id.value;
  // A container that was made anew may have been asked for by an agent before this one.
  services_->notes.learn(server_id, info.spec.labels);
  learnWaitingLimit(*services_, server_id);
  const auto rule = ruleIn(server_id, info.spec.labels);
  const bool was_starting = run.starting();
  if (rule != (run.watch ? std::optional(run.watch->rule) : std::nullopt)) {
    server.rule = rule;
    watchRun(run, rule);
    if (was_starting && !run.watch)
      tellChange(server_id, run, EntryState::kStarting, EntryState::kRunning);
    if (!was_starting && run.watch)
      tellChange(server_id, run, EntryState::kRunning, EntryState::kStarting);
  }
  if (!run.watch) return;
  Watch& watch = *run.watch;
  if (watch.rule.kind == RuleKind::kConsole) {
    if (services_->config.console_bytes == 0)
      return tell(server_id, run, watch.state.untold("this host reads no console (CONSOLE_BYTES)"));
    watch.search = std::make_shared<ConsoleSearch>(
        watch.rule.pattern, LineSearch::Form{.regex = watch.rule.is_regex, .case_sensitive = true},
        info.finished_at.value_or(info.created_at.value_or(control::WallTime{})), run.adopted);
    return;
  }
  if (!watch.rule.asksPort()) return;
  auto address = probeAddress(watch.rule, info.spec);
  if (address && isOnThisHost(*services_)) {
    watch.address = *address;
    return;
  }
  tell(server_id, run,
       watch.state.untold(address ? "its ports are on another host" : address.error().message));
}

News Readiness::judge(Watch& watch, const Result<ContainerInfo>& info) {
  if (!info)
    return watch.state.unasked("the engine cannot say: " + info.error().message, Clock::now());
  if (watch.rule.kind != RuleKind::kHealth) return News::kNone;
  const control::WallTime now = services_->runtime.clock().wallNow();
  const HealthVerdict verdict = verdictOf(info->health, now - info->started_at.value_or(now));
  if (verdict.kind == HealthVerdict::Kind::kHolds) return watch.state.holds({});
  if (verdict.kind == HealthVerdict::Kind::kUntold) return watch.state.untold(verdict.why);
  return watch.state.fails(verdict.why, Clock::now());
}

}  // namespace agent
