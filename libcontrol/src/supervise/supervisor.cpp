#include "supervise/core.h"

namespace control {

Supervisor::Supervisor(std::shared_ptr<ContainerRuntime> runtime, SupervisorOptions options,
                       SupervisorObserver& observer)
    : core_(std::make_unique<Core>(std::move(runtime), std::move(options), observer)) {}

Supervisor::~Supervisor() = default;

void Supervisor::open(const CallContext& context) { core_->open(context); }

Result<void> Supervisor::create(const std::string& entry, EntrySpec spec,
                                std::string operation_id) {
  return core_->create(entry, std::move(spec), std::move(operation_id));
}

Result<void> Supervisor::start(const std::string& entry, std::string operation_id) {
  return core_->accept(
      entry, core_->makeJob(Job::Type::kStart, OperationKind::kStart, std::move(operation_id)));
}

Result<void> Supervisor::stop(const std::string& entry, StopOptions options,
                              std::string operation_id) {
  auto job = core_->makeJob(Job::Type::kStop, OperationKind::kStop, std::move(operation_id));
  job->stop = options;
  return core_->accept(entry, std::move(job));
}

Result<void> Supervisor::restart(const std::string& entry, StopOptions options,
                                 std::string operation_id) {
  auto job = core_->makeJob(Job::Type::kRestart, OperationKind::kRestart, std::move(operation_id));
  job->stop = options;
  return core_->accept(entry, std::move(job));
}

Result<void> Supervisor::kill(const std::string& entry, std::string operation_id) {
  auto job = core_->makeJob(Job::Type::kStop, OperationKind::kKill, std::move(operation_id));
  job->stop.timeout = Duration::zero();
  job->kill_requested = true;
  return core_->accept(entry, std::move(job));
}

Result<void> Supervisor::remove(const std::string& entry, std::string operation_id) {
  return core_->accept(
      entry, core_->makeJob(Job::Type::kRemove, OperationKind::kRemove, std::move(operation_id)));
}

Result<void> Supervisor::update(const std::string& entry, EntryUpdate update,
                                std::string operation_id) {
  auto job = core_->makeJob(Job::Type::kUpdate, OperationKind::kUpdate, std::move(operation_id));
  job->update = std::move(update);
  return core_->accept(entry, std::move(job));
}

Result<void> Supervisor::pull(const std::string& image, PullOptions options,
                              std::string operation_id) {
  return core_->pull(image, std::move(options), std::move(operation_id));
}

Result<EntryStatus> Supervisor::status(const std::string& entry) const {
  return core_->status(entry);
}

std::vector<EntryStatus> Supervisor::list() const { return core_->list(); }

Result<EntryStatus> Supervisor::measure(const std::string& entry, const CallContext& context) {
  return core_->measure(entry, context);
}

std::vector<Orphan> Supervisor::orphans() const { return core_->orphans(); }
Result<ConsolePage> Supervisor::console(const std::string& entry, const ConsoleQuery& query) const {
  return core_->console(entry, query);
}

Result<void> Supervisor::sendLine(const std::string& entry, std::string line, Duration timeout,
                                  std::function<void(const Result<void>& written)> done) {
  return core_->sendLine(entry, std::move(line), timeout, std::move(done));
}

Result<std::optional<ContainerSpec>> Supervisor::nextSpec(const std::string& entry) const {
  return core_->nextSpec(entry);
}
bool Supervisor::turns() { return core_->turns(); }
bool Supervisor::engineReachable() const noexcept { return core_->engineReachable(); }

}  // namespace control
