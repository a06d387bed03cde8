#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include <libcontrol/plugin.h>
#include <libcontrol/result.h>
#include <libcontrol/types.h>

#include "engine/http_client.h"
#include "podman/podman_errors.h"

namespace control::podman {

struct Version {
  int major = 0;
  int minor = 0;
  std::string text{};  ///< as the engine writes it, "4.3.1"

  bool atLeast(int wanted_major, int wanted_minor) const noexcept {
    return major != wanted_major ? major > wanted_major : minor >= wanted_minor;
  }
};

/// kUnsupported: older than what works, 4.3. kInternal: not a version.
Result<Version> readVersion(const std::string& text);

/// Requests to one Podman service in its own (libpod) API, in the form of replies that goes with
/// its version. The version is asked for anew after the engine was lost, for it may come back as
/// another.
///
/// Threads:  any method on any thread; no lock is held during I/O.
/// Blocking: until the context's deadline or cancellation.
/// Errors:   of the transport as HttpClient; kUnsupported: the engine is too old, or no Podman.
class Api {
 public:
  Api(engine::Address address, HostContext host);

  /// Asks the engine for its version, when that is not known yet. `anew`: in any case.
  Result<Version> version(const CallContext& context, bool anew = false);

  /// The version as far as it is known; major 0 when it is not.
  Version knownVersion();

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

  /// Returns once the request has left; the answer, whatever its status, begins later.
  Result<std::unique_ptr<engine::HttpStream>> openAhead(engine::HttpRequest request,
                                                        const CallContext& context);

  Clock& clock() const noexcept { return *host_.clock; }
  const HostContext& host() const noexcept { return host_; }
  const engine::Address& address() const noexcept { return client_.address(); }

 private:
  Result<Version> ask(const CallContext& context);
  Result<std::string> prefix(const CallContext& context);
  void forgetVersion();

  const HostContext host_;
  engine::HttpClient client_;
  std::mutex mutex_;
  Version version_{};  ///< guarded by mutex_; major 0: not known
};

/// A path segment or query value.
inline std::string encoded(std::string_view text) { return engine::percentEncoded(text); }

/// Of what the API has below a container.
inline std::string containerPath(const ContainerId& id, std::string_view rest) {
  return "/containers/" + encoded(id.value) + std::string(rest);
}

}  // namespace control::podman
