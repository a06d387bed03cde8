#include "bench/bench_tools.h"

#include <algorithm>
#include <cstdio>

namespace control::bench {

Micros since(TimePoint start) {
  return std::chrono::duration<double, std::micro>(systemClock()->now() - start).count();
}

Micros timed(const std::function<void()>& action) {
  const TimePoint start = systemClock()->now();
  action();
  return since(start);
}

Micros commandTime(const std::string& command) {
  return timed([&] {
    if (std::system((command + " >/dev/null 2>&1").c_str()) != 0) {
      std::cerr << "failed: " << command << '\n';
      std::exit(1);
    }
  });
}

Micros percentile(std::vector<Micros> values, double part) {
  std::sort(values.begin(), values.end());
  return values.at(static_cast<std::size_t>(part * static_cast<double>(values.size() - 1)));
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

}  // namespace control::bench
