#include "podman/podman_endpoint.h"

#include <unistd.h>

namespace control::podman {
namespace {

/// What a Unix socket's address has room for.
constexpr std::size_t kMaxSocketPath = 107;

Result<engine::Address> unixAddress(std::string path) {
  if (path.size() > kMaxSocketPath)
    return Error::invalid("the path of a Unix socket has at most 107 bytes: " + path);
  return engine::Address{.socket_path = std::move(path)};
}

std::string variable(const HostContext& host, std::string_view name) {
  return host.environment ? host.environment(name) : std::string();
}

}  // namespace

std::string defaultSocket(unsigned user, const std::string& runtime_directory) {
  if (user == 0) return "/run/podman/podman.sock";
  const std::string directory =
      runtime_directory.empty() ? "/run/user/" + std::to_string(user) : runtime_directory;
  return directory + "/podman/podman.sock";
}

Result<engine::Address> addressOf(const Endpoint& endpoint, const HostContext& host) {
  if (auto known = endpoint.requireKnownQuery({}); !known) return known.error();
  if (!endpoint.transport.empty())
    return Error::invalid("podman+" + endpoint.transport +
                          ":// is unknown; Podman is reached by its Unix socket: podman:///socket");
  if (!endpoint.host.empty())
    return Error::invalid("podman:// takes a socket's path, as podman:///socket");
  if (endpoint.path != "/") return unixAddress(endpoint.path);
  const std::string container_host = variable(host, "CONTAINER_HOST");
  if (container_host.empty())
    return unixAddress(defaultSocket(::geteuid(), variable(host, "XDG_RUNTIME_DIR")));
  if (container_host.starts_with("unix:///")) return unixAddress(container_host.substr(7));
  return Error::invalid("CONTAINER_HOST is '" + container_host.substr(0, 200) +
                        "'; unix:///path is understood, for others forward the socket and use "
                        "podman:///path");
}

}  // namespace control::podman
