#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>

namespace control {

/// The engine's own full identifier of a container. Where a call takes one, an engine also
/// accepts the container's name.
struct ContainerId {
  std::string value;
  bool operator==(const ContainerId&) const = default;
  auto operator<=>(const ContainerId&) const = default;
};

/// One run of a container: from one start to the exit that follows. Two runs of one container
/// never compare equal.
struct RunId {
  ContainerId container{};
  /// When the run was started, as the engine recorded it; nanoseconds where the engine keeps them.
  WallTime started_at{};
  bool operator==(const RunId&) const = default;
};

/// A signal by number, real-time ones included.
struct Signal {
  int number = 15;
  bool operator==(const Signal&) const = default;

  static constexpr Signal term() { return {15}; }
  static constexpr Signal kill() { return {9}; }
  static constexpr Signal interrupt() { return {2}; }

  /// Reads "TERM", "SIGTERM", "sigterm", "15", "SIGRTMIN+3", "RTMAX-1". Signal 0 is not a signal.
  /// kInvalidArgument: anything else; the message lists what is accepted.
  static Result<Signal> parse(std::string_view text);

  /// "SIGTERM", "SIGRTMIN+3"; "SIG99" for a number without a name.
  std::string name() const;
};

enum class ContainerState : int {
  kUnknown = 0,  ///< a state nobody here has heard of; the raw text is kept beside it
  kCreated = 1,
  kRunning = 2,
  kPaused = 3,
  kRestarting = 4,  ///< the engine itself is about to restart it
  kStopping = 5,
  kExited = 6,
  kRemoving = 7,
  kDead = 8,  ///< the engine failed to remove it
};

/// "created", "running", ...
std::string_view toString(ContainerState state) noexcept;

/// How a run ended. What is not known is absent, never 0.
struct ExitStatus {
  RunId run{};
  /// 0 to 255 as the engine reports it; a process killed by signal N shows 128 + N.
  std::optional<int> exit_code{};
  /// Set where it is known that a signal ended the process (the kernel's word), not guessed from
  /// the exit code alone.
  std::optional<Signal> signal{};
  /// Whether the kernel killed a process of this container for lack of memory during the run.
  std::optional<bool> oom_killed{};
  std::optional<WallTime> finished_at{};
};

/// Limits on what a container may use; an absent field sets no limit (create) or keeps the
/// present one (update).
struct ResourceLimits {
  std::optional<std::int64_t> memory_bytes{};  ///< hard limit; engines refuse less than 6 MiB
  /// Memory plus swap; -1: no limit on swap. When memory alone is updated, what there is of swap
  /// beside it stays.
  std::optional<std::int64_t> memory_swap_bytes{};
  std::optional<std::int64_t> nano_cpus{};  ///< 1,000,000,000 is one core's worth of time
  std::optional<std::int64_t> pids{};       ///< processes and threads
  std::optional<int> io_weight{};           ///< 10 to 1000
  bool operator==(const ResourceLimits&) const = default;
};

enum class PortProtocol : int { kTcp = 0, kUdp = 1, kSctp = 2 };

/// A port of the container made reachable on the host.
struct PortMapping {
  std::uint16_t container_port = 0;
  std::uint16_t host_port = 0;  ///< 0: any free port, known after start
  PortProtocol protocol = PortProtocol::kTcp;
  std::string host_ip{};  ///< empty: all addresses
  bool operator==(const PortMapping&) const = default;
};

/// A directory of the host, or a named volume, made visible in the container.
struct Mount {
  enum class Type : int { kBind = 0, kVolume = 1, kTmpfs = 2 };
  Type type = Type::kBind;
  std::string source{};  ///< absolute host path (must exist), or volume name; unused for tmpfs
  std::string target{};  ///< absolute path in the container
  bool read_only = false;
  bool operator==(const Mount&) const = default;
};

enum class NetworkMode : int { kDefault = 0, kNone = 1, kHost = 2 };

/// Everything needed to create a container. The engine restarts nothing by itself: the
/// container carries no restart policy.
struct ContainerSpec {
  std::string name{};                     ///< two characters or more; empty: the engine chooses
  std::string image{};                    ///< full reference, as "docker.io/library/busybox:1.36"
  std::vector<std::string> entrypoint{};  ///< empty: the image's
  std::vector<std::string> command{};     ///< empty: the image's
  /// Beside the image's. A name is not empty and has no '='; which of two with one name counts is
  /// the engine's choice.
  std::vector<std::pair<std::string, std::string>> environment{};
  std::map<std::string, std::string> labels{};
  /// Absolute. Docker and Podman make one that is missing; with others the start may fail.
  std::string working_directory{};
  std::string user{};
  std::string hostname{};
  bool tty = false;
  bool open_stdin = false;              ///< keep stdin open so that attach can write to the process
  std::optional<Signal> stop_signal{};  ///< absent: the image's, else SIGTERM
  /// Kept as it is, or rounded up to whole seconds, as Docker and Podman do.
  std::optional<Duration> stop_timeout{};
  ResourceLimits limits{};
  std::vector<PortMapping> ports{};
  std::vector<Mount> mounts{};
  NetworkMode network = NetworkMode::kDefault;
  bool no_new_privileges = false;
  bool init = false;  ///< run the engine's init as process 1
  bool read_only_root = false;
  /// Capabilities (with or without "CAP_", or "ALL") to take away and then to give.
  std::vector<std::string> drop_capabilities{};
  std::vector<std::string> add_capabilities{};
  std::string log_driver{};  ///< empty: the engine's default
  std::map<std::string, std::string> log_options{};
  /// Keep about so much of the latest output, in the way that suits the engine best. Not together
  /// with a driver or options; inspect shows those chosen.
  std::optional<std::int64_t> log_limit_bytes{};
  /// Options that one engine alone understands. kInvalidArgument for a key it does not know.
  std::map<std::string, std::string> engine_options{};
};

struct CreatedContainer {
  ContainerId id{};
  /// What the engine accepted but will not do (a limit that the kernel does not support).
  std::vector<std::string> warnings{};
};

/// What the check that an image brings along (HEALTHCHECK) says of a container.
struct Health {
  enum class State : int { kUnknown = 0, kStarting = 1, kHealthy = 2, kUnhealthy = 3 };
  State state = State::kUnknown;
  std::string raw_state{};  ///< the engine's own word
  /// A result of the check is on record. Podman leaves the running of checks to systemd: where that
  /// is not there, none ever is.
  bool checked = false;
  std::optional<Duration> interval{};  ///< between two checks; absent: the engine's usual one
};

/// What an engine says about one container at one moment.
struct ContainerInfo {
  ContainerId id{};
  /// What it was created from, with what the image added: creating from it again gives a container
  /// like this one. Ports as bound while it runs, as asked for otherwise.
  ContainerSpec spec{};
  std::string image_id{};
  ContainerState state = ContainerState::kUnknown;
  std::string raw_state{};   ///< the engine's own word
  std::string error{};       ///< the engine's word on a failed start; empty otherwise
  std::optional<int> pid{};  ///< host process id of process 1 while it runs
  std::optional<WallTime> created_at{};
  std::optional<WallTime> started_at{};   ///< start of the latest run; absent when never started
  std::optional<WallTime> finished_at{};  ///< end of the latest finished run
  std::optional<ExitStatus> exit{};       ///< of the latest run, when it is over
  std::optional<bool> oom_killed{};       ///< of the latest run, running or not
  std::optional<Health> health{};         ///< while it runs; absent: its image has no check

  /// A process of this container exists (running, paused or stopping).
  bool running() const noexcept {
    return state == ContainerState::kRunning || state == ContainerState::kPaused ||
           state == ContainerState::kStopping;
  }
};

/// One row of a list: what an engine gives without a look at each container.
struct ContainerSummary {
  ContainerId id{};
  std::string name{};
  std::string image{};
  ContainerState state = ContainerState::kUnknown;
  std::string raw_state{};
  std::optional<WallTime> created_at{};
  std::map<std::string, std::string> labels{};
};

/// Every condition must hold; an empty list is no condition.
struct ListFilter {
  /// Labels a container must carry; an empty value asks for the key alone.
  std::map<std::string, std::string> labels{};
  std::vector<ContainerState> states{};
};

struct ImageInfo {
  std::string id{};
  std::vector<std::string> references{};
  std::int64_t size_bytes = 0;
  std::optional<Signal> stop_signal{};
};

/// What an engine can do beyond the minimum (info, create, start, signal, watchExit, remove,
/// inspect, list, findImage). A call or a specification that needs what is absent fails with
/// kUnsupported and changes nothing.
enum class Capability : int {
  kStats = 1,            ///< stats()
  kStatsFromKernel = 2,  ///< a sample costs microseconds, not the engine's second
  kExitFromKernel = 3,   ///< exits are noticed before the engine reports them
  kOomReport = 4,        ///< ExitStatus::oom_killed is set
  kUpdate = 5,           ///< update()
  kLogs = 6,             ///< logs()
  kAttach = 7,           ///< attach(), and ContainerSpec::open_stdin
  kExec = 8,             ///< exec()
  kEvents = 9,           ///< events()
  kPull = 10,            ///< pull()
  kPorts = 11,           ///< ContainerSpec::ports
  kTty = 12,             ///< a terminal: ContainerSpec::tty, ExecSpec::tty, resize()
};

/// "stats", "exit_from_kernel", ...
std::string_view toString(Capability capability) noexcept;

struct RuntimeInfo {
  std::string engine{};       ///< "docker", "mock"
  std::string version{};      ///< of the engine
  std::string api_version{};  ///< the one in use; empty where there is none
  std::string endpoint{};     ///< without secrets
  // Empty where the engine does not say:
  std::string os{};
  std::string architecture{};
  std::string kernel_version{};
  int cgroup_version = 0;  ///< 1 or 2; 0: unknown
  std::vector<Capability> capabilities{};

  bool has(Capability capability) const noexcept {
    for (Capability one : capabilities)
      if (one == capability) return true;
    return false;
  }
};

enum class StartOutcome : int { kStarted = 0, kAlreadyRunning = 1 };
enum class SignalOutcome : int { kDelivered = 0, kNotRunning = 1 };
enum class RemoveOutcome : int { kRemoved = 0, kAbsent = 1 };
enum class StopOutcome : int {
  kAbsent = 0,          ///< there is no such container
  kAlreadyStopped = 1,  ///< it was not running
  kStopped = 2,         ///< it ended by itself or by the signal, within the timeout
  kKilled = 3,          ///< SIGKILL ended it
};
std::string_view toString(StopOutcome outcome) noexcept;

struct RemoveOptions {
  bool force = false;             ///< kill it first if it runs
  bool anonymous_volumes = true;  ///< remove volumes without a name with it; named ones always stay
};

}  // namespace control
