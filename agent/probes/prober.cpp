#include "agent/probes/prober.h"

#include <algorithm>

namespace agent {
namespace {

/// Turns between two looks at those that are being asked.
constexpr std::size_t kMostTurns = 64;

}  // namespace

void Prober::start() {
  thread_ = std::thread([this] { run(); });
}

void Prober::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wake_up_.raise();
  if (thread_.joinable()) thread_.join();
  asking_.clear();
}

void Prober::watch(const std::string& server, std::uint64_t ticket) {
  {
    const std::lock_guard lock(mutex_);
    watched_[server] = {.ticket = ticket, .due = Clock::now()};
  }
  wake_up_.raise();
}

void Prober::forget(const std::string& server) {
  const std::lock_guard lock(mutex_);
  watched_.erase(server);
}

void Prober::wake(const std::string& server, control::Duration pause) {
  {
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(server);
    if (found == watched_.end() || found->second.asking) return;
    const auto due = Clock::now() + pause;
    if (found->second.due && *found->second.due <= due) return;
    found->second.due = due;
  }
  wake_up_.raise();
}

void Prober::run() {
  for (;;) {
    await();
    wake_up_.lower();
    {
      const std::lock_guard lock(mutex_);
      if (stopping_) return;
    }
    takeTurns(Clock::now());
    goOn(Clock::now());
  }
}

void Prober::takeTurns(Clock::time_point now) {
  std::vector<std::pair<Clock::time_point, std::pair<std::string, std::uint64_t>>> due;
  {
    const std::lock_guard lock(mutex_);
    for (auto& [server, watched] : watched_)
      if (watched.due && *watched.due <= now)
        due.emplace_back(*watched.due, std::pair(server, watched.ticket));
  }
  // Whoever waited longest comes first.
  std::sort(due.begin(), due.end());
  std::size_t left = std::min(kMostTurns, kMostAtOnce - asking_.size());
  for (const auto& [since, who] : due) {
    if (left-- == 0) return;
    const auto& [server, ticket] = who;
    {
      const std::lock_guard lock(mutex_);
      const auto found = watched_.find(server);
      if (found == watched_.end() || found->second.ticket != ticket) continue;
      found->second.due.reset();
    }
    Turn turn = client_.turn(server, ticket);
    if (turn.exchange == nullptr) {
      rest(server, ticket, turn.pause);
      continue;
    }
    const std::lock_guard lock(mutex_);
    const auto found = watched_.find(server);
    if (found == watched_.end() || found->second.ticket != ticket) continue;
    found->second = {.ticket = ticket, .due = std::nullopt, .asking = true};
    asking_.push_back(
        {server, ticket, std::make_unique<Probe>(std::move(turn.exchange), turn.address, now)});
  }
}

void Prober::goOn(Clock::time_point now) {
  std::vector<Asking> asked;
  asked.swap(asking_);
  for (Asking& one : asked) {
    {
      const std::lock_guard lock(mutex_);
      const auto found = watched_.find(one.server);
      if (found == watched_.end() || found->second.ticket != one.ticket) continue;
    }
    const auto outcome = one.probe->advance(now);
    if (!outcome) {
      asking_.push_back(std::move(one));
      continue;
    }
    {
      const std::lock_guard lock(mutex_);
      const auto found = watched_.find(one.server);
      if (found != watched_.end() && found->second.ticket == one.ticket)
        found->second.asking = false;
    }
    rest(one.server, one.ticket, client_.answered(one.server, one.ticket, *outcome));
  }
}

/// A turn that a wake() has fixed meanwhile stays if it is sooner.
void Prober::rest(const std::string& server, std::uint64_t ticket, Pause pause) {
  if (!pause) return;
  const std::lock_guard lock(mutex_);
  const auto found = watched_.find(server);
  if (found == watched_.end() || found->second.ticket != ticket) return;
  const auto due = Clock::now() + *pause;
  if (!found->second.due || *found->second.due > due) found->second.due = due;
}

void Prober::await() {
  std::vector<pollfd> waiting{{wake_up_.descriptor(), POLLIN, 0}};
  std::optional<Clock::time_point> due;
  const auto sooner = [&](Clock::time_point when) { due = due ? std::min(*due, when) : when; };
  for (const Asking& one : asking_) {
    waiting.push_back(one.probe->waiting());
    sooner(one.probe->due());
  }
  if (asking_.size() < kMostAtOnce) {
    const std::lock_guard lock(mutex_);
    for (const auto& [server, watched] : watched_)
      if (watched.due) sooner(*watched.due);
  }
  const auto now = Clock::now();
  const auto left = !due         ? std::chrono::milliseconds(-1)
                    : *due > now ? std::chrono::ceil<std::chrono::milliseconds>(*due - now)
                                 : std::chrono::milliseconds(0);
  ::poll(waiting.data(), waiting.size(),
         static_cast<int>(std::min<std::int64_t>(left.count(), 3'600'000)));
}

}  // namespace agent
