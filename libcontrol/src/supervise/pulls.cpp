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

namespace {

/// "x" means "x:latest" to every engine.
std::string withTag(const std::string& image) {
  const std::size_t name = image.rfind('/') + 1;  // 0 without any
  return image.find_first_of(":@", name) == std::string::npos ? image + ":latest" : image;
}

}  // namespace

Result<ImageReport> Pulls::ensure(const std::string& image, PullPolicy policy,
                                  const PullOptions& options, const Progress& progress,
                                  const CallContext& context) {
  const RegistryCredentials from = options.credentials.value_or(RegistryCredentials{});
  const Key key{policy, withTag(image), from.server, from.username, from.password};
  Key always = key;
  std::get<PullPolicy>(always) = PullPolicy::kAlways;
  bool missing = policy != PullPolicy::kIfMissing;  // or of no interest
  for (;;) {
    bool leads = false;
    PullPtr pull;
    {
      const std::lock_guard lock(mutex_);
      pull = find(key);
      if (!pull && policy == PullPolicy::kIfMissing) pull = find(always);
      leads = !pull;
      if (leads) pull = under_way_[key] = std::make_shared<Pull>();
    }
    if (leads) return lead(key, pull, image, options, progress, context);
    if (!missing) {  // else it is there, and its renewal is not to be waited for
      auto there = runtime_.ensureImage(image, PullPolicy::kNever, options, progress, context);
      if (there || !there.error().is(ErrorCode::kImageNotFound)) return there;
      missing = true;
    }
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

/// The caller holds mutex_.
Pulls::PullPtr Pulls::find(const Key& key) const {
  const auto found = under_way_.find(key);
  return found == under_way_.end() ? nullptr : found->second;
}

Result<ImageReport> Pulls::lead(const Key& key, const PullPtr& pull, const std::string& image,
                                const PullOptions& options, const Progress& progress,
                                const CallContext& context) {
  auto result = runtime_.ensureImage(
      image, std::get<PullPolicy>(key), options,
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
