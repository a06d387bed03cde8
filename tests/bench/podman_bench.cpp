// The same on a real Podman service (docker_bench.cpp).
//
//   podman_bench [containers]      needs what tests/engines needs

#include <string>
#include <vector>

#include "bench/engine_bench.h"
#include "bench/raw_client.h"
#include "engines/podman_fixture.h"
#include "podman/podman_plugin.h"

namespace control::bench {
namespace {

class PodmanBench : public EngineBench {
 public:
  explicit PodmanBench(std::size_t count)
      : EngineBench({.name = "Podman",
                     .uri = test::podmanUri(),
                     .socket = test::podmanSocket(),
                     .death = "died",
                     .prefix = "/v4.0.0/libpod",
                     .plugin = &podman::descriptor()},
                    count) {}

 private:
  void inspectRivals(Micros) override {}

  void statistics() override {
    RawClient raw(engine().socket);
    std::string batch = engine().prefix + "/containers/stats?stream=false";
    for (const ContainerId& id : ids()) batch += "&containers=" + id.value;
    const Micros cold = timed([&] { sweep(); });
    std::vector<Micros> ours;
    std::vector<Micros> theirs;
    for (int round = 0; round < 10; ++round) {
      for (const Micros one : sweeps(10)) ours.push_back(one);
      theirs.push_back(timed([&] { raw.get(batch); }));
    }
    const std::string count = std::to_string(ids().size());
    const Micros rival = percentile(theirs, 0.5);
    row("statistics of " + count + " against the service's own batch call, p50",
        micros(percentile(ours, 0.5)), micros(rival), rival / percentile(ours, 0.5), "at least 15");
    row("the same, first sweep (descriptors opened)", micros(cold), micros(rival), rival / cold,
        "");
  }
};

}  // namespace
}  // namespace control::bench

int main(int argc, char** argv) {
  control::bench::PodmanBench(control::bench::containersAsked(argc, argv, 50)).run();
}
