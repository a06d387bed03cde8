#pragma once

#include <functional>
#include <string>

#include <libcontrol/runtime.h>

namespace nightly {

/// A container that has to run to its end every night.
struct Job {
  control::ContainerSpec container{};                     ///< its name is the job's name
  control::Duration window = std::chrono::hours(4);       ///< it may take so long
  control::Duration grace = std::chrono::seconds(30);     ///< and then so long to end on SIGTERM
  int attempts = 3;                                       ///< for a job that fails by itself
  control::Duration pause = std::chrono::minutes(1);      ///< before the next attempt
  control::Duration patience = std::chrono::minutes(15);  ///< for an engine that is away
};

enum class Outcome {
  kDone,
  kFailed,   ///< the last attempt failed too, or the engine refuses the job
  kOverran,  ///< it was stopped at the end of its window
  kLost,     ///< the engine stayed away; the job may run on
};

/// Runs jobs on an engine and tells an operator what happens, a line at a time.
class JobRunner {
 public:
  using Notify = std::function<void(const std::string& line)>;

  JobRunner(control::ContainerRuntime& engine, Notify notify);

  /// Runs `job` on this thread until it is over, however that comes.
  Outcome run(const Job& job);

 private:
  enum class Attempt { kDone, kFailed, kRefused, kOverran, kLost };

  Attempt attempt(const Job& job);
  Attempt judge(const control::ExitStatus& exit);
  Attempt overran(const Job& job, const control::ContainerId& id);
  control::Result<control::ExitStatus> waitForEnd(const Job& job, const control::ContainerId& id);
  bool engineComesBack(const Job& job);
  void pause(control::Duration length);
  /// A deadline for one question to the engine.
  control::CallContext soon() const;

  control::ContainerRuntime& engine_;
  Notify notify_;
};

}  // namespace nightly
