#pragma once

#include <atomic>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <utility>

#include <libcontrol/runtime.h>
#include <libcontrol/testing/mock_control.h>

namespace control::test {

/// An engine whose answers a test holds back: what it says is of the moment it was asked, however
/// late it comes.
class GatedRuntime final : public ContainerRuntime {
 public:
  /// One answer that is held back.
  class Gate {
   public:
    /// Waits until the engine has answered and the answer is held.
    bool held() { return held_.get_future().wait_for(std::chrono::seconds(10)) == kReady; }
    /// Lets it go; `instead` of what the engine said.
    void open(std::optional<Error> instead = std::nullopt) {
      opened_.set_value(std::move(instead));
    }

   private:
    friend class GatedRuntime;
    static constexpr auto kReady = std::future_status::ready;
    std::promise<void> held_;
    std::promise<std::optional<Error>> opened_;
  };
  using Primitive = testing::Primitive;

  explicit GatedRuntime(std::shared_ptr<ContainerRuntime> inner)
      : ContainerRuntime(hostOf(inner)), inner_(std::move(inner)) {}

  /// Told what was written to a container's standard input; set before anything is.
  using OnInput = std::function<void(const ContainerId&, std::string_view)>;
  void onInput(OnInput told) { on_input_ = std::move(told); }

  /// What pulls tell before the engine's own, until it is nothing; set before there is one.
  using MoreProgress = std::function<std::optional<PullProgress>()>;
  void onPulls(MoreProgress more) { more_progress_ = std::move(more); }

  /// The next answer of that primitive.
  std::shared_ptr<Gate> hold(Primitive primitive) {
    const std::lock_guard lock(mutex_);
    return gates_[primitive] = std::make_shared<Gate>();
  }

  /// The next removal gets half way, as in an engine that is killed meanwhile: until it is removed
  /// once more the container stays, and shows that.
  void leaveHalfRemoved() { is_left_next_ = true; }

  Result<RuntimeInfo> info(const CallContext& context) override {
    return through(Primitive::kInfo, inner_->info(context));
  }
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    return through(Primitive::kCreate, inner_->create(spec, context));
  }
  Result<StartOutcome> start(const ContainerId& id, const CallContext& context) override {
    return through(Primitive::kStart, inner_->start(id, context));
  }
  Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                               const CallContext& context) override {
    return through(Primitive::kSignal, inner_->signal(id, signal, context));
  }
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return through(Primitive::kWatchExit, inner_->watchExit(id, context));
  }
  Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                               const CallContext& context) override {
    {
      const std::lock_guard lock(mutex_);
      left_.reset();
      if (is_left_next_.exchange(false)) {
        left_ = id;
        return Error{.code = ErrorCode::kUnavailable,
                     .effect = Effect::kUnknown,
                     .message = "the engine closed the connection without an answer"};
      }
    }
    return through(Primitive::kRemove, inner_->remove(id, options, context));
  }
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    auto info = through(Primitive::kInspect, inner_->inspect(id, context));
    const std::lock_guard lock(mutex_);
    if (info && left_ == info->id) info->state = ContainerState::kRemoving;
    return info;
  }
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    return through(Primitive::kList, inner_->list(filter, context));
  }
  std::vector<Result<StatsSample>> stats(std::span<const ContainerId> ids,
                                         const CallContext& context) override {
    return inner_->stats(ids, context);
  }
  Result<void> update(const ContainerId& id, const ResourceLimits& limits,
                      const CallContext& context) override {
    return through(Primitive::kUpdate, inner_->update(id, limits, context));
  }
  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override {
    return through(Primitive::kLogs, inner_->logs(id, options, context));
  }
  Result<std::unique_ptr<Console>> attach(const ContainerId& id, const AttachOptions& options,
                                          const CallContext& context) override {
    auto console = inner_->attach(id, options, context);
    if (!console) return console;
    return std::unique_ptr<Console>(std::make_unique<Typed>(*std::move(console), id, on_input_));
  }
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override {
    return inner_->exec(id, spec, context);
  }
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    return through(Primitive::kEvents, inner_->events(filter, context));
  }
  Result<std::unique_ptr<PullStream>> pull(const std::string& reference, const PullOptions& options,
                                           const CallContext& context) override {
    auto pull = inner_->pull(reference, options, context);
    if (!pull || !more_progress_) return pull;
    return std::unique_ptr<PullStream>(
        std::make_unique<LongPull>(*std::move(pull), more_progress_));
  }
  Result<ImageInfo> findImage(const std::string& reference, const CallContext& context) override {
    return inner_->findImage(reference, context);
  }
  void* extension(std::string_view name) noexcept override { return inner_->extension(name); }

 private:
  class Typed final : public Console {
   public:
    Typed(std::unique_ptr<Console> inner, ContainerId id, OnInput told)
        : inner_(std::move(inner)), id_(std::move(id)), told_(std::move(told)) {}
    Result<void> write(std::string_view bytes, const CallContext& context) override {
      auto written = inner_->write(bytes, context);
      if (written && told_) told_(id_, bytes);
      return written;
    }
    Result<void> closeInput(const CallContext& context) override {
      return inner_->closeInput(context);
    }
    Result<std::optional<Output>> next(const CallContext& context) override {
      return inner_->next(context);
    }
    int pollFd() const noexcept override { return inner_->pollFd(); }
    void cancel() noexcept override { inner_->cancel(); }

   private:
    const std::unique_ptr<Console> inner_;
    const ContainerId id_;
    const OnInput told_;
  };

  class LongPull final : public PullStream {
   public:
    LongPull(std::unique_ptr<PullStream> inner, MoreProgress more)
        : inner_(std::move(inner)), more_(std::move(more)) {}
    Result<std::optional<PullProgress>> next(const CallContext& context) override {
      if (auto progress = more_()) return progress;
      return inner_->next(context);
    }
    int pollFd() const noexcept override { return -1; }
    void cancel() noexcept override { inner_->cancel(); }

   private:
    const std::unique_ptr<PullStream> inner_;
    const MoreProgress more_;
  };

  static HostContext hostOf(const std::shared_ptr<ContainerRuntime>& inner) {
    HostContext host;
    host.clock = std::shared_ptr<Clock>(inner, &inner->clock());
    return host;
  }

  template <class Answer>
  Answer through(Primitive primitive, Answer answer) {
    std::shared_ptr<Gate> gate;
    {
      const std::lock_guard lock(mutex_);
      const auto found = gates_.find(primitive);
      if (found == gates_.end()) return answer;
      gate = std::move(found->second);
      gates_.erase(found);
    }
    gate->held_.set_value();
    if (auto instead = gate->opened_.get_future().get()) return *instead;
    return answer;
  }

  const std::shared_ptr<ContainerRuntime> inner_;
  OnInput on_input_;
  MoreProgress more_progress_;
  std::mutex mutex_;
  std::map<Primitive, std::shared_ptr<Gate>> gates_;
  std::atomic<bool> is_left_next_{false};
  std::optional<ContainerId> left_;
};

}  // namespace control::test
