#include "unit/agent/probes/game_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <map>
#include <stdexcept>

namespace agent {
namespace {

using namespace std::string_view_literals;

constexpr int kGlance = 20;

std::string littleEndian(std::uint32_t value, int size) {
  std::string bytes;
  for (int i = 0; i < size; ++i) bytes += static_cast<char>((value >> (8 * i)) & 0xFF);
  return bytes;
}

std::string varInt(std::size_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>((value & 0x7F) | 0x80);
  return bytes + static_cast<char>(value);
}

}  // namespace

const std::string GamePeer::kClose = "<close>";

GamePeer::GamePeer(Kind kind, Script script)
    : script_(std::move(script)),
      socket_(
          ::socket(AF_INET, (kind == Kind::kUdp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* const plain = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (::bind(socket_.get(), plain, size) != 0 || ::getsockname(socket_.get(), plain, &size) != 0 ||
      (kind == Kind::kTcp && ::listen(socket_.get(), 16) != 0))
    throw std::runtime_error("no port for a peer");
  port_ = ntohs(address.sin_port);
  if (kind != Kind::kClosed)
    thread_ = std::thread([this, kind] { kind == Kind::kTcp ? serveTcp() : serveUdp(); });
}

GamePeer::~GamePeer() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
}

bool GamePeer::send(int to, const std::vector<std::string>& pieces) const {
  for (const std::string& piece : pieces) {
    if (piece == kClose) return false;
    if (::send(to, piece.data(), piece.size(), MSG_NOSIGNAL) < 0) return false;
  }
  return true;
}

void GamePeer::serveTcp() {
  std::map<int, std::pair<Descriptor, std::string>> connections;
  while (!stopping_) {
    std::vector<pollfd> waiting{{socket_.get(), POLLIN, 0}};
    for (const auto& [descriptor, connection] : connections)
      waiting.push_back({descriptor, POLLIN, 0});
    if (::poll(waiting.data(), waiting.size(), kGlance) <= 0) continue;
    for (const pollfd& one : waiting) {
      if (one.revents == 0) continue;
      if (one.fd == socket_.get()) {
        Descriptor accepted(::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
        ++asked_;
        const int descriptor = accepted.get();
        if (send(descriptor, script_("")))
          connections.emplace(descriptor, std::pair(std::move(accepted), std::string()));
        continue;
      }
      auto& [descriptor, got] = connections.at(one.fd);
      std::array<char, 4096> buffer;
      const ssize_t size = ::recv(one.fd, buffer.data(), buffer.size(), 0);
      if (size > 0) got.append(buffer.data(), static_cast<std::size_t>(size));
      if (size <= 0 || !send(one.fd, script_(got))) connections.erase(one.fd);
    }
  }
}

void GamePeer::serveUdp() {
  while (!stopping_) {
    pollfd waiting{socket_.get(), POLLIN, 0};
    if (::poll(&waiting, 1, kGlance) <= 0) continue;
    std::array<char, 4096> buffer;
    sockaddr_in from{};
    socklen_t size = sizeof from;
    const ssize_t got = ::recvfrom(socket_.get(), buffer.data(), buffer.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from), &size);
    if (got < 0) continue;
    ++asked_;
    for (const std::string& answer : script_({buffer.data(), static_cast<std::size_t>(got)}))
      ::sendto(socket_.get(), answer.data(), answer.size(), 0,
               reinterpret_cast<const sockaddr*>(&from), size);
  }
}

std::string minecraftStatus(std::string_view json) {
  const std::string packet = '\0' + varInt(json.size()) + std::string(json);
  return varInt(packet.size()) + packet;
}

GamePeer::Script minecraftServer(std::string json) {
  return [json = std::move(json)](std::string_view got) -> std::vector<std::string> {
    // The handshake names this host and asks for the status; the request for it comes behind.
    if (got.ends_with("\x01\x01\0"sv) && got.find("127.0.0.1") != std::string_view::npos)
      return {minecraftStatus(json)};
    return {};
  };
}

std::string sourceChallenge(std::string_view four_bytes) {
  return "\xFF\xFF\xFF\xFF"
         "A" +
         std::string(four_bytes);
}

std::string sourceInfo(int online, int max) {
  std::string info(
      "\xFF\xFF\xFF\xFFI\x11"
      "Name\0map\0folder\0game\0"sv);
  info += littleEndian(240, 2);
  info += static_cast<char>(online);
  info += static_cast<char>(max);
  return info + std::string("\0dl\0\0001.0\0"sv);
}

std::string sourcePlayers(const std::vector<std::string>& names) {
  std::string players =
      "\xFF\xFF\xFF\xFF"
      "D";
  players += static_cast<char>(names.size());
  for (const std::string& name : names)
    players += '\0' + name + '\0' + littleEndian(7, 4) + littleEndian(0, 4);
  return players;
}

std::string sourcePart(std::uint32_t id, int total, int index, std::string_view part) {
  return "\xFE\xFF\xFF\xFF" + littleEndian(id, 4) + static_cast<char>(total) +
         static_cast<char>(index) + littleEndian(1248, 2) + std::string(part);
}

GamePeer::Script sourceServer(int online, int max, std::vector<std::string> names) {
  return [=](std::string_view got) -> std::vector<std::string> {
    if (!got.ends_with("abcd")) return {sourceChallenge()};
    if (got.substr(4).starts_with("TSource Engine Query")) return {sourceInfo(online, max)};
    if (got.substr(4).starts_with("U")) return {sourcePlayers(names)};
    return {};
  };
}

}  // namespace agent
