#include "docker/docker_endpoint.h"

#include <unistd.h>

#include <array>
#include <string_view>

namespace control::docker {
namespace {

constexpr const char* kDefaultSocket = "/var/run/docker.sock";
/// What a Unix socket's address has room for.
constexpr std::size_t kMaxSocketPath = 107;
constexpr int kTcpPort = 2375;
constexpr int kTlsPort = 2376;

Result<engine::Address> unixAddress(std::string path) {
  if (path.size() > kMaxSocketPath)
    return Error::invalid("the path of a Unix socket has at most 107 bytes: " + path);
  return engine::Address{.socket_path = std::move(path)};
}

std::string valueOf(const Endpoint& endpoint, const char* key) {
  const auto found = endpoint.query.find(key);
  return found == endpoint.query.end() ? std::string() : found->second;
}

Result<void> checkReadable(const char* key, const std::string& file) {
  if (file.empty()) return {};
  if (!file.starts_with('/'))
    return Error::invalid(std::string(key) + " must be an absolute path: " + file);
  if (::access(file.c_str(), R_OK) != 0)
    return Error::invalid(std::string(key) + ": cannot read " + file);
  return {};
}

Result<engine::Address> tcpAddress(const Endpoint& endpoint, bool tls) {
  if (endpoint.host.empty())
    return Error::invalid("docker+" + endpoint.transport + ":// needs a host");
  if (endpoint.path != "/")
    return Error::invalid("docker+" + endpoint.transport + "://host:port takes no path");
  if (!tls && !endpoint.query.empty())
    return Error::invalid("ca, cert and key belong to docker+tls://");
  engine::Address address{.host = endpoint.host,
                          .port = endpoint.port.value_or(tls ? kTlsPort : kTcpPort),
                          .tls = tls,
                          .ca_file = valueOf(endpoint, "ca"),
                          .certificate_file = valueOf(endpoint, "cert"),
                          .key_file = valueOf(endpoint, "key")};
  if (address.certificate_file.empty() != address.key_file.empty())
    return Error::invalid("cert and key come together");
  for (const auto& [key, file] :
       {std::pair{"ca", &address.ca_file}, std::pair{"cert", &address.certificate_file},
        std::pair{"key", &address.key_file}})
    if (auto readable = checkReadable(key, *file); !readable) return readable.error();
  return address;
}

/// DOCKER_HOST as unix:///path or tcp://host:port.
Result<engine::Address> fromDockerHost(const std::string& value) {
  if (value.starts_with("unix://")) return unixAddress(value.substr(7));
  if (value.starts_with("tcp://")) {
    auto parsed = Endpoint::parse("docker+" + value);
    if (parsed) return tcpAddress(*parsed, false);
  }
  return Error::invalid("DOCKER_HOST is '" + value.substr(0, 200) +
                        "'; unix:///path and tcp://host:port are understood, for TLS use "
                        "docker+tls://host:port?ca=FILE");
}

}  // namespace

Result<engine::Address> addressOf(const Endpoint& endpoint, const HostContext& host) {
  static constexpr std::array<std::string_view, 3> kKnown = {"ca", "cert", "key"};
  if (auto known = endpoint.requireKnownQuery(kKnown); !known) return known.error();
  if (endpoint.transport == "tls") return tcpAddress(endpoint, true);
  if (endpoint.transport == "tcp") return tcpAddress(endpoint, false);
  if (!endpoint.transport.empty())
    return Error::invalid("docker+" + endpoint.transport +
                          ":// is unknown; use docker:///socket, docker+tcp:// or docker+tls://");
  if (!endpoint.host.empty())
    return Error::invalid(
        "docker:// takes a socket's path; use docker+tcp:// or docker+tls:// for a host");
  if (!endpoint.query.empty()) return Error::invalid("ca, cert and key belong to docker+tls://");
  if (endpoint.path != "/") return unixAddress(endpoint.path);
  const std::string docker_host =
      host.environment ? host.environment("DOCKER_HOST") : std::string();
  return docker_host.empty() ? unixAddress(kDefaultSocket) : fromDockerHost(docker_host);
}

}  // namespace control::docker
