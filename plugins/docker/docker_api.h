#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <libcontrol/plugin.h>
#include <libcontrol/result.h>

#include "docker/docker_errors.h"
#include "engine/http_client.h"

namespace control::docker {

struct ApiVersion {
  int major = 0;
  int minor = 0;
  auto operator<=>(const ApiVersion&) const = default;
  std::string text() const { return std::to_string(major) + "." + std::to_string(minor); }
};

/// Requests to one Docker engine in the API version that was agreed with it. The agreement is
/// made anew after the engine was lost, for it may come back as another version.
///
/// Threads:  any method on any thread; no lock is held during I/O.
/// Blocking: until the context's deadline or cancellation.
/// Errors:   of the transport as HttpClient; kUnsupported: the engine is too old, or it is Podman.
class Api {
 public:
  Api(engine::Address address, HostContext host);

  /// Asks the engine for its version, when that is not known yet. `ask`: in any case.
  Result<std::string> version(const CallContext& context, bool ask = false);

  /// `target` begins with '/' and carries no version. Any status is an answer.
  Result<engine::HttpResponse> call(engine::HttpRequest request, const CallContext& context);

  /// The body of a success; any other status is an Error.
  Result<std::string> expectSuccess(engine::HttpRequest request, Subject subject,
                                    const CallContext& context);
  Result<std::string> get(std::string target, Subject subject, const CallContext& context);

  /// As call(), for answers that arrive piece by piece; a status that is neither a success nor
  /// 101 is an Error.
  Result<std::unique_ptr<engine::HttpStream>> open(engine::HttpRequest request, Subject subject,
                                                   const CallContext& context);

  /// Counts the agreements: what was learned from the engine before may have changed since.
  std::uint64_t generation() const noexcept { return generation_.load(); }

  Clock& clock() const noexcept { return *host_.clock; }
  const HostContext& host() const noexcept { return host_; }
  const engine::Address& address() const noexcept { return client_.address(); }

 private:
  Result<std::string> negotiate(const CallContext& context);
  /// The version to speak with an engine whose newest is `engine_version` ("1.41"). kUnsupported:
  /// it is older than the oldest that works.
  Result<std::string> agree(std::string_view engine_version);
  void forgetVersion();
  bool refusesVersion(int status, std::string_view body);

  const HostContext host_;
  engine::HttpClient client_;
  std::atomic<std::uint64_t> generation_{0};
  std::mutex mutex_;
  std::string version_{};       ///< guarded by mutex_; empty: not agreed
  ApiVersion engines_least_{};  ///< guarded by mutex_; as far as it was told
};

/// A path segment or query value.
inline std::string encoded(std::string_view text) { return engine::percentEncoded(text); }

}  // namespace control::docker
