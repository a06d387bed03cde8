#pragma once

#include <memory>
#include <string>
#include <string_view>

#include <Poco/JSON/Object.h>

#include "engines/docker_fixture.h"

namespace control::test {

/// An engine's API with nothing between: what tests compare our own answers with. Independent of
/// everything under test. Throws std::runtime_error when the engine cannot be reached.
struct RawReply {
  int status = 0;
  std::string body;

  Poco::JSON::Object::Ptr json() const;
};
RawReply rawRequest(const std::string& socket, std::string_view method, const std::string& path,
                    const std::string& body = {});
/// On dockerSocket().
RawReply rawDocker(std::string_view method, const std::string& path, const std::string& body = {});
/// On podmanSocket(); libpod paths begin with /v4.0.0/libpod/.
RawReply rawPodman(std::string_view method, const std::string& path, const std::string& body = {});

/// Waits until a process has a handler for the signal; before, it would be lost. Throws after 10 s.
void untilProcessHandles(int pid, int number);

/// A container of the test image, made and started without our code; killed and removed with this
/// object. Through Docker's API, which Podman serves too. Throws when the engine refuses.
class RawContainer {
 public:
  /// Runs `script` in sh. `host_config` is JSON: {"Memory":16777216}.
  explicit RawContainer(const std::string& script, const std::string& host_config = "{}",
                        const std::string& socket = dockerSocket());
  ~RawContainer();
  RawContainer(const RawContainer&) = delete;
  RawContainer& operator=(const RawContainer&) = delete;

  const std::string& id() const noexcept { return id_; }
  int pid() const noexcept { return pid_; }  ///< of process 1, as of the start

  Poco::JSON::Object::Ptr inspect() const;
  /// One sample with the engine's own figures; takes it a second or two.
  Poco::JSON::Object::Ptr stats() const;
  void signal(int number) const;
  /// untilProcessHandles() of process 1.
  void untilItHandles(int number) const;
  /// Waits for the end; gives the exit code. Throws after 30 s.
  int wait() const;
  void remove();

 private:
  RawReply request(std::string_view method, const std::string& rest) const;

  std::string socket_;
  std::string id_;
  int pid_ = 0;
};

}  // namespace control::test
