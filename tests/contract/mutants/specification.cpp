// Specifications that are kept and shown, and not followed.

#include <map>
#include <mutex>

#include "contract/mutants/decorator.h"
#include "contract/mutants/mutants.h"

namespace control::conform {
namespace {

/// Creates without a field of what was asked for, and shows it all the same.
template <auto Forget>
class Forgets final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    ContainerSpec less = spec;
    Forget(less);
    auto created = inner().create(less, context);
    if (created) {
      const std::lock_guard lock(mutex_);
      asked_[created->id] = spec;
    }
    return created;
  }
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = inner().inspect(id, context);
    const std::lock_guard lock(mutex_);
    if (info && asked_.contains(info->id)) info->spec = asked_.at(info->id);
    return info;
  }

 private:
  std::mutex mutex_;
  std::map<ContainerId, ContainerSpec> asked_;  ///< guarded by mutex_
};

void withoutEntrypoint(ContainerSpec& spec) {
  if (!spec.entrypoint.empty()) spec.entrypoint = {"/bin/true"};
}
void withoutEnvironment(ContainerSpec& spec) {
  for (auto& [name, value] : spec.environment) value = "forgotten";
}
void withoutWorkingDirectory(ContainerSpec& spec) { spec.working_directory.clear(); }
void withoutUser(ContainerSpec& spec) { spec.user.clear(); }
void withoutHostname(ContainerSpec& spec) { spec.hostname.clear(); }
void withoutLimits(ContainerSpec& spec) { spec.limits = {}; }
void withoutLogLimit(ContainerSpec& spec) { spec.log_limit_bytes.reset(); }

void withoutTheCapabilities(ContainerSpec& spec) {
  spec.drop_capabilities.clear();
  spec.add_capabilities.clear();
}

/// Follows the whole specification, and does not show a field of it.
template <auto Forget>
class InspectForgets final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = inner().inspect(id, context);
    if (info) Forget(info->spec);
    return info;
  }
};

template <auto Member>
void clear(ContainerSpec& spec) {
  spec.*Member = {};
}

template <auto Member>
MakeMutant inspectForgets() {
  return makes<InspectForgets<clear<Member>>>();
}

/// Says yes, keeps the new limits to show them, and changes nothing.
class UpdateChangesNothing final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<void> update(const ContainerId&, const ResourceLimits&, const CallContext&) override {
    return {};
  }
};

class UpdateForgetsMemory final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<void> update(const ContainerId& id, const ResourceLimits& limits,
                      const CallContext& context) override {
    ResourceLimits less = limits;
    less.memory_bytes.reset();
    return inner().update(id, less, context);
  }
};

class ExecForgetsTheUser final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override {
    ExecSpec less = spec;
    less.user.clear();
    return inner().exec(id, less, context);
  }
};

/// Gives a container the id of one that has been removed.
class IdsAreRecycled final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    auto created = inner().create(spec, context);
    const std::lock_guard lock(mutex_);
    if (!created || removed_.value.empty()) return created;
    recycled_ = {std::exchange(removed_, {}), created->id};
    return CreatedContainer{.id = recycled_.first};
  }
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    const std::lock_guard lock(mutex_);
    removed_ = id;
    return inner().remove(id == recycled_.first ? recycled_.second : id, options, context);
  }

 private:
  std::mutex mutex_;
  ContainerId removed_{};                           ///< guarded by mutex_
  std::pair<ContainerId, ContainerId> recycled_{};  ///< as told, as it is; guarded by mutex_
};

class ListForgetsTheImage final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    auto rows = inner().list(filter, context);
    if (rows)
      for (ContainerSummary& row : *rows) row.image.clear();
    return rows;
  }
};

class EveryImageIsThere final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ImageInfo> findImage(const std::string& reference, const CallContext& context) override {
    auto found = inner().findImage(reference, context);
    return found ? found
                 : Result<ImageInfo>(ImageInfo{.id = "sha256:0", .references = {reference}});
  }
};

class NoNameIsAnImage final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ImageInfo> findImage(const std::string& reference, const CallContext& context) override {
    if (reference.empty()) return ImageInfo{.id = "sha256:0"};
    return inner().findImage(reference, context);
  }
};

}  // namespace

void addSpecificationMutants(std::map<std::string_view, MakeMutant>& all) {
  all["create_forgets_entrypoint"] = makes<Forgets<withoutEntrypoint>>();
  all["create_forgets_environment"] = makes<Forgets<withoutEnvironment>>();
  all["create_forgets_working_directory"] = makes<Forgets<withoutWorkingDirectory>>();
  all["create_forgets_user"] = makes<Forgets<withoutUser>>();
  all["create_forgets_hostname"] = makes<Forgets<withoutHostname>>();
  all["create_forgets_limits"] = makes<Forgets<withoutLimits>>();
  all["create_forgets_log_limit"] = makes<Forgets<withoutLogLimit>>();
  using Spec = ContainerSpec;
  all["inspect_forgets_entrypoint"] = inspectForgets<&Spec::entrypoint>();
  all["inspect_forgets_environment"] = inspectForgets<&Spec::environment>();
  all["inspect_forgets_working_directory"] = inspectForgets<&Spec::working_directory>();
  all["inspect_forgets_user"] = inspectForgets<&Spec::user>();
  all["inspect_forgets_hostname"] = inspectForgets<&Spec::hostname>();
  all["inspect_forgets_stop_signal"] = inspectForgets<&Spec::stop_signal>();
  all["inspect_forgets_mounts"] = inspectForgets<&Spec::mounts>();
  all["inspect_forgets_no_new_privileges"] = inspectForgets<&Spec::no_new_privileges>();
  all["inspect_forgets_init"] = inspectForgets<&Spec::init>();
  all["inspect_forgets_read_only_root"] = inspectForgets<&Spec::read_only_root>();
  all["inspect_forgets_capabilities"] = makes<InspectForgets<withoutTheCapabilities>>();
  all["inspect_forgets_log_limit"] = inspectForgets<&Spec::log_limit_bytes>();
  all["update_changes_nothing"] = makes<UpdateChangesNothing>();
  all["update_forgets_memory"] = makes<UpdateForgetsMemory>();
  all["exec_forgets_user"] = makes<ExecForgetsTheUser>();
  all["ids_are_recycled"] = makes<IdsAreRecycled>();
  all["list_forgets_image"] = makes<ListForgetsTheImage>();
  all["no_name_is_an_image"] = makes<NoNameIsAnImage>();
  all["every_image_is_there"] = makes<EveryImageIsThere>();
}

}  // namespace control::conform
