#pragma once

#include <memory>
#include <string>
#include <vector>

#include <libcontrol/plugin.h>
#include <libcontrol/runtime.h>

#include "bench/bench_tools.h"

namespace control::bench {

/// What is measured alike on every real engine, each figure beside a rival of the same run.
class EngineBench {
 public:
  struct Engine {
    std::string name{};  ///< for people
    std::string uri{};
    std::string socket{};
    std::string death{};   ///< the engine's name for the event of a container's end
    std::string prefix{};  ///< of its API's paths: "/v1.41"; empty: "/v" and the API's version
    const PluginDescriptor* plugin = nullptr;
  };

  EngineBench(Engine engine, std::size_t count);
  virtual ~EngineBench();
  EngineBench(const EngineBench&) = delete;
  EngineBench& operator=(const EngineBench&) = delete;

  void run();

 protected:
  /// Rows of one engine alone.
  virtual void inspectRivals(Micros ours) = 0;
  virtual void statistics() = 0;

  void sweep();
  std::vector<Micros> sweeps(int rounds);

  const Engine& engine() const noexcept { return engine_; }
  const std::vector<ContainerId>& ids() const noexcept { return ids_; }

 private:
  ContainerId startOne(const std::string& name);
  void inspect();
  void exits();

  Engine engine_;
  const std::size_t count_;
  std::shared_ptr<ContainerRuntime> runtime_;
  std::vector<ContainerId> ids_;
};

/// The number of containers on the command line; ends the program when it makes no sense.
std::size_t containersAsked(int argc, char** argv, int otherwise);

}  // namespace control::bench
