#pragma once

#include <string>

namespace control::test {

/// The real engine that the tests of one kind use, as docker_fixture.h and podman_fixture.h offer
/// it; owned, and stopped at the end of the program, when it had to be started. Its variable (as
/// CONTROL_TEST_DOCKER) names the engine to use, the same with _FILE the file with its URI.
///
/// Threads: any.
/// Errors:  std::runtime_error with the engine's log when there is none and none can be started.
class PrivateEngine {
 public:
  struct Kind {
    const char* scheme;    ///< "docker"
    const char* variable;  ///< "CONTROL_TEST_DOCKER"
    const char* script;    ///< in tests/engines: "dockerd.sh"
    const char* options;   ///< of `start`: ""
  };

  explicit PrivateEngine(const Kind& kind);
  ~PrivateEngine();
  PrivateEngine(const PrivateEngine&) = delete;
  PrivateEngine& operator=(const PrivateEngine&) = delete;

  const std::string& uri() const;
  /// Path of the Unix socket; throws when the URI names none.
  std::string socket() const;
  /// "/run/netns/NAME" of the engine's network, where published ports are found; empty when that
  /// is the network of the caller.
  std::string networkNamespace() const;

 private:
  void useRunning(const std::string& file);
  void startPrivate();

  Kind kind_;
  std::string uri_;
  std::string error_;
  std::string owned_directory_;
};

}  // namespace control::test
