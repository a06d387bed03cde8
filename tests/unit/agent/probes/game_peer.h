#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "agent/descriptor.h"

namespace agent {

/// A server on a free port of 127.0.0.1 that is told what to answer. Its socket is there from the
/// beginning. One that is kClosed has a TCP port that nobody listens on.
class GamePeer {
 public:
  enum class Kind { kTcp, kUdp, kClosed };
  /// What it answers to what it got so far of one connection, or to one datagram: pieces, each sent
  /// by itself. `kClose`: it closes the connection.
  using Script = std::function<std::vector<std::string>(std::string_view got)>;
  static const std::string kClose;

  GamePeer(Kind kind, Script script);
  /// One that listens on TCP and only ever accepts.
  GamePeer() : GamePeer(Kind::kTcp, [](std::string_view) { return std::vector<std::string>{}; }) {}
  ~GamePeer();
  GamePeer(const GamePeer&) = delete;
  GamePeer& operator=(const GamePeer&) = delete;

  std::uint16_t port() const { return port_; }
  /// Connections that were accepted, or datagrams that came.
  int asked() const { return asked_; }

 private:
  void serveTcp();
  void serveUdp();
  bool send(int to, const std::vector<std::string>& pieces) const;

  const Script script_;
  Descriptor socket_;
  std::uint16_t port_ = 0;
  std::atomic<int> asked_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

// ---- What servers say ----

/// A packet of Minecraft's protocol that holds a status.
std::string minecraftStatus(std::string_view json);
/// Answers with that once the question is whole.
GamePeer::Script minecraftServer(std::string json);

std::string sourceChallenge(std::string_view four_bytes = "abcd");
std::string sourceInfo(int online, int max);
std::string sourcePlayers(const std::vector<std::string>& names);
/// A datagram with part `index` of `total`.
std::string sourcePart(std::uint32_t id, int total, int index, std::string_view part);
/// Gives a challenge first, and then answers those that carry it.
GamePeer::Script sourceServer(int online, int max, std::vector<std::string> names);

}  // namespace agent
