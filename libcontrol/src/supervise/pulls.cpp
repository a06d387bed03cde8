#include "supervise/pulls.h"

#include <condition_variable>
#include <list>
#include <optional>
#include <utility>

namespace control {

struct Pulls::Pull {
  std::mutex mutex;
  std::condition_variable_any ended;
  // Guarded by mutex, which is held while progress is told: who leaves is told nothing any more.
  std::list<const Progress*> listeners;
  std::optional<Result<ImageReport>> result;
};

Result<ImageReport> Pulls::ensure(const std::string& image, PullPolicy policy,
                                  const PullOptions& options, const Progress& progress,
                                  const CallContext& context) {
  const RegistryCredentials from = options.credentials.value_or(RegistryCredentials{});
  const Key key{image, policy, from.server, from.username, from.password};
  for (;;) {
    bool leads = false;
    PullPtr pull;
    {
      const std::lock_guard lock(mutex_);
      PullPtr& known = under_way_[key];
      leads = !known;
      if (leads) known = std::make_shared<Pull>();
      pull = known;
    }
    if (leads) return lead(key, pull, options, progress, context);
    std::unique_lock lock(pull->mutex);
    const auto self = pull->listeners.insert(pull->listeners.end(), &progress);
    pull->ended.wait(lock, context.cancellation, [&] { return pull->result.has_value(); });
    pull->listeners.erase(self);
    if (!pull->result)
      return Error{.code = ErrorCode::kCancelled,
                   .message = "the wait for the image was cancelled"};
    if (*pull->result || pull->result->error().code != ErrorCode::kCancelled) return *pull->result;
    // The one who pulled gave up; nobody else did.
  }
}

Result<ImageReport> Pulls::lead(const Key& key, const PullPtr& pull, const PullOptions& options,
                                const Progress& progress, const CallContext& context) {
  auto result = runtime_.ensureImage(
      std::get<0>(key), std::get<PullPolicy>(key), options,
      [&](const PullProgress& made) {
        progress(made);
        const std::lock_guard lock(pull->mutex);
        for (const Progress* listener : pull->listeners) (*listener)(made);
      },
      context);
  {
    const std::lock_guard lock(mutex_);
    under_way_.erase(key);
  }
  const std::lock_guard lock(pull->mutex);
  pull->result = result;
  pull->ended.notify_all();
  return result;
}

}  // namespace control
