#include "supervise/core.h"

namespace control {
namespace {

bool is(const Error& error, ErrorCode code) { return error.code == code; }

void merge(ResourceLimits& limits, const ResourceLimits& change) {
  if (change.memory_bytes) limits.memory_bytes = change.memory_bytes;
  if (change.memory_swap_bytes) limits.memory_swap_bytes = change.memory_swap_bytes;
  if (change.nano_cpus) limits.nano_cpus = change.nano_cpus;
  if (change.pids) limits.pids = change.pids;
  if (change.io_weight) limits.io_weight = change.io_weight;
}

/// `spec` with what was asked of it, in the order in which it was.
Result<ContainerSpec> specAfter(const std::vector<EntryUpdate>& updates, ContainerSpec spec) {
  for (const EntryUpdate& update : updates) {
    if (update.respec) {
      auto changed = update.respec(std::move(spec));
      if (!changed) return changed.error();
      spec = std::move(*changed);
    }
    merge(spec.limits, update.limits);
  }
  return spec;
}

}  // namespace

Result<void> Supervisor::Core::doUpdate(const EntryPtr& entry, Job& job) {
  const auto failed = [&](const Error& error) -> Error {
    fail(entry, job, OperationKind::kUpdate, Reason::kRequested, error);
    return error;
  };
  const CallContext context = callContext();
  const EntryUpdate& update = *job.update;
  if (!entry->container)
    return Error{.code = ErrorCode::kNotFound, .message = "its container is gone"};
  const auto info = runtime_->inspect(*entry->container, context);
  if (!info) return failed(info.error());
  std::vector<EntryUpdate> updates;
  {
    const std::lock_guard lock(entry->mutex);
    updates = entry->pending_updates;
  }
  updates.push_back(update);
  // Kept, one that does not fit would fail every later start.
  if (const auto fits = specAfter(updates, info->spec); !fits) return failed(fits.error());
  // Behind one that waits it has to wait as well, or that one would undo it.
  bool waits = update.respec != nullptr || updates.size() > 1;
  if (update.limits != ResourceLimits{}) {
    auto applied = runtime_->update(*entry->container, update.limits, context);
    // An engine that cannot change it now can create it so at the next start.
    if (!applied && !is(applied.error(), ErrorCode::kUnsupported)) return failed(applied.error());
    waits |= !applied;
  }
  if (!waits) return {};
  {
    const std::lock_guard lock(entry->mutex);
    entry->pending_updates = std::move(updates);
  }
  if (info->running()) return {};
  if (auto applied = applyPendingUpdates(*entry, context); !applied) return failed(applied.error());
  return {};
}

Result<void> Supervisor::Core::applyPendingUpdates(Entry& entry, const CallContext& context) {
  std::vector<EntryUpdate> updates;
  {
    const std::lock_guard lock(entry.mutex);
    updates = entry.pending_updates;
  }
  if (updates.empty()) return {};
  const auto info = runtime_->inspect(*entry.container, context);
  if (!info) return info.error();
  if (info->running()) return {};
  const auto wanted = specAfter(updates, info->spec);
  if (!wanted) return wanted.error();
  if (auto done = recreate(entry, *info, *wanted, context); !done) return done;
  const std::lock_guard lock(entry.mutex);
  entry.pending_updates.clear();
  return {};
}

/// The name is free only once the old container is gone, so the old specification is kept at hand
/// until the new one stands.
Result<void> Supervisor::Core::recreate(Entry& entry, const ContainerInfo& info,
                                        const ContainerSpec& wanted, const CallContext& context) {
  if (const auto image = runtime_->findImage(wanted.image, context); !image) return image.error();
  disarmWatch(entry);
  const auto removed = runtime_->remove(info.id, {}, context);
  if (!removed) return removed.error();
  auto created = runtime_->create(wanted, context);
  std::optional<Error> refused;
  if (!created) {
    refused = created.error();
    created = runtime_->create(info.spec, context);
  }
  const std::lock_guard lock(entry.mutex);
  if (created)
    entry.container = created->id;
  else
    entry.container.reset();
  entry.image = wanted.image;
  entry.own_stop_timeout = wanted.stop_timeout.value_or(entry.own_stop_timeout);
  if (!refused) return {};
  entry.pending_updates.clear();
  return *refused;
}

}  // namespace control
