#include "supervise/core.h"

#include <algorithm>
#include <exception>

#include "supervise/asked.h"

namespace control {
namespace {

Error wrongState(const Entry& entry, const std::string& hint) {
  return {.code = ErrorCode::kWrongState,
          .message = "'" + entry.name + "' is " + std::string(toString(entry.state)) + ": " + hint};
}

/// With the entry's mutex held: whether a job of this type can be accepted now. A stop can while it
/// is being deleted, which may take as long as the server does to end. What ends an entry is never
/// one too many: it passes by what waits, and at most one of each waits itself.
Result<void> checkAcceptable(const Entry& entry, const Job& job, std::size_t queue_limit) {
  const auto isRemove = [](const JobPtr& one) { return one->type == Job::Type::kRemove; };
  if (entry.removed) return noSuchEntry(entry.name);
  const bool goes = (entry.active && isRemove(entry.active)) ||
                    std::any_of(entry.queue.begin(), entry.queue.end(), isRemove);
  if (goes && job.type == Job::Type::kStop) return {};
  if (goes) return wrongState(entry, "it is being deleted");
  const bool ends = job.type == Job::Type::kStop || job.type == Job::Type::kRemove;
  if (!ends && entry.queue.size() >= queue_limit)
    return Error{.code = ErrorCode::kResourceExhausted,
                 .message = std::to_string(queue_limit) + " operations wait for '" + entry.name +
                            "' already: wait for one to end"};
  if (entry.isEmpty() && !entry.next && job.type != Job::Type::kRemove)
    return Error{.code = ErrorCode::kNotFound,
                 .message = "'" + entry.name + "' has no container: delete it or create it again"};
  return {};
}

}  // namespace

Supervisor::Core::Core(std::shared_ptr<ContainerRuntime> runtime, SupervisorOptions options,
                       SupervisorObserver& observer)
    : runtime_(std::move(runtime)),
      options_(usable(std::move(options))),
      observer_(observer),
      desired_(options_.state_file, [this](const std::string& text) { observer_.onProblem(text); }),
      next_specs_(options_.state_file.empty() ? "" : options_.state_file + ".next",
                  [this](const std::string& text) { observer_.onProblem(text); }),
      pulls_(*runtime_),
      consoles_(*runtime_,
                {.most_bytes = options_.console_bytes,
                 .directory = options_.console_directory,
                 .stopping = stopping_.get_token()},
                {.submit = [this](std::function<void()> job) { executor_.submit(std::move(job)); },
                 .after =
                     [this](Duration delay, std::function<void()> function) {
                       timers_.after(delay, std::move(function));
                     },
                 .changed = [this](const std::string& name) { observer_.onConsole(name); }}),
      watcher_({.ready = [this](std::uint64_t token) { watchFired(token); },
                .event = [this](const Event& event) { handleEvent(event); },
                .events_lost = [this](const Error&) { streamLost(); }}),
      timers_(std::shared_ptr<Clock>(runtime_, &runtime_->clock())) {}

Supervisor::Core::~Core() {
  stopping_.request_stop();
  timers_.stop();
  watcher_.stop();
  consoles_.stop();
  std::vector<EntryPtr> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_) all.push_back(entry);
  }
  for (const EntryPtr& entry : all) {
    const std::lock_guard lock(entry->mutex);
    if (!entry->active) continue;
    entry->active->cancel.request_stop();
    entry->active->abandon.request_stop();
  }
  executor_.drain();
  for (const EntryPtr& entry : all) entry->watch.reset();
}

JobPtr Supervisor::Core::makeJob(Job::Type type, OperationKind kind,
                                 std::string operation_id) const {
  auto job = std::make_shared<Job>();
  job->type = type;
  job->asked.push_back(
      {.kind = kind, .operation_id = std::move(operation_id), .accepted_at = clock().now()});
  return job;
}

CallContext Supervisor::Core::callContext(std::stop_token token) const {
  return {.deadline = CallContext::after(clock().now(), options_.engine_timeout),
          .cancellation = std::move(token)};
}

/// For what the entry's job only looks at: others of the entry wait for it.
CallContext Supervisor::Core::lookContext(Entry& entry) const {
  std::stop_token token;
  {
    const std::lock_guard lock(entry.mutex);
    if (entry.active) token = entry.active->cancel.get_token();
  }
  return callContext(std::move(token)).capped(kLookTimeout, clock());
}

Result<EntryPtr> Supervisor::Core::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  if (const auto found = entries_.find(name); found != entries_.end()) return found->second;
  if (!listed_)
    return Error{.code = ErrorCode::kUnavailable,
                 .message = "the engine has not been reached yet, so it is not known what runs"};
  return noSuchEntry(name);
}

Result<EntryStatus> Supervisor::Core::status(const std::string& name) const {
  const auto entry = find(name);
  if (!entry) return entry.error();
  const std::lock_guard lock((*entry)->mutex);
  if ((*entry)->isGone()) return noSuchEntry(name);
  return (*entry)->status();
}

Result<std::optional<ContainerSpec>> Supervisor::Core::nextSpec(const std::string& name) const {
  const auto entry = find(name);
  if (!entry) return entry.error();
  const std::lock_guard lock((*entry)->mutex);
  if (!(*entry)->next) return std::optional<ContainerSpec>();
  return std::optional((*entry)->next->spec);
}

std::vector<EntryStatus> Supervisor::Core::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<EntryStatus> all;
  all.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) {
    const std::lock_guard entry_lock(entry->mutex);
    if (!entry->isGone()) all.push_back(entry->status());
  }
  return all;
}

Result<void> Supervisor::Core::create(const std::string& name, EntrySpec spec,
                                      std::string operation_id) {
  if (!listed_)
    return Error{.code = ErrorCode::kUnavailable, .message = "the engine has not been reached yet"};
  if (!isEntryName(name))
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message = "'" + name +
                            "' is no name of an entry: letters, digits, '.', '_' and '-', of which "
                            "the first is a letter or digit"};
  if (auto good = checkPolicies(spec); !good) return good;
  auto job = makeJob(Job::Type::kCreate, OperationKind::kCreate, std::move(operation_id));
  job->start_after_create = spec.start;
  job->spec = std::move(spec);
  EntryPtr entry;
  EntryState was = EntryState::kUnknown;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = entries_.find(name); found != entries_.end()) {
      const std::lock_guard entry_lock(found->second->mutex);
      Entry& existing = *found->second;
      // One whose creation failed stands for nothing, and one that was told to be gone is gone.
      if (!existing.isEmpty() && existing.state != EntryState::kDeleted)
        return Error{
            .code = ErrorCode::kAlreadyExists,
            .message = "'" + name + "' exists and is " + std::string(toString(existing.state))};
      // Looks and turns that it still has are of nothing any more.
      existing.removed = true;
      if (existing.state != EntryState::kDeleted) was = existing.state;
    }
    entry = std::make_shared<Entry>(name);
    entry->state = was;
    entries_[name] = entry;
    kept_.erase(name);
  }
  consoles_.create(name);
  enqueue(entry, std::move(job));
  return {};
}

Result<void> Supervisor::Core::accept(const std::string& name, JobPtr job) {
  const auto entry = find(name);
  if (!entry) return entry.error();
  std::vector<JobPtr> passed_by;
  bool idle = false;
  {
    const std::lock_guard lock((*entry)->mutex);
    if (auto acceptable = checkAcceptable(**entry, *job, options_.queue_limit); !acceptable)
      return acceptable;
    if (job->type != Job::Type::kUpdate) {
      ++(*entry)->restart_generation;
      (*entry)->restart_planned = false;
      wantAs(**entry, *job);
    }
    const auto stops = [](const JobPtr& one) {
      return one->type == Job::Type::kStop || one->type == Job::Type::kRemove;
    };
    const bool is_stop = job->type == Job::Type::kStop;
    if (is_stop && (*entry)->active && stops((*entry)->active)) return joinStop(**entry, job);
    if (is_stop || job->type == Job::Type::kRemove) overtakeStarts(**entry, passed_by);
    const auto waiting = std::find_if((*entry)->queue.begin(), (*entry)->queue.end(), stops);
    if (is_stop && waiting != (*entry)->queue.end()) {
      joinWaitingStop(**entry, **waiting, *job);
      job.reset();
    }
    const JobPtr& active = (*entry)->active;
    // What it would have seen is looked at afterwards.
    if (is_stop && job && job->kill_requested && active && active->type == Job::Type::kReconcile &&
        (*entry)->container)
      active->cancel.request_stop();
    if (job && job->type == Job::Type::kRemove && active && active->type == Job::Type::kCreate)
      active->cancel.request_stop();
    // Under the same lock, or the last to be done would not be the last that was wanted.
    if (job) idle = push(**entry, std::move(job));
  }
  for (const JobPtr& one : passed_by) {
    endOperation(**entry, *one, cancelledByStop());
    endTurn(*one);
  }
  if (idle) executor_.submit([this, entry = *entry] { workOff(entry); });
  return {};
}

/// With the entry's mutex held. True: the caller has to see that workOff() is called.
bool Supervisor::Core::push(Entry& entry, JobPtr job) {
  entry.queue.push_back(std::move(job));
  return !std::exchange(entry.busy, true);
}

void Supervisor::Core::enqueue(const EntryPtr& entry, JobPtr job) {
  std::unique_lock lock(entry->mutex);
  const bool idle = push(*entry, std::move(job));
  lock.unlock();
  if (idle) executor_.submit([this, entry] { workOff(entry); });
}

void Supervisor::Core::workOff(const EntryPtr& entry) {
  for (;;) {
    JobPtr job;
    {
      const std::lock_guard lock(entry->mutex);
      if (entry->queue.empty()) {
        const auto news = std::exchange(entry->news, std::nullopt);
        if (!news || entry->removed || entry->shows(*news) || stopping_.stop_requested()) {
          entry->busy = false;
          return;
        }
        auto look = std::make_shared<Job>();
        look->type = Job::Type::kReconcile;
        entry->queue.push_back(std::move(look));
      }
      job = std::move(entry->queue.front());
      entry->queue.pop_front();
      entry->active = job;
    }
    run(entry, job);
  }
}

Result<void> Supervisor::Core::perform(const EntryPtr& entry, Job& job) {
  if (stopping_.stop_requested())
    return Error{.code = ErrorCode::kCancelled, .message = "the supervisor is shutting down"};
  {
    const std::lock_guard lock(entry->mutex);
    if (entry->removed) return noSuchEntry(entry->name);
  }
  switch (job.type) {
    case Job::Type::kCreate:
      return doCreate(entry, job);
    case Job::Type::kStart:
      return doStart(entry, job);
    case Job::Type::kStop:
      return doStop(entry, job);
    case Job::Type::kRestart:
      return doRestart(entry, job);
    case Job::Type::kRemove:
      return doRemove(entry, job);
    case Job::Type::kUpdate:
      return doUpdate(entry, job);
    case Job::Type::kAutoRestart:
      return doAutoRestart(entry, job);
    case Job::Type::kRestore:
      return doRestore(entry, job);
    case Job::Type::kObserveExit:
      observeExit(entry);
      return {};
    case Job::Type::kReconcile:
      reconcile(entry);
      return {};
    case Job::Type::kEngineLost:
      loseSight(entry);
      return {};
  }
  return {};
}

void Supervisor::Core::run(const EntryPtr& entry, const JobPtr& job) {
  Result<void> result;
  try {
    result = perform(entry, *job);
    // Nobody else cancels.
    if (!result && result.error().is(ErrorCode::kCancelled) && !stopping_.stop_requested())
      result = cancelledByStop();
  } catch (const std::exception& failure) {
    result =
        Error{.code = ErrorCode::kInternal, .effect = Effect::kUnknown, .message = failure.what()};
  }
  Job ended{.type = job->type};
  {
    // From here on a stop that comes is a new one and does not join.
    const std::lock_guard lock(entry->mutex);
    ended.asked = std::move(job->asked);
    ended.ended_by = job->ended_by;
    entry->active.reset();
  }
  endOperation(*entry, ended, result);
  endTurn(*job);
}

void Supervisor::Core::endOperation(const Entry& entry, const Job& job,
                                    const Result<void>& result) {
  for (const Job::Asked& asked : job.asked) {
    OperationEnd end{.operation_id = asked.operation_id, .kind = asked.kind, .entry = entry.name};
    if (!result) end.error = result.error();
    end.elapsed = clock().now() - asked.accepted_at;
    end.rung = job.ended_by;
    observer_.onOperationEnd(end);
  }
}

/// Nothing is kept of it any more; its name is not free yet: what is written under it from then on
/// is of another entry.
void Supervisor::Core::letGo(Entry& entry) {
  {
    const std::lock_guard lock(mutex_);
    const std::lock_guard entry_lock(entry.mutex);
    entry.removed = true;
    const auto found = entries_.find(entry.name);
    if (found == entries_.end() || found->second.get() != &entry) return;
    kept_.erase(entry.name);
    for (const auto& list : lists_under_way_)
      if (const auto forgotten = list.lock()) forgotten->insert(entry.name);
  }
  consoles_.forget(entry.name);
  next_specs_.erase(entry.name);
  desired_.erase(entry.name);
}

void Supervisor::Core::forget(const EntryPtr& entry) {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(entry->name);
  if (found != entries_.end() && found->second == entry) entries_.erase(found);
}

Result<void> Supervisor::Core::pull(const std::string& image, PullOptions options,
                                    std::string operation_id) {
  auto job = makeJob(Job::Type::kCreate, OperationKind::kPull, std::move(operation_id));
  executor_.submit([this, image, job, options = std::move(options)] {
    const CallContext context{.cancellation = stopping_.get_token()};
    const auto report = pulls_.ensure(
        image, PullPolicy::kAlways, options,
        [&](const PullProgress& progress) {
          observer_.onPullProgress("", job->operationId(), image, progress);
        },
        context);
    Result<void> result;
    if (!report)
      result = report.error();
    else if (report->pull_error)
      result = *report->pull_error;
    endOperation(Entry(""), *job, result);
  });
  return {};
}

void Supervisor::Core::setState(Entry& entry, EntryState state, std::optional<Reason> reason,
                                const Job* job, Transition transition) {
  followConsole(entry);
  {
    const std::lock_guard lock(entry.mutex);
    transition.previous = entry.state;
    const bool failed_otherwise = state == EntryState::kFailed && entry.reason != reason;
    if (entry.state == state && !transition.failed && !failed_otherwise) return;
    entry.state = state;
    entry.reason = reason;
    if (!transition.container) transition.container = entry.container;
    if (state == EntryState::kRunning) transition.pid = entry.pid;
    // A stop that joins adds itself to those who asked.
    if (job != nullptr) transition.operation_id = job->operationId();
  }
  transition.entry = entry.name;
  transition.current = state;
  transition.reason = reason;
  observer_.onTransition(transition);
}

}  // namespace control
