#include "agent/actions/errors.h"

#include <array>
#include <string_view>

namespace agent {
namespace {

using control::ErrorCode;

constexpr std::string_view kHidden = "<path>";

bool isPathCharacter(char c) {
  static constexpr std::string_view kEnds = " \t\n\"'`,;:)]}>";
  return kEnds.find(c) == std::string_view::npos;
}

void replaceAll(std::string& text, const std::string& what, const std::string& with) {
  if (what.empty()) return;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; at += with.size())
    text.replace(at, what.size(), with);
}

/// Replaces every path that starts with `root`.
void hidePaths(std::string& text, std::string_view root) {
  if (root.size() < 2) return;
  for (std::size_t at = 0; (at = text.find(root, at)) != std::string::npos; at += kHidden.size()) {
    std::size_t end = at + root.size();
    while (end < text.size() && isPathCharacter(text[end])) ++end;
    text.replace(at, end - at, kHidden);
  }
}

/// Replaces every path of a socket, wherever an operator keeps the engine's.
void hideSockets(std::string& text) {
  static constexpr std::string_view kEnding = ".sock";
  for (std::size_t at = 0; (at = text.find(kEnding, at)) != std::string::npos;) {
    std::size_t begin = at;
    while (begin > 0 && isPathCharacter(text[begin - 1])) --begin;
    at += kEnding.size();
    if (text[begin] != '/') continue;
    text.replace(begin, at - begin, kHidden);
    at = begin + kHidden.size();
  }
}

std::string pullCode(ErrorCode code) {
  return code == ErrorCode::kImageNotFound ? "IMAGE_NOT_FOUND" : "IMAGE_PULL_FAILED";
}

}  // namespace

std::string protocolCode(const control::Error& error, ErrorPlace place) {
  if (place == ErrorPlace::kPull && error.code != ErrorCode::kCancelled)
    return pullCode(error.code);
  switch (error.code) {
    case ErrorCode::kInvalidArgument:
      return "INVALID_PAYLOAD";
    case ErrorCode::kNotFound:
      return place == ErrorPlace::kRequest ? "SERVER_NOT_FOUND" : "CONTAINER_NOT_FOUND";
    case ErrorCode::kImageNotFound:
      return "IMAGE_NOT_FOUND";
    case ErrorCode::kAlreadyExists:
      return "SERVER_EXISTS";
    case ErrorCode::kWrongState:
    case ErrorCode::kCancelled:  // a later command overtook it
      return "INVALID_STATE";
    case ErrorCode::kPortConflict:
      return "PORT_CONFLICT";
    case ErrorCode::kPermissionDenied:
      return "PERMISSION_DENIED";
    case ErrorCode::kResourceExhausted:
      return place == ErrorPlace::kRequest ? "BUSY" : "INSUFFICIENT_RESOURCES";
    case ErrorCode::kUnavailable:
      return "RUNTIME_UNAVAILABLE";
    case ErrorCode::kDeadlineExceeded:
      return "TIMEOUT";
    case ErrorCode::kUnsupported:
    case ErrorCode::kStartFailed:
    case ErrorCode::kInternal:
      return "DOCKER_ERROR";
  }
  return "DOCKER_ERROR";
}

std::string withoutHostPaths(std::string message, const std::string& server_id,
                             const HostPaths& paths) {
  // "/var/run/" before "/run/", which is a part of it.
  static constexpr std::array<std::string_view, 5> kRoots = {"/var/lib/", "/var/run/", "/run/",
                                                             "/sys/fs/", "/proc/"};
  if (!server_id.empty())
    replaceAll(message, paths.data_dir + '/' + server_id, paths.container_data_path);
  hidePaths(message, paths.data_dir);
  hidePaths(message, paths.state_dir);
  for (std::string_view root : kRoots) hidePaths(message, root);
  hideSockets(message);
  return message;
}

Refusal requestRefusal(const control::Error& error, const std::string& server_id,
                       const HostPaths& paths) {
  const std::string code = protocolCode(error, ErrorPlace::kRequest);
  if (code == "SERVER_NOT_FOUND") return {code, "there is no server '" + server_id + "'"};
  if (code == "SERVER_EXISTS")
    return {code, "server '" + server_id + "' exists already; delete or update it"};
  return {code, withoutHostPaths(error.message, server_id, paths)};
}

}  // namespace agent
