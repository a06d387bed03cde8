#pragma once

#include <initializer_list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <libcontrol/result.h>

namespace control {

/// Where an engine is: `engine[+transport]://[host[:port]]/[path][?key=value&…]`.
///
///   docker:///                          the default socket, or the DOCKER_HOST of the HostContext
///   docker:///run/docker.sock           a Unix socket
///   docker+tls://host:2376?ca=…&cert=…&key=…
///   docker+tcp://127.0.0.1:2375         cleartext
///   mock:///default                     an engine in memory
struct Endpoint {
  std::string engine{};     ///< "docker", "mock": also names the plugin
  std::string transport{};  ///< "tls", "tcp"; empty: Unix socket or in-process
  std::string host{};
  std::optional<int> port{};
  std::string path{};  ///< with its leading '/', percent-decoded; "/" when absent
  std::map<std::string, std::string> query{};  ///< percent-decoded

  /// kInvalidArgument: not of this form; the message says what would be.
  static Result<Endpoint> parse(std::string_view uri);

  /// As a URI, for messages. Values of query keys are kept: they name files, never secrets.
  std::string toString() const;

  /// kInvalidArgument when the query has a key that is not in `known`; the message lists `known`.
  Result<void> requireKnownQuery(std::span<const std::string_view> known) const;
  Result<void> requireKnownQuery(std::initializer_list<std::string_view> known) const {
    return requireKnownQuery(std::span(known.begin(), known.size()));
  }
};

}  // namespace control
