// What a plugin says about containers on its own host, held against the kernel and against the
// engine's API over a connection that shares no code with the plugin.

#pragma once

#include <gtest/gtest.h>
#include <libcontrol/runtime.h>

#include <array>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "real_engines/engine_under_test.h"
#include "support/results.h"

namespace control::test {

using namespace std::chrono_literals;
using SteadyClock = std::chrono::steady_clock;

ContainerRuntime& engine();

/// A container of the test image that runs a script, removed with this object.
class Container {
 public:
  explicit Container(const std::string& script, ResourceLimits limits = {}) {
    ContainerSpec spec;
    spec.image = kTestImage;
    spec.command = {"sh", "-c", script};
    spec.add_capabilities = {"NET_RAW"};  // Podman 5 gives it to nobody
    spec.limits = limits;
    id_ = must(engine().create(spec, soon())).id;
  }
  ~Container() { (void)engine().remove(id_, {.force = true}, soon()); }
  Container(const Container&) = delete;
  Container& operator=(const Container&) = delete;

  Container& start() {
    must(engine().start(id_, soon()));
    pid_ = must(engine().inspect(id_, soon())).pid.value();
    return *this;
  }

  const ContainerId& id() const { return id_; }
  int pid() const { return pid_; }
  std::unique_ptr<ExitWatch> watch() const { return must(engine().watchExit(id_, soon())); }

  Result<StatsSample> tryStats() const {
    std::vector<Result<StatsSample>> answers = engine().stats(std::array{id_}, soon());
    if (answers.size() != 1) throw std::runtime_error("not one answer for one id");
    return answers.front();
  }
  StatsSample stats() const { return must(tryStats()); }

  /// Sends a signal that process 1 handles, as soon as it does; before, it would be lost.
  void order(int signal_number) const {
    untilProcessHandles(pid_, signal_number);
    must(engine().signal(id_, {signal_number}, soon()));
  }

 private:
  ContainerId id_;
  int pid_ = 0;
};

}  // namespace control::test
