#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "engine/http_client.h"
#include "podman/podman_engine.h"

namespace control::podman {

class Stdin;

/// The connections to the stdin of containers without a terminal. Podman ends such a stdin for good
/// when any connection to it closes, so there is one for each container, which outlives the
/// consoles that use it.
///
/// Threads:  any method on any thread; no lock is held during I/O.
/// Blocking: until the context's deadline or cancellation.
class StdinHolder {
 public:
  explicit StdinHolder(Api& api);
  ~StdinHolder();

  /// The connection to that container, which is there or made. kWrongState: this run's stdin has
  /// ended.
  Result<std::shared_ptr<Stdin>> of(const PodmanRun& run, const CallContext& context);

  /// The container is gone.
  void forget(const std::string& id);

 private:
  struct Slot;
  std::shared_ptr<Slot> slotOf(const std::string& id);
  std::vector<std::shared_ptr<Stdin>> takeEnded();

  Api& api_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Slot>, std::less<>> slots_{};  ///< guarded by mutex_
};

/// Connects to the streams of a container whose state allows it.
Result<std::unique_ptr<Console>> attach(Api& api, PodmanEngine& engine, StdinHolder& holder,
                                        const PodmanRun& run, const AttachOptions& options,
                                        const CallContext& context);

}  // namespace control::podman
