#include "bench/engine_bench.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <mutex>
#include <optional>
#include <thread>

#include <libcontrol/loader.h>

#include "bench/raw_client.h"
#include "engines/docker_fixture.h"

namespace control::bench {

EngineBench::EngineBench(Engine engine, std::size_t count)
    : engine_(std::move(engine)), count_(count) {
  const PluginDescriptor* const linked[] = {engine_.plugin};
  runtime_ = must(loadRuntime(engine_.uri, {.linked_plugins = linked}), "open");
  if (engine_.prefix.empty()) engine_.prefix = "/v" + must(runtime_->info({}), "info").api_version;
}

EngineBench::~EngineBench() {
  std::vector<std::thread> workers;
  std::atomic<std::size_t> next{0};
  for (int i = 0; i < 2; ++i)
    workers.emplace_back([&] {
      for (std::size_t one; (one = next++) < ids_.size();) {
        (void)runtime_->kill(ids_[one], {});
        (void)runtime_->remove(ids_[one], {.force = true}, {});
      }
    });
  for (auto& worker : workers) worker.join();
}

void EngineBench::run() {
  std::cerr << "starting " << count_ << " containers...\n";
  for (std::size_t i = 0; i < count_; ++i) startOne("control-bench-" + std::to_string(i));
  const RuntimeInfo info = must(runtime_->info({}), "info");
  std::printf("%s %s (API %s), kernel %s, cgroup v%d, %ld processors, %zu containers\n\n",
              engine_.name.c_str(), info.version.c_str(), info.api_version.c_str(),
              info.kernel_version.c_str(), info.cgroup_version, ::sysconf(_SC_NPROCESSORS_ONLN),
              count_);
  std::printf("| what | libcontrol | rival | ratio | goal |\n|---|---|---|---|---|\n");
  inspect();
  statistics();
  exits();
}

ContainerId EngineBench::startOne(const std::string& name) {
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

void EngineBench::inspect() {
  const ContainerId id = ids_.front();
  RawClient raw(engine_.socket);
  const std::string target = engine_.prefix + "/containers/" + id.value + "/json";
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
  row("typed inspect against a raw socket that parses nothing, p50", micros(percentile(ours, 0.5)),
      micros(percentile(rival, 0.5)), percentile(ours, 0.5) / percentile(rival, 0.5),
      "at most 1.10");
  row("the same, p99", micros(percentile(ours, 0.99)), micros(percentile(rival, 0.99)),
      percentile(ours, 0.99) / percentile(rival, 0.99), "");
  inspectRivals(percentile(ours, 0.5));
}

void EngineBench::sweep() {
  for (const auto& sample : runtime_->stats(ids_, {}))
    if (!sample || !sample->memory_usage_bytes || !sample->cpu_time) {
      std::cerr << "a sample is missing: " << (sample ? "figures" : sample.error().message) << '\n';
      std::exit(1);
    }
}

std::vector<Micros> EngineBench::sweeps(int rounds) {
  std::vector<Micros> times;
  for (int i = 0; i < rounds; ++i) times.push_back(timed([&] { sweep(); }));
  return times;
}

void EngineBench::exits() {
  RawClient events(engine_.socket);
  events.open(engine_.prefix +
              "/events?filters=%7B%22type%22%3A%5B%22container%22%5D%2C%22event%22%3A%5B%22" +
              engine_.death + "%22%5D%7D");
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
  row("exit noticed against the engine's `" + engine_.death + "` event, p50",
      micros(percentile(ours, 0.5)), micros(percentile(rival, 0.5)),
      percentile(rival, 0.5) / percentile(ours, 0.5), "at least 10");
  row("the same, p99", micros(percentile(ours, 0.99)), micros(percentile(rival, 0.99)),
      percentile(rival, 0.99) / percentile(ours, 0.99), "");
  std::printf("\nExit code known at that moment: %d of %d.\n", with_code, kRounds);
}

std::size_t containersAsked(int argc, char** argv, int otherwise) {
  const int count = argc > 1 ? std::atoi(argv[1]) : otherwise;
  if (count < 1 || count > 1000) {
    std::cerr << "usage: " << argv[0] << " [containers: 1 to 1000, default " << otherwise << "]\n";
    std::exit(2);
  }
  return static_cast<std::size_t>(count);
}

}  // namespace control::bench
