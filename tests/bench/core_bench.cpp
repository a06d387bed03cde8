// What a call costs through the core, beside the plugin's primitives called directly: on the mock
// engine, so that nothing but code runs. Each pair is measured in turn.
//
//   core_bench PLUGIN    the file of the mock's plugin

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include <libcontrol/loader.h>
#include <libcontrol/testing/fake_clock.h>

#include "mock/mock_plugin.h"

namespace control::bench {
namespace {

constexpr int kRounds = 20'000;
constexpr int kWarmUp = 1'000;

/// Without a copy: it is measured.
template <class T>
void check(const Result<T>& result, const char* what) {
  if (result) return;
  std::cerr << what << ": " << result.error().message << '\n';
  std::exit(1);
}

template <class T>
T must(Result<T> result, const char* what) {
  check(result, what);
  return std::move(result).value();
}

using Nanos = double;

Nanos timed(const std::function<void()>& work) {
  const TimePoint start = systemClock()->now();
  work();
  return static_cast<Nanos>((systemClock()->now() - start).count());
}

Nanos median(std::vector<Nanos>& samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

/// Medians of both, each after its own `prepare`.
void compare(const char* what, const std::function<void()>& through_the_core,
             const std::function<void()>& directly, const std::function<void()>& prepare) {
  std::vector<Nanos> ours;
  std::vector<Nanos> rival;
  for (int i = -kWarmUp; i < kRounds; ++i) {
    prepare();
    const Nanos one = timed(through_the_core);
    prepare();
    const Nanos other = timed(directly);
    if (i < 0) continue;
    ours.push_back(one);
    rival.push_back(other);
  }
  const Nanos mine = median(ours);
  const Nanos theirs = median(rival);
  std::printf("| %s | %.2f us | %.2f us | %+.2f us | at most 1 us more |\n", what, mine / 1000,
              theirs / 1000, (mine - theirs) / 1000);
}

class Bench {
 public:
  explicit Bench(const std::string& plugin_file) {
    loaded_ = must(loadRuntime("mock:///bench?clock=virtual",
                               {.plugin_file = plugin_file, .host = {.clock = clock_}}),
                   "load");
    // As a program would that calls the plugin itself, with no loader in between.
    HostContext host;
    host.clock = clock_;
    linked_ = must(mock::descriptor().create(
                       must(Endpoint::parse("mock:///direct?clock=virtual"), "endpoint"), host, {}),
                   "create");
    id_ = create(*loaded_);
    other_id_ = create(*linked_);
  }

  void run() {
    const auto nothing = [] {};
    std::puts("| what | libcontrol | primitives | difference | goal |\n|---|---|---|---|---|");
    compare(
        "inspect of a loaded plugin against one called without the loader, p50",
        [&] { check(loaded_->inspect(id_, {}), "inspect"); },
        [&] { check(linked_->inspect(other_id_, {}), "inspect"); }, nothing);
    compare(
        "stop of a stopped container against its inspect, p50",
        [&] { check(loaded_->stop(id_, {}, {}), "stop"); },
        [&] { check(loaded_->inspect(id_, {}), "inspect"); }, nothing);
    const auto start = [&] { check(loaded_->start(id_, {}), "start"); };
    compare(
        "stop of a running one against inspect, watchExit, signal, noticed, exited, p50",
        [&] { check(loaded_->stop(id_, {}, {}), "stop"); }, [&] { stopByHand(); }, start);
    compare(
        "wait for a run that is over against watchExit, inspect, p50",
        [&] { check(loaded_->wait(id_, {}), "wait"); },
        [&] {
          const auto watch = must(loaded_->watchExit(id_, {}), "watchExit");
          check(loaded_->inspect(id_, {}), "inspect");
        },
        nothing);
    compare(
        "ensureImage of one that is there against findImage, p50",
        [&] {
          check(loaded_->ensureImage(kImage, PullPolicy::kIfMissing, {}, {}, {}), "ensureImage");
        },
        [&] { check(loaded_->findImage(kImage, {}), "findImage"); }, nothing);
  }

 private:
  static constexpr const char* kImage = "example/game:1";

  static ContainerId create(ContainerRuntime& runtime) {
    return must(runtime.create({.name = "bench", .image = kImage}, {}), "create").id;
  }

  void stopByHand() {
    check(loaded_->inspect(id_, {}), "inspect");
    const auto watch = must(loaded_->watchExit(id_, {}), "watchExit");
    check(loaded_->signal(id_, Signal::term(), {}), "signal");
    check(watch->noticed({}), "noticed");
    check(watch->exited({}), "exited");
  }

  const std::shared_ptr<testing::FakeClock> clock_ = std::make_shared<testing::FakeClock>(true);
  std::shared_ptr<ContainerRuntime> loaded_;
  std::unique_ptr<ContainerRuntime> linked_;
  ContainerId id_;
  ContainerId other_id_;
};

}  // namespace
}  // namespace control::bench

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: core_bench PLUGIN\n";
    return 2;
  }
  control::bench::Bench(argv[1]).run();
}
