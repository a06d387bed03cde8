#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace panel {

/// Told what agents do. Called on a thread of the agent's connection; one agent's calls come in
/// order.
class AgentObserver {
 public:
  virtual ~AgentObserver() = default;
  virtual void onConnected(const std::string& node) = 0;
  virtual void onMessage(const std::string& node, const std::string& text) = 0;
  virtual void onDisconnected(const std::string& node, const std::string& why) = 0;
};

/// Takes agents: a WebSocket server that asks for the secret and the node's id.
///
/// Threads:  any.
/// Blocking: the destructor, until all connections are closed.
/// Errors:   the constructor throws Poco::Exception when the address cannot be had.
class AgentListener {
 public:
  /// `address` is host:port; port 0 takes any free one.
  AgentListener(const std::string& address, std::string secret, AgentObserver& observer);
  ~AgentListener();
  AgentListener(const AgentListener&) = delete;
  AgentListener& operator=(const AgentListener&) = delete;

  std::uint16_t port() const;

  /// False when that node is not connected (any more).
  bool send(const std::string& node, const std::string& text);

 private:
  class Server;
  std::unique_ptr<Server> server_;
};

}  // namespace panel
