#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/runtime.h>

namespace control::conform {

/// Another runtime, call by call. Mutants override the call that they spoil.
class Decorator : public ContainerRuntime {
 public:
  explicit Decorator(std::shared_ptr<ContainerRuntime> inner)
      : ContainerRuntime(hostOf(*inner)), inner_(std::move(inner)) {}

  Result<RuntimeInfo> info(const CallContext& context) override {
    auto info = inner_->info(context);
    if (info) info->engine = "mutant";
    return info;
  }
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    return inner_->create(spec, context);
  }
  Result<StartOutcome> start(const ContainerId& id, const CallContext& context) override {
    return inner_->start(id, context);
  }
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override {
    return inner_->signal(id, signal, context);
  }
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return inner_->watchExit(id, context);
  }
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    return inner_->remove(id, options, context);
  }
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    return inner_->inspect(id, context);
  }
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    return inner_->list(filter, context);
  }
  std::vector<Result<StatsSample>> stats(std::span<const ContainerId> ids,
                                         const CallContext& context) override {
    return inner_->stats(ids, context);
  }
  Result<void> update(const ContainerId& id, const ResourceLimits& limits,
                      const CallContext& context) override {
    return inner_->update(id, limits, context);
  }
  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override {
    return inner_->logs(id, options, context);
  }
  Result<std::unique_ptr<Console>> attach(const ContainerId& id, const AttachOptions& options,
                                          const CallContext& context) override {
    return inner_->attach(id, options, context);
  }
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override {
    return inner_->exec(id, spec, context);
  }
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    return inner_->events(filter, context);
  }
  Result<std::unique_ptr<PullStream>> pull(const std::string& reference, const PullOptions& options,
                                           const CallContext& context) override {
    return inner_->pull(reference, options, context);
  }
  Result<ImageInfo> findImage(const std::string& reference, const CallContext& context) override {
    return inner_->findImage(reference, context);
  }
  void* extension(std::string_view name) noexcept override { return inner_->extension(name); }

 protected:
  ContainerRuntime& inner() noexcept { return *inner_; }

 private:
  static HostContext hostOf(ContainerRuntime& inner) {
    HostContext host;
    // The clock is the inner engine's and lives as long as that, which is kept.
    host.clock = std::shared_ptr<Clock>(std::shared_ptr<void>(), &inner.clock());
    return host;
  }

  const std::shared_ptr<ContainerRuntime> inner_;
};

/// Another exit watch, call by call.
class WatchDecorator : public ExitWatch {
 public:
  explicit WatchDecorator(std::unique_ptr<ExitWatch> inner) : inner_(std::move(inner)) {}

  Result<ExitStatus> noticed(const CallContext& context) override {
    return inner_->noticed(context);
  }
  Result<ExitStatus> exited(const CallContext& context) override { return inner_->exited(context); }
  int pollFd() const noexcept override { return inner_->pollFd(); }
  void cancel() noexcept override { inner_->cancel(); }

 protected:
  ExitWatch& inner() noexcept { return *inner_; }

 private:
  const std::unique_ptr<ExitWatch> inner_;
};

/// Another stream, call by call.
template <class Item>
class StreamDecorator : public Stream<Item> {
 public:
  explicit StreamDecorator(std::unique_ptr<Stream<Item>> inner) : inner_(std::move(inner)) {}

  Result<std::optional<Item>> next(const CallContext& context) override {
    return inner_->next(context);
  }
  int pollFd() const noexcept override { return inner_->pollFd(); }
  void cancel() noexcept override { inner_->cancel(); }

 protected:
  Stream<Item>& inner() noexcept { return *inner_; }

 private:
  const std::unique_ptr<Stream<Item>> inner_;
};

/// Another console, call by call: Base is Console or ExecSession.
template <class Base>
class ConsoleDecorator : public Base {
 public:
  explicit ConsoleDecorator(std::unique_ptr<Base> inner) : inner_(std::move(inner)) {}

  Result<std::optional<Output>> next(const CallContext& context) override {
    return inner_->next(context);
  }
  int pollFd() const noexcept override { return inner_->pollFd(); }
  void cancel() noexcept override { inner_->cancel(); }
  Result<void> write(std::string_view bytes, const CallContext& context) override {
    return inner_->write(bytes, context);
  }
  Result<void> closeInput(const CallContext& context) override {
    return inner_->closeInput(context);
  }

 protected:
  Base& inner() noexcept { return *inner_; }

 private:
  const std::unique_ptr<Base> inner_;
};

class ExecDecorator : public ConsoleDecorator<ExecSession> {
 public:
  using ConsoleDecorator::ConsoleDecorator;

  Result<int> exitCode(const CallContext& context) override { return inner().exitCode(context); }
  Result<void> resize(int columns, int rows, const CallContext& context) override {
    return inner().resize(columns, rows, context);
  }
};

/// What was made, as a Wrapper; or why it was not.
template <class Wrapper, class Made>
Result<std::unique_ptr<Made>> wrapped(Result<std::unique_ptr<Made>> made) {
  if (!made) return made;
  return std::unique_ptr<Made>(std::make_unique<Wrapper>(std::move(*made)));
}

}  // namespace control::conform
