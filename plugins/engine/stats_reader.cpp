#include "engine/stats_reader.h"

#include <atomic>
#include <system_error>
#include <thread>

#include "engine/request_body.h"

namespace control::engine {
namespace {

constexpr std::size_t kMaxSamplers = 4096;
/// An open sampler keeps a network namespace alive, so that of a run which is over goes soon.
constexpr Duration kUnusedAfter = std::chrono::seconds(60);
/// Each costs the engine up to a second of waiting and almost no work.
constexpr std::size_t kMaxThreads = 32;

}  // namespace

StatsReader::Sampler StatsReader::known(const ContainerId& id, TimePoint now) {
  const std::lock_guard lock(mutex_);
  const auto found = samplers_.find(id.value);
  if (found == samplers_.end()) return {};
  found->second.used_at = now;
  return found->second;
}

void StatsReader::keep(const ContainerId& id, Sampler sampler) {
  const std::lock_guard lock(mutex_);
  if (samplers_.size() < kMaxSamplers) samplers_.insert_or_assign(id.value, std::move(sampler));
}

void StatsReader::forget(const ContainerId& id) {
  Sampler dropped;  // files are closed outside the lock
  const std::lock_guard lock(mutex_);
  const auto found = samplers_.find(id.value);
  if (found == samplers_.end()) return;
  dropped = std::move(found->second);
  samplers_.erase(found);
}

void StatsReader::dropUnused(TimePoint now) {
  std::vector<Sampler> dropped;
  const std::lock_guard lock(mutex_);
  for (auto one = samplers_.begin(); one != samplers_.end();) {
    if (now - one->second.used_at < kUnusedAfter) {
      ++one;
      continue;
    }
    dropped.push_back(std::move(one->second));
    one = samplers_.erase(one);
  }
}

Result<StatsSample> StatsReader::readOne(const ContainerId& id, const CallContext& context) {
  if (auto checked = checkContainerId(id); !checked) return checked.error();
  auto run = engine_.inspectRun(id.value, context);
  if (!run) return run.error();
  if (!run->running || !run->started_at)
    return Error{.code = ErrorCode::kWrongState, .message = "the container does not run"};
  if (run->pid) {
    auto files =
        CgroupStats::open({run->id, *run->started_at}, *run->pid, roots_, run->host_network);
    if (files) {
      auto sample = (*files)->sample(engine_.clock());
      Sampler sampler{.files = std::move(*files)};
      if (auto process = Process::open(*run->pid, run->id.value, roots_); process)
        sampler.process = std::move(*process);
      if (sample) sampler.used_at = sample->taken_at;
      // A name may come to mean another container.
      if (sample && id == run->id) keep(id, std::move(sampler));
      return sample;
    }
  }
  asks_engine_ = true;
  return engine_.readStats(*run, context);
}

std::vector<Result<StatsSample>> StatsReader::read(std::span<const ContainerId> ids,
                                                   const CallContext& context) {
  const TimePoint now = engine_.clock().now();
  dropUnused(now);
  std::vector<Result<StatsSample>> out;
  std::vector<std::size_t> rest;
  for (const ContainerId& id : ids) {
    if (const Sampler sampler = known(id, now); sampler.files) {
      auto sample = sampler.files->sample(engine_.clock());
      if (sample && !(sampler.process && sampler.process->ended())) {
        out.push_back(std::move(sample));
        continue;
      }
      forget(id);  // that run is over; there may be another
    }
    rest.push_back(out.size());
    out.push_back(Error{.code = ErrorCode::kInternal, .message = "not read"});
  }
  readTogether(ids, rest, out, context);
  return out;
}

void StatsReader::readTogether(std::span<const ContainerId> ids,
                               const std::vector<std::size_t>& which,
                               std::vector<Result<StatsSample>>& out, const CallContext& context) {
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < which.size(); i = next++)
      out[which[i]] = readOne(ids[which[i]], context);
  };
  // A host's own containers are quick; only waiting for the engine's second is worth threads.
  const std::size_t threads = asks_engine_ ? kMaxThreads : 1;
  std::vector<std::jthread> helpers;
  try {
    while (helpers.size() + 1 < std::min(which.size(), threads)) helpers.emplace_back(work);
  } catch (const std::system_error&) {
    // No more threads to be had: those there are do it.
  }
  work();
}

}  // namespace control::engine
