#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <tuple>

#include <libcontrol/runtime.h>

namespace control {

/// Sees that images are there. Who asks for one that is being pulled already, with the same
/// credentials, waits for that pull and hears of its progress. PullPolicy::kIfMissing is content
/// with any pull once the image is missing; kAlways only with one that pulls in any case.
///
/// Threads: any; progress comes on the thread that pulls. Blocking: ensure().
class Pulls {
 public:
  using Progress = std::function<void(const PullProgress&)>;

  explicit Pulls(ContainerRuntime& runtime) : runtime_(runtime) {}

  /// As ContainerRuntime::ensureImage. A pull goes on as long as anybody waits: when the one who
  /// began it gives up, the next begins again, with the layers that the engine has by then.
  Result<ImageReport> ensure(const std::string& image, PullPolicy policy,
                             const PullOptions& options, const Progress& progress,
                             const CallContext& context);

 private:
  struct Pull;
  using PullPtr = std::shared_ptr<Pull>;
  /// What has to be the same: the policy, the image with its tag, and the registry's server, user
  /// and password.
  using Key = std::tuple<PullPolicy, std::string, std::string, std::string, std::string>;

  PullPtr find(const Key& key) const;
  Result<ImageReport> lead(const Key& key, const PullPtr& pull, const std::string& image,
                           const PullOptions& options, const Progress& progress,
                           const CallContext& context);

  ContainerRuntime& runtime_;
  std::mutex mutex_;
  std::map<Key, PullPtr> under_way_;  ///< guarded by mutex_
};

}  // namespace control
