#include <algorithm>
#include <condition_variable>

#include "supervise/core.h"

namespace control {
namespace {

constexpr Duration kReconnectDelay = std::chrono::seconds(1);
/// Before an event stream that was lost is opened anew. What happens meanwhile is in the list that
/// follows.
constexpr Duration kReopenDelay = std::chrono::milliseconds(100);
/// One that lived no longer than that, twice in a row, is opened anew with more patience.
constexpr Duration kShortLife = std::chrono::seconds(2);
/// Without events lists alone tell what happens.
constexpr Duration kRelistWithoutEvents = std::chrono::seconds(2);
/// A hung engine keeps its connections: only a question shows it.
constexpr Duration kPingInterval = std::chrono::seconds(15);
constexpr Duration kPingTimeout = std::chrono::seconds(10);
/// A subscription that takes longer must not keep the list waiting that tells as much.
constexpr Duration kSubscribeTimeout = std::chrono::seconds(2);
constexpr Duration kListTimeout = std::chrono::seconds(15);
/// Containers that are looked at side by side after a list, and when one more may join them because
/// those before are stuck.
constexpr std::size_t kLookers = 4;
constexpr Duration kLookerPatience = std::chrono::milliseconds(250);

bool runs(const ContainerSummary& summary) {
  return summary.state == ContainerState::kRunning || summary.state == ContainerState::kPaused;
}

/// What every engine takes as the end of a container's name.
bool isNamePart(std::string_view name) {
  constexpr std::size_t kLongest = 128;
  const auto isAlphanumeric = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
  };
  return !name.empty() && name.size() <= kLongest && isAlphanumeric(name.front()) &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return isAlphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

}  // namespace

void Supervisor::Core::open(const CallContext& context) {
  {
    auto kept = desired_.read();
    auto kept_next = next_specs_.read();
    std::erase_if(kept_next, [this](const auto& one) { return !isEntryName(one.first); });
    const std::lock_guard lock(mutex_);
    kept_ = std::move(kept);
    kept_next_ = std::move(kept_next);
  }
  connect(context, true);
  if (options_.stats_interval > Duration::zero()) keepSampling();
  keepLooking();
}

Supervisor::Core::Generation Supervisor::Core::generation() const {
  const std::lock_guard lock(mutex_);
  return generation_;
}

// ---- lost and found ----

/// Whether that is another than before. nullopt: the engine was lost since that was asked, and the
/// answer is no news.
std::optional<bool> Supervisor::Core::tellEngine(bool reachable, const std::string& reason,
                                                 Generation asked_in) {
  const std::lock_guard telling(telling_);
  {
    const std::lock_guard lock(mutex_);
    if (asked_in != generation_) return std::nullopt;
    if (!reachable) {
      ++generation_;
      died_together_.reset();
    }
    if (told_reachable_ == reachable) return false;
    told_reachable_ = reachable;
    reachable_ = reachable;
  }
  observer_.onEngine(reachable, reason);
  return true;
}

void Supervisor::Core::engineLost(const Error& error, Generation asked_in) {
  if (stopping_.stop_requested()) return;
  if (!tellEngine(false, error.message, asked_in).value_or(false)) return;
  std::vector<EntryPtr> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [name, entry] : entries_) all.push_back(entry);
  }
  for (const EntryPtr& entry : all) look(entry, Job::Type::kEngineLost);
}

/// The earliest of the plans holds.
void Supervisor::Core::planConnect(Duration delay) {
  const TimePoint at = CallContext::after(clock().now(), delay);
  {
    const std::lock_guard lock(mutex_);
    if (connect_at_ && *connect_at_ <= at) return;
    connect_at_ = at;
  }
  timers_.after(delay, [this, at] {
    {
      const std::lock_guard lock(mutex_);
      if (connect_at_ != at) return;
      connect_at_.reset();
    }
    executor_.submit([this] { connect(callContext()); });
  });
}

void Supervisor::Core::streamLost() {
  bool never_lasts = false;
  {
    const std::lock_guard lock(mutex_);
    const bool lasted = clock().now() - stream_opened_ > kShortLife;
    never_lasts = !std::exchange(stream_lasted_, lasted) && !lasted;
    // An engine that is started again at once is not seen to be away.
    died_together_.reset();
    for (const auto& [name, entry] : entries_) {
      const std::lock_guard entry_lock(entry->mutex);
      entry->doubt(clock().now());
    }
  }
  planConnect(never_lasts ? kReconnectDelay : kReopenDelay);
}

std::optional<bool> Supervisor::Core::diedTogether() const {
  const std::lock_guard lock(mutex_);
  return died_together_;
}

bool Supervisor::Core::openStream(const CallContext& context) {
  auto stream =
      runtime_->events({.labels = {{options_.managed_label.first, options_.managed_label.second}}},
                       context.capped(kSubscribeTimeout, clock()));
  if (!stream || (*stream)->pollFd() < 0) return false;
  {
    const std::lock_guard lock(mutex_);
    stream_opened_ = clock().now();
  }
  watcher_.follow(std::move(*stream));
  return true;
}

/// Subscribes, then lists: what happens in between is in the stream.
void Supervisor::Core::connect(const CallContext& context, bool wait) {
  if (stopping_.stop_requested()) return;
  {
    const std::lock_guard lock(mutex_);
    connect_again_ = connecting_;
    if (std::exchange(connecting_, true)) return;
  }
  const Generation asked_in = generation();
  const bool streams = openStream(context);
  const auto listed = relist(context, wait);
  if (!listed) engineLost(listed.error(), asked_in);
  bool again = false;
  {
    const std::lock_guard lock(mutex_);
    connecting_ = false;
    again = std::exchange(connect_again_, false);
  }
  if (!listed || again)
    planConnect(kReconnectDelay);
  else if (!streams)
    planConnect(kRelistWithoutEvents);
}

void Supervisor::Core::keepLooking() {
  const Duration interval = std::min(kPingInterval, options_.relist_interval);
  timers_.after(interval, [this, interval] {
    executor_.submit([this, interval] {
      if (stopping_.stop_requested()) return;
      const Generation asked_in = generation();
      const CallContext context = callContext().capped(kPingTimeout, clock());
      const auto every = std::max<Duration::rep>(options_.relist_interval / interval, 1);
      Result<void> answer;
      if (reachable_ && ++looks_ % every == 0) {
        answer = relist(callContext());
      } else if (reachable_) {
        const auto info = runtime_->info(context);
        if (!info) answer = info.error();
      }
      if (!answer) {
        engineLost(answer.error(), asked_in);
        connect(callContext());
      }
      keepLooking();
    });
  });
}

// ---- lists ----

Result<void> Supervisor::Core::relist(const CallContext& context, bool wait) {
  const Generation asked_in = generation();
  const auto forgotten = std::make_shared<std::set<std::string>>();
  {
    const std::lock_guard lock(mutex_);
    std::erase_if(lists_under_way_, [](const auto& one) { return one.expired(); });
    lists_under_way_.push_back(forgotten);
  }
  const auto listed =
      runtime_->list({.labels = {{options_.managed_label.first, options_.managed_label.second}}},
                     context.capped(kListTimeout, clock()));
  if (!listed) return listed.error();
  auto suspects = compare(*listed, *forgotten, asked_in);
  if (!suspects || !tellEngine(true, "", asked_in))
    return Error{.code = ErrorCode::kUnavailable, .message = "the engine was lost meanwhile"};
  listed_ = true;
  lookAtAll(std::move(*suspects), context, wait);
  return {};
}

/// The entries that are to be looked at: whose row does not show what is known of them. A list sets
/// no state by itself. nullopt: it is of an engine that was lost since.
std::optional<std::vector<EntryPtr>> Supervisor::Core::compare(
    const std::vector<ContainerSummary>& listed, const std::set<std::string>& forgotten,
    Generation asked_in) {
  const std::lock_guard lock(mutex_);
  if (asked_in != generation_) return std::nullopt;
  std::set<std::string> present;
  std::vector<EntryPtr> suspects;
  std::vector<Orphan> orphans;
  bool any_runs = false;
  for (const ContainerSummary& summary : listed) {
    std::string nobodys = whyNobodys(summary.labels, summary.id, summary.name);
    if (!nobodys.empty()) {
      orphans.push_back({summary.id, summary.name, summary.image, summary.state, nobodys});
      continue;
    }
    const std::string& name = summary.labels.at(options_.entry_label);
    const EntryPtr entry = entryOf(name, !forgotten.contains(name));
    if (!entry) continue;
    present.insert(name);
    any_runs |= runs(summary);
    const std::lock_guard entry_lock(entry->mutex);
    const bool found = !entry->container && !entry->busy;
    if (found) entry->container = summary.id;
    if (!found && !entry->isLost() && runs(summary) == entry->run.has_value() &&
        entry->container == summary.id)
      continue;
    if (entry->busy && !entry->isLost())
      entry->news = News{.type = EventType::kGap};
    else
      suspects.push_back(entry);
  }
  // Their containers were taken away to be made anew, and there it ended.
  while (!kept_next_.empty()) {
    const std::string name = kept_next_.begin()->first;
    (void)entryOf(name, true);
    kept_next_.erase(name);
  }
  // Their containers went while nobody looked; others were not made yet, or were to go.
  std::erase_if(kept_, [this](const auto& one) {
    const Wanted wanted = one.second.wanted;
    const bool may_be_absent = wanted == Wanted::kMade || wanted == Wanted::kGone;
    const bool stands = !may_be_absent && isEntryName(one.first);
    if (!stands) desired_.erase(one.first);
    return !stands;
  });
  while (!kept_.empty()) {
    const std::string name = kept_.begin()->first;
    (void)entryOf(name, true);
    kept_.erase(name);
  }
  for (const auto& [name, entry] : entries_) {
    const std::lock_guard entry_lock(entry->mutex);
    if (present.contains(name)) continue;
    if (entry->isLost() || (entry->container && !entry->busy)) suspects.push_back(entry);
  }
  orphans_ = std::move(orphans);
  if (!died_together_) died_together_ = !any_runs;
  return suspects;
}

/// Entries that are being looked at, a few at a time.
struct Supervisor::Core::Looking {
  std::vector<EntryPtr> entries;
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t looked_at = 0;  ///< guarded by mutex
};

/// `wait`: returns when all were looked at or the context ends.
void Supervisor::Core::lookAtAll(std::vector<EntryPtr> entries, const CallContext& context,
                                 bool wait) {
  if (entries.empty()) return;
  const auto looking = std::make_shared<Looking>();
  looking->entries = std::move(entries);
  for (std::size_t i = std::min(kLookers, looking->entries.size()); i > 0; --i)
    executor_.submit([this, looking] { lookOn(*looking); });
  joinLookersLater(looking);
  if (!wait) return;
  std::unique_lock lock(looking->mutex);
  while (looking->looked_at < looking->entries.size() && !stopping_.stop_requested())
    if (!clock().waitUntil(lock, looking->changed, context.deadline)) return;
}

void Supervisor::Core::lookOn(Looking& looking) {
  for (std::size_t one; (one = looking.next++) < looking.entries.size();) {
    auto job = std::make_shared<Job>();
    job->type = Job::Type::kReconcile;
    const EntryPtr& entry = looking.entries[one];
    std::unique_lock entry_lock(entry->mutex);
    const bool idle = push(*entry, std::move(job));
    entry_lock.unlock();
    if (idle) workOff(entry);
    const std::lock_guard lock(looking.mutex);
    ++looking.looked_at;
    looking.changed.notify_all();
  }
}

/// Those who look at one that hangs are joined by others.
void Supervisor::Core::joinLookersLater(const std::shared_ptr<Looking>& looking) {
  timers_.after(kLookerPatience, [this, looking] {
    if (looking->next >= looking->entries.size()) return;
    executor_.submit([this, looking] { lookOn(*looking); });
    joinLookersLater(looking);
  });
}

// ---- whose a container is ----

bool Supervisor::Core::isEntryName(std::string_view name) const {
  return isNamePart(name) && (!options_.is_entry_name || options_.is_entry_name(name));
}

std::string Supervisor::Core::whyNobodys(const std::map<std::string, std::string>& labels,
                                         const ContainerId& id, const std::string& name) const {
  const auto entry = labels.find(options_.entry_label);
  if (entry == labels.end()) return "it has no label " + options_.entry_label;
  const auto owner = labels.find(options_.owner_label.first);
  if (owner != labels.end() && owner->second != options_.owner_label.second)
    return "it belongs to '" + owner->second + "'";
  if (!isEntryName(entry->second)) return "'" + entry->second + "' is no name of an entry";
  if (name.empty() || name == options_.name_prefix + entry->second) return {};
  const auto known = entries_.find(entry->second);
  if (known != entries_.end()) {
    const std::lock_guard lock(known->second->mutex);
    if (known->second->container == id) return {};
  }
  return "it says that it is '" + entry->second + "', whose container is called " +
         options_.name_prefix + entry->second;
}

bool Supervisor::Core::isOurs(const ContainerInfo& info) const {
  const auto& labels = info.spec.labels;
  const auto managed = labels.find(options_.managed_label.first);
  if (managed == labels.end() || managed->second != options_.managed_label.second) return false;
  const std::lock_guard lock(mutex_);
  return whyNobodys(labels, info.id, info.spec.name).empty();
}

/// With mutex_ held.
EntryPtr Supervisor::Core::entryOf(const std::string& name, bool make) {
  if (const auto found = entries_.find(name); found != entries_.end()) return found->second;
  if (!make) return nullptr;
  auto entry = std::make_shared<Entry>(name);
  entry->in_doubt = true;
  if (const auto kept = kept_.find(name); kept != kept_.end()) {
    entry->desired = kept->second;
    if (entry->desired.wanted == Wanted::kMade) entry->desired.wanted = Wanted::kRunning;
    if (entry->desired.wanted == Wanted::kGone) entry->desired.wanted = Wanted::kStopped;
    entry->is_desire_known = true;
    kept_.erase(kept);
  }
  if (const auto kept = kept_next_.find(name); kept != kept_next_.end()) {
    entry->next = std::move(kept->second);
    kept_next_.erase(kept);
  }
  return entries_[name] = std::move(entry);
}

std::vector<Orphan> Supervisor::Core::orphans() const {
  const std::lock_guard lock(mutex_);
  return orphans_;
}

}  // namespace control
