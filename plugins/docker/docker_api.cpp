#include "docker/docker_api.h"

#include <algorithm>
#include <charconv>
#include <optional>

namespace control::docker {
namespace {

using engine::HttpRequest;
using engine::HttpResponse;
using engine::HttpStream;
using engine::Method;

/// 20.10, the first with everything that is used here.
constexpr ApiVersion kOldest{1, 41};
/// The newest whose replies were compared with what is read here.
constexpr ApiVersion kNewest{1, 47};

std::optional<ApiVersion> parseVersionText(std::string_view text) {
  ApiVersion version;
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  if (major.ec != std::errc{} || major.ptr == end || *major.ptr != '.') return std::nullopt;
  const auto minor = std::from_chars(major.ptr + 1, end, version.minor);
  const bool readable =
      minor.ec == std::errc{} && minor.ptr == end && version.major >= 0 && version.minor >= 0;
  return readable ? std::optional(version) : std::nullopt;
}

/// The least version that an engine takes, from its refusal of an older one.
std::optional<ApiVersion> leastVersionIn(std::string_view refusal) {
  constexpr std::string_view kSays = "Minimum supported API version is ";
  const std::size_t at = refusal.find(kSays);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view text = refusal.substr(at + kSays.size());
  return parseVersionText(text.substr(0, text.find_first_not_of("0123456789.")));
}

HttpRequest ping(Method method) { return {.method = method, .target = "/_ping"}; }

Error notDocker(const engine::Address& address, std::string_view why) {
  return {.code = ErrorCode::kUnsupported,
          .message = "no Docker engine answers at " + address.toString() + ": " + std::string(why)};
}

HttpRequest versioned(const HttpRequest& request, const std::string& version) {
  HttpRequest out = request;
  out.target.insert(0, "/v" + version);
  return out;
}

}  // namespace

Api::Api(engine::Address address, HostContext host)
    : host_(std::move(host)), client_(std::move(address), host_.clock) {}

Result<std::string> Api::negotiate(const CallContext& context) {
  auto reply = client_.request(ping(Method::kHead), context);
  if (reply && reply->head.status != 200) reply = client_.request(ping(Method::kGet), context);
  if (!reply) return reply.error();
  const engine::HttpHead& head = reply->head;
  if (head.status != 200) return errorFromReply(head.status, reply->body, Subject::kEngine);
  if (head.header("libpod-api-version"))
    return notDocker(client_.address(),
                     "this is Podman; use podman://" + client_.address().socket_path + " for it");
  const auto offered = head.header("api-version");
  if (!offered) return notDocker(client_.address(), "the answer to a ping names no API version");
  return agree(*offered);
}

Result<std::string> Api::agree(std::string_view engine_version) {
  const auto newest = parseVersionText(engine_version);
  if (!newest)
    return Error{.code = ErrorCode::kInternal,
                 .message = "the engine names no API version that can be read: '" +
                            std::string(engine_version.substr(0, 32)) + "'"};
  if (*newest < kOldest)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "the engine speaks API " + newest->text() + " at most; " +
                            kOldest.text() + " (Docker 20.10) or newer is needed"};
  const std::lock_guard lock(mutex_);
  return std::min(*newest, std::max(kNewest, engines_least_)).text();
}

Result<std::string> Api::version(const CallContext& context, bool ask) {
  if (!ask) {
    const std::lock_guard lock(mutex_);
    if (!version_.empty()) return version_;
  }
  auto agreed = negotiate(context);
  if (!agreed) {
    forgetVersion();
    return agreed.error();
  }
  const std::lock_guard lock(mutex_);
  if (version_ != *agreed) ++generation_;
  return version_ = std::move(*agreed);
}

void Api::forgetVersion() {
  const std::lock_guard lock(mutex_);
  version_.clear();
}

/// The engine did nothing but refuse: it was replaced, or takes only what is newer than ours.
bool Api::refusesVersion(int status, std::string_view body) {
  if (!speaksOfClientVersion(status, body)) return false;
  const auto least = leastVersionIn(body);
  const std::lock_guard lock(mutex_);
  version_.clear();
  if (least) engines_least_ = *least;
  return true;
}

Result<HttpResponse> Api::call(HttpRequest request, const CallContext& context) {
  for (bool again = false;; again = true) {
    const auto agreed = version(context);
    if (!agreed) return agreed.error();
    auto response = client_.request(versioned(request, *agreed), context);
    if (!response && response.error().code == ErrorCode::kUnavailable) forgetVersion();
    if (!response || again || !refusesVersion(response->head.status, response->body))
      return response;
  }
}

Result<std::string> Api::expectSuccess(HttpRequest request, Subject subject,
                                       const CallContext& context) {
  auto response = call(std::move(request), context);
  if (!response) return response.error();
  if (!response->head.success())
    return errorFromReply(response->head.status, response->body, subject);
  return std::move(response->body);
}

Result<std::string> Api::get(std::string target, Subject subject, const CallContext& context) {
  return expectSuccess({.method = Method::kGet, .target = std::move(target)}, subject, context);
}

Result<std::unique_ptr<HttpStream>> Api::open(HttpRequest request, Subject subject,
                                              const CallContext& context) {
  for (bool again = false;; again = true) {
    const auto agreed = version(context);
    if (!agreed) return agreed.error();
    auto stream = client_.open(versioned(request, *agreed), context);
    if (!stream) {
      if (stream.error().code == ErrorCode::kUnavailable) forgetVersion();
      return stream;
    }
    const int status = (*stream)->head().status;
    if (status == 101 || (*stream)->head().success()) return stream;
    const auto body = (*stream)->readAll(context);
    if (!body) return body.error();
    if (again || !refusesVersion(status, *body)) return errorFromReply(status, *body, subject);
  }
}

}  // namespace control::docker
