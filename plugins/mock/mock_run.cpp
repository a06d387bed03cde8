#include "mock/mock_run.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "mock/mock_container.h"

namespace control::mock {
namespace {

/// The part of a rate that `elapsed` makes.
Duration share(Duration elapsed, double cores) {
  return Duration(std::llround(static_cast<double>(elapsed.count()) * cores));
}

}  // namespace

Run::Run(const Container& container, Timers& timers, const Clock& clock, Owner& owner)
    : container_(container),
      timers_(timers),
      clock_(clock),
      owner_(owner),
      process_(
          container.program, container.behaviour,
          Process::Options{.init = container.spec.init, .input_open = container.spec.open_stdin},
          *this),
      accounted_at_(clock.now()) {}

Run::~Run() {
  // An ended run has none, and may be destroyed without the mutex.
  for (const Timers::Id id : ids_)
    if (id != 0) timers_.cancel(id);
}

void Run::signal(Signal signal) {
  account();
  if (paused_ && signal != Signal::kill())
    held_signals_.push_back(signal);
  else
    process_.signal(signal);
}

void Run::pause() {
  account();
  paused_ = true;
  for (std::size_t i = 0; i < Process::kTimers; ++i) {
    left_[i].reset();
    if (!moments_[i]) continue;
    left_[i] = *moments_[i] - clock_.now();
    clearTimer(static_cast<Process::Timer>(i));
  }
}

void Run::resume() {
  account();
  paused_ = false;
  for (std::size_t i = 0; i < Process::kTimers; ++i)
    if (left_[i])
      setTimer(static_cast<Process::Timer>(i), CallContext::after(clock_.now(), *left_[i]));
  for (const Signal signal : std::exchange(held_signals_, {})) process_.signal(signal);
}

void Run::setTimer(Process::Timer timer, TimePoint at) {
  const auto slot = static_cast<std::size_t>(timer);
  clearTimer(timer);
  moments_[slot] = at;
  ids_[slot] = timers_.at(at, [this, timer, slot] {
    ids_[slot] = 0;
    moments_[slot].reset();
    account();
    process_.timer(timer);
  });
}

void Run::clearTimer(Process::Timer timer) {
  const auto slot = static_cast<std::size_t>(timer);
  timers_.cancel(std::exchange(ids_[slot], 0));
  moments_[slot].reset();
}

void Run::ended(const ProcessEnd& end) {
  account();
  owner_.ended(end);
}

void Run::account() {
  const TimePoint now = clock_.now();
  const Duration elapsed = now - std::exchange(accounted_at_, now);
  if (paused_ || elapsed == Duration::zero()) return;
  active_ += elapsed;
  const double usual = set_.cpu_percent.value_or(container_.behaviour.cpu_percent) / 100;
  const double wanted = process_.busy() ? std::max(1.0, usual) : usual;
  const auto& limit = container_.spec.limits.nano_cpus;
  const double given = limit ? std::min(wanted, static_cast<double>(*limit) / 1e9) : wanted;
  cpu_used_ += share(elapsed, given);
  cpu_throttled_ += share(elapsed, wanted - given);
}

/// What its network and disk counters go by.
std::uint64_t Run::activeMilliseconds() const {
  return static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::milliseconds>(active_).count());
}

std::uint64_t Run::received() const {
  return static_cast<std::uint64_t>(rx_offset_) + 1024 + activeMilliseconds();
}

std::uint64_t Run::sent() const {
  return static_cast<std::uint64_t>(tx_offset_) + 512 + activeMilliseconds() / 2;
}

void Run::setStats(const testing::MockStats& stats) {
  account();
  if (stats.cpu_percent) set_.cpu_percent = stats.cpu_percent;
  if (stats.memory_bytes) set_.memory_bytes = stats.memory_bytes;
  if (stats.pids) set_.pids = stats.pids;
  // Counters are shifted and go on from there; modulo 2^64, so that they can be lowered too.
  if (stats.network_rx_bytes)
    rx_offset_ += static_cast<std::int64_t>(*stats.network_rx_bytes - received());
  if (stats.network_tx_bytes)
    tx_offset_ += static_cast<std::int64_t>(*stats.network_tx_bytes - sent());
}

StatsSample Run::sample() {
  constexpr std::uint64_t kPageCache = 4 << 20;
  account();
  StatsSample sample{.run = container_.run_id, .taken_at = clock_.now()};
  sample.cpu_time = cpu_used_;
  sample.cpu_throttled = cpu_throttled_;
  const std::uint64_t memory = set_.memory_bytes.value_or(container_.behaviour.memory_bytes);
  sample.memory_working_set_bytes = memory;
  sample.memory_usage_bytes = memory + kPageCache;
  const ResourceLimits& limits = container_.spec.limits;
  if (limits.memory_bytes) {
    sample.memory_limit_bytes = static_cast<std::uint64_t>(*limits.memory_bytes);
    sample.memory_usage_bytes = std::min(*sample.memory_usage_bytes, *sample.memory_limit_bytes);
    sample.memory_working_set_bytes =
        std::min(*sample.memory_working_set_bytes, *sample.memory_limit_bytes);
  }
  sample.oom_kills = oom_kills_;
  sample.pids = set_.pids.value_or(1 + execs_);
  if (limits.pids && *limits.pids > 0) sample.pids_limit = static_cast<std::uint64_t>(*limits.pids);
  if (container_.spec.network != NetworkMode::kHost) {
    const bool connected = container_.spec.network == NetworkMode::kDefault;
    sample.network_rx_bytes = connected ? received() : 0;
    sample.network_tx_bytes = connected ? sent() : 0;
  }
  sample.block_read_bytes = 1 << 20;
  sample.block_write_bytes = activeMilliseconds() * 4;
  return sample;
}

}  // namespace control::mock
