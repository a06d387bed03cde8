#include "podman/podman_api.h"

#include <charconv>

namespace control::podman {
namespace {

using engine::HttpRequest;
using engine::HttpResponse;
using engine::HttpStream;
using engine::Method;

Error notPodman(const engine::Address& address, std::string_view why) {
  return {
      .code = ErrorCode::kUnsupported,
      .message = "no Podman service answers at " + address.toString() + ": " + std::string(why)};
}

}  // namespace

Result<Version> readVersion(const std::string& text) {
  Version version{.text = text};
  const char* const end = text.data() + text.size();
  const auto major = std::from_chars(text.data(), end, version.major);
  const bool readable = major.ec == std::errc{} && major.ptr != end && *major.ptr == '.' &&
                        std::from_chars(major.ptr + 1, end, version.minor).ec == std::errc{} &&
                        version.major > 0 && version.minor >= 0;
  if (!readable)
    return Error{
        .code = ErrorCode::kInternal,
        .message = "the engine names no version that can be read: '" + text.substr(0, 32) + "'"};
  if (!version.atLeast(4, 3))
    return Error{
        .code = ErrorCode::kUnsupported,
        .message = "the engine is Podman " + text.substr(0, 32) + "; 4.3 or newer is needed"};
  return version;
}

Api::Api(engine::Address address, HostContext host)
    : host_(std::move(host)), client_(std::move(address), host_.clock) {}

Result<Version> Api::ask(const CallContext& context) {
  auto reply = client_.request(HttpRequest{.method = Method::kGet, .target = "/_ping"}, context);
  if (!reply) return reply.error();
  const engine::HttpHead& head = reply->head;
  const auto offered = head.header("libpod-api-version");
  if (offered && head.success()) return readVersion(std::string(*offered));
  if (head.header("api-version"))
    return notPodman(client_.address(),
                     "this is Docker; use docker://" + client_.address().socket_path + " for it");
  if (!head.success() && head.status != 404)
    return errorFromReply(head.status, reply->body, Subject::kEngine);
  return notPodman(client_.address(), "the answer to a ping names no version of Podman");
}

Result<Version> Api::version(const CallContext& context, bool anew) {
  if (!anew) {
    const std::lock_guard lock(mutex_);
    if (version_.major != 0) return version_;
  }
  auto answer = ask(context);
  if (!answer) {
    forgetVersion();
    return answer.error();
  }
  const std::lock_guard lock(mutex_);
  return version_ = std::move(*answer);
}

Version Api::knownVersion() {
  const std::lock_guard lock(mutex_);
  return version_;
}

void Api::forgetVersion() {
  const std::lock_guard lock(mutex_);
  version_ = {};
}

/// From version 5 on the engine answers in the form that goes with the path.
Result<std::string> Api::prefix(const CallContext& context) {
  const auto known = version(context);
  if (!known) return known.error();
  return std::string(known->major >= 5 ? "/v5.0.0/libpod" : "/v4.0.0/libpod");
}

Result<HttpResponse> Api::call(HttpRequest request, const CallContext& context) {
  const auto path = prefix(context);
  if (!path) return path.error();
  request.target.insert(0, *path);
  auto response = client_.request(request, context);
  if (!response && response.error().code == ErrorCode::kUnavailable) forgetVersion();
  return response;
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
  const auto path = prefix(context);
  if (!path) return path.error();
  request.target.insert(0, *path);
  auto stream = client_.open(request, context);
  if (!stream) {
    if (stream.error().code == ErrorCode::kUnavailable) forgetVersion();
    return stream;
  }
  const int status = (*stream)->head().status;
  if (status == 101 || (*stream)->head().success()) return stream;
  const auto body = (*stream)->readAll(context);
  if (!body) return body.error();
  return errorFromReply(status, *body, subject);
}

Result<std::unique_ptr<HttpStream>> Api::openAhead(HttpRequest request,
                                                   const CallContext& context) {
  const auto path = prefix(context);
  if (!path) return path.error();
  request.target.insert(0, *path);
  return client_.openAhead(request, context);
}

}  // namespace control::podman
