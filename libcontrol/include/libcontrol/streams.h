#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/result.h>
#include <libcontrol/types.h>

namespace control {

/// Something that arrives piece by piece and is pulled by its owner. Runtimes make streams;
/// destroying one ends it. Buffers are bounded: what had to be dropped is said by a gap item.
///
/// Threads:  next() by one thread at a time; cancel() by any thread at any moment.
/// Blocking: next() only, until its context's deadline or cancellation (250 ms at most beyond).
/// Errors:   kUnavailable: the connection was lost (never the end of what was streamed);
///           kCancelled: after cancel(), for ever. A context that ends, by its deadline or its
///           cancellation, leaves the stream usable.
template <class Item>
class Stream {
 public:
  virtual ~Stream() = default;

  /// The next item; nullopt once, and ever after, when the stream has ended.
  /// With a deadline in the past it returns what is there already, else kDeadlineExceeded.
  virtual Result<std::optional<Item>> next(const CallContext& context) = 0;

  /// A descriptor that polls readable when next() may have something to return (an item, the end,
  /// an error, cancel()). It belongs to the stream, is the same for as long as that lives, and is
  /// only to be polled. It may be readable for nothing: drain with next() and a deadline in the
  /// past until kDeadlineExceeded, then poll. -1: there is none; call next() with deadlines
  /// instead.
  virtual int pollFd() const noexcept = 0;

  virtual void cancel() noexcept = 0;
};

enum class EventType : int {
  kUnknown = 0,  ///< kept with its raw text
  kCreated = 1,
  kStarted = 2,
  kExited = 3,
  kRemoved = 4,
  kOom = 5,
  kPaused = 6,
  kUnpaused = 7,
  kRenamed = 8,
  kUpdated = 9,
  kSignalled = 10,
  kGap = 11,  ///< events were lost before this one: list again
};
std::string_view toString(EventType type) noexcept;

/// Something that happened to a container: a hint to look, not the truth. For one container the
/// order is created, started, exited, removed.
struct Event {
  EventType type = EventType::kUnknown;
  std::string raw_type{};  ///< the engine's own word
  ContainerId container{};
  std::string name{};
  std::map<std::string, std::string> labels{};
  std::optional<int> exit_code{};  ///< kExited, where the engine gives it
  std::optional<Signal> signal{};  ///< kSignalled, where the engine gives it
  WallTime at{};
};
using EventStream = Stream<Event>;

/// Every condition must hold; an empty map is no condition.
struct EventFilter {
  std::map<std::string, std::string> labels{};  ///< as ListFilter::labels
};

enum class OutputSource : int {
  kStdout = 1,
  kStderr = 2,
  kConsole = 3,  ///< a terminal's single stream
  kGap = 4,      ///< output was lost here
};

/// Bytes as the container wrote them: binary, not cut at lines.
struct Output {
  OutputSource source = OutputSource::kStdout;
  std::string bytes{};
  std::optional<WallTime> at{};  ///< with LogOptions::timestamps, where the engine keeps them
};
using LogStream = Stream<Output>;

struct LogOptions {
  bool follow = false;  ///< go on until the run ends; without it end after what is there
  bool standard_output = true;
  bool standard_error = true;
  bool timestamps = false;
  std::optional<std::int64_t> tail_lines{};  ///< absent: from the beginning
  std::optional<WallTime> since{};           ///< inclusive
  std::optional<WallTime> until{};           ///< inclusive
};

/// A pair of streams into and out of a process.
class Console : public Stream<Output> {
 public:
  /// Writes all of `bytes` to the process's stdin: the engine has them, the process may not have
  /// read them yet. What was written before an error stays written; the effect says whether
  /// anything was, nobody how much. After a context that ended the console is usable.
  /// kUnsupported: attached without stdin.
  virtual Result<void> write(std::string_view bytes, const CallContext& context) = 0;

  /// Ends stdin. Where the engine cannot end it without ending the output too, kUnsupported.
  virtual Result<void> closeInput(const CallContext& context) = 0;
};

/// Which streams to attach. An attached output that is not read stops the container in its
/// writes: attach input only and read output by logs(), except where the first byte matters.
struct AttachOptions {
  bool standard_input = true;
  bool standard_output = false;
  bool standard_error = false;
};

struct ExecSpec {
  std::vector<std::string> command{};
  std::vector<std::pair<std::string, std::string>> environment{};
  std::string working_directory{};
  std::string user{};
  bool tty = false;
  bool standard_input = false;
};

/// A process run beside process 1 of a container. Destroying a session before its output has ended
/// ends the process: the engine is asked which it is, and for 2 s at most where it does not answer.
class ExecSession : public Console {
 public:
  /// The exit code, once the output has ended (next() returned nullopt).
  /// kWrongState: before that. kNotFound: the command does not exist in the container, and exec()
  /// could not tell.
  virtual Result<int> exitCode(const CallContext& context) = 0;

  /// kUnsupported: without a terminal.
  virtual Result<void> resize(int columns, int rows, const CallContext& context) = 0;
};

/// Progress of one layer of an image, or of the pull as a whole (empty `layer`).
struct PullProgress {
  std::string layer{};
  std::string status{};  ///< the engine's own words
  std::optional<std::int64_t> current_bytes{};
  std::optional<std::int64_t> total_bytes{};
};
/// Ends with nullopt when the image is there. A failure the engine reports in the middle is an
/// error: kImageNotFound (no such image or tag), kPermissionDenied (credentials), kUnavailable
/// (registry or connection).
using PullStream = Stream<PullProgress>;

struct RegistryCredentials {
  std::string server{};
  std::string username{};
  std::string password{};
};

struct PullOptions {
  std::optional<RegistryCredentials> credentials{};
  /// Give up when the registry sends nothing for so long; there is no limit on the whole.
  Duration idle_timeout = std::chrono::seconds(120);
};

/// The end of one run, in two steps. Made by ContainerRuntime::watchExit.
/// Threads, Blocking, Errors: as Stream, of which noticed() and exited() are one next(): never two
/// of them at once. Both may be repeated and give the same answer.
class ExitWatch {
 public:
  virtual ~ExitWatch() = default;

  /// Returns as soon as anything knows that the run is over: the kernel where
  /// Capability::kExitFromKernel (about 1 ms; exit code and signal only where the kernel tells
  /// them), else the engine. The engine itself may still show the container as running.
  virtual Result<ExitStatus> noticed(const CallContext& context) = 0;

  /// Returns when the engine has recorded the exit: the container can be started or removed.
  /// kNotFound: the container was removed and the engine no longer knows how it ended; it is over.
  virtual Result<ExitStatus> exited(const CallContext& context) = 0;

  /// Polls readable when noticed() will not block, or to let it make progress: on readable call
  /// noticed() with a deadline in the past; kDeadlineExceeded means poll again. Otherwise as
  /// Stream::pollFd().
  virtual int pollFd() const noexcept = 0;

  /// Ends the watch; blocked calls and later ones return kCancelled. Nothing is sent.
  virtual void cancel() noexcept = 0;
};

}  // namespace control
