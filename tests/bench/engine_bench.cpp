// What libcontrol costs on a real Docker engine, each figure beside a rival measured in the same
// run. Prints a table in Markdown. Not part of the tests: timings are reported, never asserted.
//
//   engine_bench [containers]      needs what tests/engines needs, and the `docker` command

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iostream>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <libcontrol/loader.h>

#include "bench/raw_client.h"
#include "docker/docker_plugin.h"
#include "engines/docker_fixture.h"

namespace control::bench {
namespace {

using namespace std::chrono_literals;
using Micros = double;

Micros since(TimePoint start) {
  return std::chrono::duration<double, std::micro>(systemClock()->now() - start).count();
}

Micros percentile(std::vector<Micros> values, double part) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(part * static_cast<double>(values.size() - 1)));
}

Micros timed(const std::function<void()>& action) {
  const TimePoint start = systemClock()->now();
  action();
  return since(start);
}

template <class T>
T must(Result<T> result, const char* what) {
  if (result) return std::move(*result);
  std::cerr << what << ": " << result.error().message << '\n';
  std::exit(1);
}

void row(const std::string& what, const std::string& ours, const std::string& rival, double ratio,
         const std::string& goal) {
  std::printf("| %s | %s | %s | %.2f | %s |\n", what.c_str(), ours.c_str(), rival.c_str(), ratio,
              goal.c_str());
  std::fflush(stdout);
}

std::string micros(Micros value) {
  char text[32];
  std::snprintf(text, sizeof text, value < 10'000 ? "%.0f us" : "%.1f ms",
                value < 10'000 ? value : value / 1000);
  return text;
}

Micros commandTime(const std::string& command) {
  return timed([&] {
    if (std::system((command + " >/dev/null 2>&1").c_str()) != 0) {
      std::cerr << "failed: " << command << '\n';
      std::exit(1);
    }
  });
}

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

class Bench {
 public:
  explicit Bench(std::size_t count) : count_(count) {
    static const PluginDescriptor* const kLinked[] = {&docker::descriptor()};
    runtime_ = must(loadRuntime(test::dockerUri(), {.linked_plugins = kLinked}), "docker");
    socket_ = test::dockerSocket();
    api_ = must(runtime_->info({}), "info").api_version;
  }

  ~Bench() {
    std::vector<std::thread> workers;
    std::atomic<std::size_t> next{0};
    for (int i = 0; i < 2; ++i)
      workers.emplace_back([&] {
        for (std::size_t one; (one = next++) < ids_.size();)
          (void)runtime_->remove(ids_[one], {.force = true}, {});
      });
    for (auto& worker : workers) worker.join();
  }

  void run() {
    std::cerr << "starting " << count_ << " containers...\n";
    for (std::size_t i = 0; i < count_; ++i) startOne("control-bench-" + std::to_string(i));
    const RuntimeInfo info = must(runtime_->info({}), "info");
    std::printf("Docker %s (API %s), kernel %s, cgroup v%d, %ld processors, %zu containers\n\n",
                info.version.c_str(), info.api_version.c_str(), info.kernel_version.c_str(),
                info.cgroup_version, ::sysconf(_SC_NPROCESSORS_ONLN), count_);
    std::printf("| what | libcontrol | rival | ratio | goal |\n|---|---|---|---|---|\n");
    inspect();
    statistics();
    exits();
  }

 private:
  ContainerId startOne(const std::string& name) {
    ContainerSpec spec;
    spec.name = name;
    spec.image = test::kTestImage;
    spec.command = {"sleep", "100000"};
    spec.network = NetworkMode::kNone;
    spec.limits.memory_bytes = 64 << 20;
    (void)runtime_->remove({name}, {.force = true}, {});
    ids_.push_back(must(runtime_->create(spec, {}), "create").id);
    must(runtime_->start(ids_.back(), {}), "start");
    return ids_.back();
  }

  void inspect() {
    const ContainerId id = ids_.front();
    RawClient raw(socket_);
    const std::string target = "/v" + api_ + "/containers/" + id.value + "/json";
    std::vector<Micros> ours;
    std::vector<Micros> rival;
    constexpr int kRounds = 40;
    constexpr int kBatch = 100;
    // ABBA: what drifts, drifts for both.
    for (int round = 0; round < kRounds; ++round) {
      for (int side = 0; side < 2; ++side) {
        const bool mine = (round + side) % 2 == 0;
        for (int i = 0; i < kBatch; ++i)
          (mine ? ours : rival).push_back(timed([&] {
            if (mine)
              must(runtime_->inspect(id, {}), "inspect");
            else
              raw.get(target);
          }));
      }
    }
    row("typed inspect against a raw socket that parses nothing, p50",
        micros(percentile(ours, 0.5)), micros(percentile(rival, 0.5)),
        percentile(ours, 0.5) / percentile(rival, 0.5), "at most 1.10");
    row("the same, p99", micros(percentile(ours, 0.99)), micros(percentile(rival, 0.99)),
        percentile(ours, 0.99) / percentile(rival, 0.99), "");
    std::vector<Micros> cli;
    for (int i = 0; i < 10; ++i)
      cli.push_back(commandTime("docker -H unix://" + socket_ + " inspect " + id.value));
    row("`docker inspect` against typed inspect, p50", micros(percentile(ours, 0.5)),
        micros(percentile(cli, 0.5)), percentile(cli, 0.5) / percentile(ours, 0.5), "at least 20");
  }

  void oneShotAll() {
    std::vector<std::thread> threads;
    std::atomic<std::size_t> next{0};
    const std::size_t parallel = std::min<std::size_t>(ids_.size(), 100);
    for (std::size_t i = 0; i < parallel; ++i)
      threads.emplace_back([&] {
        RawClient client(socket_);
        for (std::size_t one; (one = next++) < ids_.size();)
          client.get("/v" + api_ + "/containers/" + ids_[one].value +
                     "/stats?stream=false&one-shot=true");
      });
    for (auto& thread : threads) thread.join();
  }

  void sweep() {
    for (const auto& sample : runtime_->stats(ids_, {}))
      if (!sample || !sample->memory_usage_bytes || !sample->cpu_time) {
        std::cerr << "a sample is missing: " << (sample ? "figures" : sample.error().message)
                  << '\n';
        std::exit(1);
      }
  }

  void statistics() {
    const std::string directory = std::filesystem::path(socket_).parent_path();
    const Micros cold = timed([&] { sweep(); });
    std::vector<Micros> ours;
    for (int i = 0; i < 50; ++i) ours.push_back(timed([&] { sweep(); }));
    std::vector<Micros> cli;
    for (int i = 0; i < 5; ++i)
      cli.push_back(commandTime("docker -H unix://" + socket_ + " stats --no-stream"));
    std::vector<Micros> parallel;
    for (int i = 0; i < 5; ++i) parallel.push_back(timed([&] { oneShotAll(); }));
    const std::string count = std::to_string(ids_.size());
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

  void exits() {
    RawClient events(socket_);
    events.open(
        "/v" + api_ +
        "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22die%22%5D%7D");
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<TimePoint> died;
    std::string awaited;
    std::atomic<bool> ending{false};
    std::thread reader([&] {
      for (std::string text; !(text = events.readSome()).empty() && !ending;) {
        const TimePoint now = systemClock()->now();
        const std::lock_guard lock(mutex);
        if (!awaited.empty() && text.find(awaited) != std::string::npos) died = now;
        changed.notify_all();
      }
    });
    std::vector<Micros> ours;
    std::vector<Micros> rival;
    int with_code = 0;
    constexpr int kRounds = 30;
    for (int i = 0; i < kRounds; ++i) {
      const ContainerId id = startOne("control-bench-exit");
      const int pid = must(runtime_->inspect(id, {}), "inspect").pid.value_or(0);
      auto watch = must(runtime_->watchExit(id, {}), "watchExit");
      {
        const std::lock_guard lock(mutex);
        awaited = id.value;
        died.reset();
      }
      const TimePoint killed = systemClock()->now();
      ::kill(pid, SIGKILL);
      const ExitStatus exit = must(watch->noticed({}), "noticed");
      ours.push_back(since(killed));
      if (exit.exit_code == 137) ++with_code;
      std::unique_lock lock(mutex);
      changed.wait(lock, [&] { return died.has_value(); });
      rival.push_back(std::chrono::duration<double, std::micro>(*died - killed).count());
      awaited.clear();
      lock.unlock();
      must(watch->exited({}), "exited");
      watch.reset();
      must(runtime_->remove(id, {}, {}), "remove");
      ids_.pop_back();
    }
    // One more death wakes the reader so that it can end.
    ending = true;
    const ContainerId last = startOne("control-bench-exit");
    (void)runtime_->kill(last, {});
    reader.join();
    row("exit noticed against Docker's `die` event, p50", micros(percentile(ours, 0.5)),
        micros(percentile(rival, 0.5)), percentile(rival, 0.5) / percentile(ours, 0.5),
        "at least 10");
    row("the same, p99", micros(percentile(ours, 0.99)), micros(percentile(rival, 0.99)),
        percentile(rival, 0.99) / percentile(ours, 0.99), "");
    std::printf("\nExit code known at that moment: %d of %d.\n", with_code, kRounds);
  }

  std::size_t count_;
  std::shared_ptr<ContainerRuntime> runtime_;
  std::string socket_;
  std::string api_;
  std::vector<ContainerId> ids_;
};

}  // namespace
}  // namespace control::bench

int main(int argc, char** argv) {
  const int count = argc > 1 ? std::atoi(argv[1]) : 100;
  if (count < 1 || count > 1000) {
    std::cerr << "usage: engine_bench [containers: 1 to 1000, default 100]\n";
    return 2;
  }
  control::bench::Bench(static_cast<std::size_t>(count)).run();
}
