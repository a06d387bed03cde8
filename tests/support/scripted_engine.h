#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace control::test {

/// A server that speaks just enough HTTP to play an engine, well or badly: each request goes to a
/// function of the test, which answers, cuts, stalls or talks nonsense.
///
/// Threads: one for each connection; the function is called on any of them.
class ScriptedEngine {
 public:
  struct Request {
    std::string method{};
    std::string target{};
    std::string head{};  ///< all of it, as it came
    std::string body{};
    int connection = 0;  ///< counts from 1
  };

  /// The other end of one request.
  class Peer {
   public:
    virtual ~Peer() = default;
    virtual void send(std::string_view bytes) = 0;
    /// What arrives next; empty when the client is gone or the test ends.
    virtual std::string receive() = 0;
    /// Until the client closes the connection or the test ends.
    void waitForClose() {
      while (!receive().empty()) {
      }
    }
    void reply(int status, std::string_view body, std::string_view headers = "");
  };

  /// Answers one request; false closes the connection after it.
  using Script = std::function<bool(const Request& request, Peer& peer)>;

  struct Tls {
    std::string certificate_file{};
    std::string key_file{};
    std::string client_ca_file{};  ///< clients must show a certificate of this authority
  };

  /// On a Unix socket in a directory of its own.
  explicit ScriptedEngine(Script script);
  /// With TLS on a free port of 127.0.0.1.
  ScriptedEngine(Script script, const Tls& tls);
  ~ScriptedEngine();
  ScriptedEngine(const ScriptedEngine&) = delete;
  ScriptedEngine& operator=(const ScriptedEngine&) = delete;

  /// "docker:///…/e.sock"
  std::string uri() const;
  std::string socketPath() const;
  int port() const;

  std::vector<Request> requests() const;
  /// How many requests have that method and a target that contains `part`.
  int count(std::string_view method, std::string_view part) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// Answers pings as a Docker engine of that API version, and everything else by `script`.
ScriptedEngine::Script dockerScript(std::string api_version, ScriptedEngine::Script script);

/// `pem` files of an authority, a server certificate for 127.0.0.1 and a client certificate, made
/// in a directory of its own that goes with this object.
class TestCertificates {
 public:
  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  std::string file(std::string_view name) const {
    return directory_ + "/" + std::string(name) + ".pem";
  }

 private:
  std::string directory_;
};

}  // namespace control::test
