// What libcontrol costs on a real Docker engine, each figure beside a rival measured in the same
// run. Prints a table in Markdown. Not part of the tests: timings are reported, never asserted.
//
//   docker_bench [containers]      needs what tests/engines needs, and the `docker` command

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "bench/engine_bench.h"
#include "bench/raw_client.h"
#include "docker/docker_plugin.h"
#include "engines/docker_fixture.h"

namespace control::bench {
namespace {

/// CPU seconds used so far by this process and by the engine's: dockerd, containerd, the shims.
double cpuSeconds(const std::string& engine_directory) {
  double ticks = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string pid = entry.path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos) continue;
    std::ifstream command_file(entry.path() / "cmdline");
    const std::string command((std::istreambuf_iterator<char>(command_file)), {});
    const bool engine =
        command.find(engine_directory) != std::string::npos &&
        (command.starts_with("dockerd") || command.find("containerd") != std::string::npos);
    if (!engine && pid != std::to_string(::getpid())) continue;
    std::ifstream stat_file(entry.path() / "stat");
    std::string stat((std::istreambuf_iterator<char>(stat_file)), {});
    std::istringstream fields(stat.substr(std::min(stat.rfind(')') + 1, stat.size())));
    std::string skipped;
    for (int i = 0; i < 11; ++i) fields >> skipped;
    double user = 0;
    double system = 0;
    fields >> user >> system;
    ticks += user + system;
  }
  return ticks / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

class DockerBench : public EngineBench {
 public:
  explicit DockerBench(std::size_t count)
      : EngineBench({.name = "Docker",
                     .uri = test::dockerUri(),
                     .socket = test::dockerSocket(),
                     .death = "die",
                     .plugin = &docker::descriptor()},
                    count) {}

 private:
  void inspectRivals(Micros ours) override {
    std::vector<Micros> cli;
    for (int i = 0; i < 10; ++i)
      cli.push_back(
          commandTime("docker -H unix://" + engine().socket + " inspect " + ids().front().value));
    row("`docker inspect` against typed inspect, p50", micros(ours), micros(percentile(cli, 0.5)),
        percentile(cli, 0.5) / ours, "at least 20");
  }

  void oneShotAll() {
    std::vector<std::thread> threads;
    std::atomic<std::size_t> next{0};
    const std::size_t parallel = std::min<std::size_t>(ids().size(), 100);
    for (std::size_t i = 0; i < parallel; ++i)
      threads.emplace_back([&] {
        RawClient client(engine().socket);
        for (std::size_t one; (one = next++) < ids().size();)
          client.get(engine().prefix + "/containers/" + ids()[one].value +
                     "/stats?stream=false&one-shot=true");
      });
    for (auto& thread : threads) thread.join();
  }

  void statistics() override {
    const std::string directory = std::filesystem::path(engine().socket).parent_path();
    const Micros cold = timed([&] { sweep(); });
    const std::vector<Micros> ours = sweeps(50);
    std::vector<Micros> cli;
    for (int i = 0; i < 5; ++i)
      cli.push_back(commandTime("docker -H unix://" + engine().socket + " stats --no-stream"));
    std::vector<Micros> parallel;
    for (int i = 0; i < 5; ++i) parallel.push_back(timed([&] { oneShotAll(); }));
    const std::string count = std::to_string(ids().size());
    row("statistics of " + count + " against `docker stats --no-stream`, p50",
        micros(percentile(ours, 0.5)), micros(percentile(cli, 0.5)),
        percentile(cli, 0.5) / percentile(ours, 0.5), "at least 150");
    row("the same, first sweep (descriptors opened)", micros(cold), micros(percentile(cli, 0.5)),
        percentile(cli, 0.5) / cold, "");
    row("against parallel one-shot API calls, p50", micros(percentile(ours, 0.5)),
        micros(percentile(parallel, 0.5)), percentile(parallel, 0.5) / percentile(ours, 0.5), "");

    constexpr int kSweeps = 200;
    constexpr int kRivalSweeps = 4;
    const double start = cpuSeconds(directory);
    for (int i = 0; i < kSweeps; ++i) sweep();
    const double middle = cpuSeconds(directory);
    for (int i = 0; i < kRivalSweeps; ++i) oneShotAll();
    const double end = cpuSeconds(directory);
    const double mine = (middle - start) / kSweeps * 1e6;
    const double theirs = (end - middle) / kRivalSweeps * 1e6;
    row("CPU of one sweep, engine and ours, against parallel one-shot", micros(mine),
        micros(theirs), theirs / mine, "at least 50");
  }
};

}  // namespace
}  // namespace control::bench

int main(int argc, char** argv) {
  control::bench::DockerBench(control::bench::containersAsked(argc, argv, 100)).run();
}
