#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace control::test {

/// The daemon of a private engine (tests/engines), to be frozen, killed and started again just as
/// it was, in the same namespaces.
class EngineProcess {
 public:
  /// `directory`: the engine's; `name`: its daemon, as "dockerd".
  EngineProcess(std::string directory, std::string name);
  ~EngineProcess();
  EngineProcess(const EngineProcess&) = delete;
  EngineProcess& operator=(const EngineProcess&) = delete;

  pid_t pid() const noexcept { return pid_; }
  void signal(int number) const;
  /// From the return on, it is killed when one of its threads makes its `nth` call of `calls`
  /// ("fsync,fdatasync").
  void killAt(const std::string& calls, int nth) const;
  /// Waits until the process has ended. Throws after a minute.
  void awaitEnd() const;
  /// Starts it anew and waits until its socket takes connections. Throws after a minute.
  void start();
  bool answers() const;

 private:
  std::string directory_;
  std::string name_;
  std::string socket_;
  std::vector<std::string> arguments_;
  std::vector<std::string> environment_;
  int network_ = -1;
  int mounts_ = -1;
  pid_t pid_ = 0;
};

}  // namespace control::test
