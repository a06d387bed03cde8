#pragma once

#include <array>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/call.h>
#include <libcontrol/streams.h>
#include <libcontrol/types.h>

#include "mock/mock_labels.h"
#include "mock/mock_script.h"

namespace control::mock {

struct ProcessEnd {
  int exit_code = 0;
  std::optional<Signal> signal{};
  bool oom = false;
};

/// The kernel killed it for lack of memory.
inline constexpr ProcessEnd kOomEnd{.exit_code = 137, .signal = Signal::kill(), .oom = true};

/// A process that follows a program and labels, told from outside what time does to it. It owns no
/// thread and no lock: whoever holds it makes its calls one at a time.
class Process {
 public:
  /// One pending moment each.
  enum class Timer : std::size_t { kScript, kOutput, kRunFor, kCrash, kOom, kStop };
  static constexpr std::size_t kTimers = 6;

  /// The surroundings. Calls come from within the process's own calls.
  class Host {
   public:
    virtual ~Host() = default;
    virtual TimePoint now() const = 0;
    virtual void print(OutputSource source, std::string_view bytes) = 0;
    /// Replaces an earlier moment; timer() is called then.
    virtual void setTimer(Timer timer, TimePoint at) = 0;
    virtual void clearTimer(Timer timer) = 0;
    /// Once, as the last call. The process stays until its own call has returned.
    virtual void ended(const ProcessEnd& end) = 0;
  };

  struct Options {
    /// Process 1 of a container. The kernel keeps signals from it that it has no handler for.
    bool first = true;
    /// It runs under an init, which passes signals on and ends with 128 + N.
    bool init = false;
    bool input_open = false;
  };

  /// `program` and `behaviour` outlive it.
  Process(const Program& program, const Behaviour& behaviour, Options options, Host& host);

  void start();
  void signal(Signal signal);
  void timer(Timer timer);
  void input(std::string_view bytes);
  void closeInput();
  /// Ends it from outside, whatever it does.
  void end(const ProcessEnd& end);

  bool alive() const noexcept { return alive_; }
  /// It uses a core all the time.
  bool busy() const noexcept { return busy_; }

 private:
  enum class Blocked { kNo, kSleep, kWait, kInput, kServing, kSpinning };
  struct Frame {
    const Block* block;
    std::size_t next = 0;
    bool loop = false;
  };

  void run();
  bool step();
  void execute(const Statement& statement);
  void sleep(const Statement& statement);
  void waitForChildren();
  void becomeChild();
  void wrapAround(Frame& frame);
  void takeTrap();
  bool interruptible() const;

  bool handledByLabels(Signal signal);
  void defaultAction(Signal signal);
  void serverSignal(Signal signal);
  void endGracefully(const ProcessEnd& end);
  void startLabels();
  void schedule(Timer timer, const std::optional<Duration>& delay);
  void printLabels();

  const Program& program_;
  const Behaviour& behaviour_;
  const Options options_;
  Host& host_;

  bool alive_ = false;
  bool busy_ = false;
  bool input_open_;
  Blocked blocked_ = Blocked::kNo;
  bool replaced_ = false;  // exec: the shell is gone, and its handlers with it
  std::vector<Frame> frames_;
  std::map<int, const Block*> traps_;  // into program_; an empty block: ignored
  std::deque<int> caught_;
  std::vector<std::optional<TimePoint>> children_;  // when they end; nullopt: never
  int status_ = 0;
  bool time_passed_ = false;
  bool printed_ = false;
  std::string unread_;
  std::optional<ProcessEnd> ending_;
};

}  // namespace control::mock
