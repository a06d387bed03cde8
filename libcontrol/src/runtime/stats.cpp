#include <libcontrol/stats.h>

namespace control {
namespace {

bool wentBackwards(const std::optional<std::uint64_t>& earlier,
                   const std::optional<std::uint64_t>& later) {
  return earlier && later && *later < *earlier;
}

std::optional<double> perSecond(const std::optional<std::uint64_t>& earlier,
                                const std::optional<std::uint64_t>& later, double seconds) {
  if (!earlier || !later) return std::nullopt;
  return static_cast<double>(*later - *earlier) / seconds;
}

}  // namespace

std::optional<StatsRates> ratesBetween(const StatsSample& earlier, const StatsSample& later) {
  const Duration elapsed = later.taken_at - earlier.taken_at;
  if (earlier.run != later.run || elapsed < kMinimumRateInterval) return std::nullopt;
  if (wentBackwards(earlier.network_rx_bytes, later.network_rx_bytes) ||
      wentBackwards(earlier.network_tx_bytes, later.network_tx_bytes) ||
      (earlier.cpu_time && later.cpu_time && *later.cpu_time < *earlier.cpu_time))
    return std::nullopt;
  const double seconds = std::chrono::duration<double>(elapsed).count();
  StatsRates rates;
  if (earlier.cpu_time && later.cpu_time)
    rates.cpu_percent =
        std::chrono::duration<double>(*later.cpu_time - *earlier.cpu_time).count() / seconds * 100;
  rates.network_rx_bytes_per_second =
      perSecond(earlier.network_rx_bytes, later.network_rx_bytes, seconds);
  rates.network_tx_bytes_per_second =
      perSecond(earlier.network_tx_bytes, later.network_tx_bytes, seconds);
  return rates;
}

}  // namespace control
