#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/plugin.h>
#include <libcontrol/result.h>
#include <libcontrol/stats.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

namespace control {

/// How to end a container.
struct StopOptions {
  /// Absent: the container's own stop signal, else SIGTERM.
  std::optional<Signal> signal{};
  /// How long the process may take before SIGKILL, to the nanosecond. 0: SIGKILL at once, without
  /// the signal. Absent: the container's own stop timeout, else 10 s.
  std::optional<Duration> timeout{};
  /// False: the signal was sent before; only wait for the timeout and kill.
  bool send_signal = true;
  /// How long the engine may take to report the end of a process after SIGKILL.
  Duration kill_timeout = std::chrono::seconds(15);
};

struct StopReport {
  StopOutcome outcome = StopOutcome::kAbsent;
  std::optional<ExitStatus>
      exit{};  ///< of the run that was ended; of the last one when it was over before
};

struct RestartReport {
  StopReport stop{};
  StartOutcome start = StartOutcome::kStarted;
};

/// A container that was created and started.
struct RunningContainer {
  ContainerId id{};
  std::vector<std::string> warnings{};
  std::unique_ptr<ExitWatch> exit{};  ///< armed before the start: misses nothing
};

enum class PullPolicy : int {
  kIfMissing = 0,
  kAlways = 1,  ///< a failed pull with the image present falls back to it
  kNever = 2,
};

struct ImageReport {
  ImageInfo image{};
  bool pulled = false;
  std::optional<Error> pull_error{};  ///< the pull failed and the image that was there is used
};

/// One container engine, reduced to the operations this library performs.
/// Plugins implement the primitives; embedders and the agent call them and the operations
/// composed of them, which are the same code on every engine.
///
/// A runtime holds no facts about containers: identity is the engine's id and our labels.
/// Destroying a runtime touches no container.
///
/// Threads:  any method may run on any thread, alongside any other method. All streams and watches
///           must be destroyed before the runtime that made them.
/// Blocking: a call returns at the latest 250 ms after its context's deadline or cancellation.
/// Errors:   nothing throws. Every call can fail with kUnavailable, kDeadlineExceeded, kCancelled,
///           kPermissionDenied, kInternal; more are listed per method. Effect kNone is a promise:
///           a call that was sent and not answered, for whatever reason, and that may have changed
///           something fails with kUnknown.
class ContainerRuntime {
 public:
  virtual ~ContainerRuntime() = default;
  ContainerRuntime(const ContainerRuntime&) = delete;
  ContainerRuntime& operator=(const ContainerRuntime&) = delete;

  // ---- Primitives: what a plugin implements. ----

  /// What the engine is and can do. Cheap after the first call, except that it asks the engine
  /// whether it is there.
  virtual Result<RuntimeInfo> info(const CallContext& context) = 0;

  /// Creates a container and does not start it.
  /// kAlreadyExists: the name is taken. kImageNotFound: pull it first. kInvalidArgument: a value
  /// that is refused, by us or by the engine, or an unknown key of engine_options. kUnsupported: a
  /// field that this engine cannot honour whatever its value, as one that needs a capability which
  /// info() does not list. Nothing of the specification is left out without a word. Effect
  /// kUnknown: find it by name.
  virtual Result<CreatedContainer> create(const ContainerSpec& spec,
                                          const CallContext& context) = 0;

  /// Starting a container that runs already succeeds and changes nothing.
  /// kNotFound. kWrongState: paused, or being removed. kStartFailed: the engine tried and the
  /// process did not start; inspect says why. kPortConflict: a host port is taken. Both leave the
  /// container as it was before, effect kNone: it may be started again.
  virtual Result<StartOutcome> start(const ContainerId& id, const CallContext& context) = 0;

  /// Sends a signal to process 1. A container that does not run is an outcome. kNotFound.
  /// kInvalidArgument: no such signal.
  virtual Result<SignalOutcome> signal(const ContainerId& id, Signal signal,
                                       const CallContext& context) = 0;

  /// Watches for the end of the present run, or of the next one when the container does not run.
  /// When it returns, no exit from then on is missed: arm it, then start. An exit that was over
  /// before the call is not reported. kNotFound.
  virtual Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                                       const CallContext& context) = 0;

  /// Removes a container; when it returns the name is free. An absent container is an outcome, one
  /// that is being removed already is waited for. kWrongState: it runs and `force` is not set.
  virtual Result<RemoveOutcome> remove(const ContainerId& id, const RemoveOptions& options,
                                       const CallContext& context) = 0;

  /// kNotFound.
  virtual Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) = 0;

  /// All containers that match, running or not. One that vanishes meanwhile is left out.
  virtual Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                                     const CallContext& context) = 0;

  /// One answer for each id, in order; the failure of one does not affect the others.
  /// kNotFound. kWrongState: it does not run. kUnsupported.
  virtual std::vector<Result<StatsSample>> stats(std::span<const ContainerId> ids,
                                                 const CallContext& context) = 0;

  /// Changes limits, of a running container at once. kNotFound. kInvalidArgument. kUnsupported.
  /// kWrongState: it does not run, and the engine (Podman) changes running containers only.
  virtual Result<void> update(const ContainerId& id, const ResourceLimits& limits,
                              const CallContext& context) = 0;

  /// Output from the engine's log: of all runs since the container was created, as far back as the
  /// engine keeps it. Following ends when the present run ends, with every byte delivered; of a
  /// container that does not run it ends after what is there. One that never ran may be followed
  /// through its first run or end at once, as the engine has it: start, then follow. A reader that
  /// stalls never holds up the container. kNotFound. kInvalidArgument: neither output is asked for,
  /// or a negative number of lines. kUnsupported: the log driver cannot be read.
  virtual Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                                  const CallContext& context) = 0;

  /// Connects to the streams of process 1, before its first run or during any. Detaching
  /// (destroying the console) leaves the process alone. kNotFound. kWrongState: paused; or its run
  /// is over, and the engine (Podman) does not wait for the next one: start it, then attach.
  /// kInvalidArgument: no stream is asked for. kUnsupported: stdin of a container that was created
  /// without open_stdin.
  virtual Result<std::unique_ptr<Console>> attach(const ContainerId& id,
                                                  const AttachOptions& options,
                                                  const CallContext& context) = 0;

  /// Runs a process in a running container. Destroying the session before its end kills the
  /// process where the runtime can (same host), and otherwise leaves it. kNotFound: no such
  /// container, or no such command where that is known before ExecSession::exitCode().
  /// kWrongState: the container does not run, or is paused.
  virtual Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                                    const CallContext& context) = 0;

  /// Container events from now on; the subscription is live when the call returns.
  virtual Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                                      const CallContext& context) = 0;

  /// Starts pulling an image. Destroying the stream abandons the pull.
  virtual Result<std::unique_ptr<PullStream>> pull(const std::string& reference,
                                                   const PullOptions& options,
                                                   const CallContext& context) = 0;

  /// Looks for an image on the engine's host. kImageNotFound.
  virtual Result<ImageInfo> findImage(const std::string& reference, const CallContext& context) = 0;

  /// An interface beyond this class that one engine offers (the mock's controls), by name; null
  /// when there is none of that name. It belongs to the runtime.
  virtual void* extension(std::string_view name) noexcept = 0;

  // ---- Composed operations: the same on every engine. ----

  /// Ends a container: signal, wait, SIGKILL, wait. Reports how it ended; a container that does not
  /// run or does not exist is an outcome. Returns when the engine has recorded the exit.
  /// Cancelling stops the waiting and kills nothing. A failure's effect tells whether the signal
  /// was sent: kApplied, kNone, or kUnknown where the engine's answer was lost. kDeadlineExceeded,
  /// effect kUnknown: not even SIGKILL ended it within StopOptions::kill_timeout.
  /// kInvalidArgument: a negative timeout.
  Result<StopReport> stop(const ContainerId& id, const StopOptions& options,
                          const CallContext& context);

  /// stop() with a timeout of 0.
  Result<StopReport> kill(const ContainerId& id, const CallContext& context);

  /// stop(), then start(): a new run. kNotFound.
  Result<RestartReport> restart(const ContainerId& id, const StopOptions& options,
                                const CallContext& context);

  /// The end of the present run, or of the last one when it does not run.
  /// kNotFound. kWrongState: it never ran.
  Result<ExitStatus> wait(const ContainerId& id, const CallContext& context);

  /// create(), watchExit(), start(). When the start fails the container is removed again; the
  /// effect is kUnknown when that fails too.
  Result<RunningContainer> run(const ContainerSpec& spec, const CallContext& context);

  /// Makes sure an image is there. `progress` (may be empty) is called on this thread.
  /// kImageNotFound: neither here nor at the registry.
  Result<ImageReport> ensureImage(const std::string& reference, PullPolicy policy,
                                  const PullOptions& options,
                                  const std::function<void(const PullProgress&)>& progress,
                                  const CallContext& context);

  /// extension() with its type: `T::kExtensionName` names it.
  template <class T>
  T* extension() noexcept {
    return static_cast<T*>(extension(T::kExtensionName));
  }

  /// The clock that deadlines of this runtime's calls are on.
  Clock& clock() const noexcept { return *host_.clock; }

 protected:
  explicit ContainerRuntime(HostContext host) : host_(std::move(host)) {}
  const HostContext& host() const noexcept { return host_; }

 private:
  HostContext host_;
};

}  // namespace control
