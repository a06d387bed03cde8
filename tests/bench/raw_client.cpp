#include "bench/raw_client.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <stdexcept>

namespace control::bench {
namespace {

[[noreturn]] void fail(const char* what) {
  throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

RawClient::RawClient(std::string socket_path) : path_(std::move(socket_path)) { connect(); }

RawClient::~RawClient() {
  if (fd_ >= 0) ::close(fd_);
}

void RawClient::connect() {
  fd_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path_.size() >= sizeof address.sun_path) throw std::runtime_error("socket path too long");
  std::memcpy(address.sun_path, path_.c_str(), path_.size() + 1);
  if (::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    fail("connect");
}

void RawClient::send(std::string_view target) {
  const std::string request = "GET " + std::string(target) + " HTTP/1.1\r\nHost: localhost\r\n\r\n";
  if (::send(fd_, request.data(), request.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(request.size()))
    fail("send");
}

std::size_t RawClient::get(std::string_view target) {
  send(target);
  answer_.clear();
  std::array<char, 65536> buffer{};
  std::size_t needed = 0;
  for (;;) {
    const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
    if (got <= 0) fail("recv");
    answer_.append(buffer.data(), static_cast<std::size_t>(got));
    if (needed == 0) {
      const std::size_t head = answer_.find("\r\n\r\n");
      if (head == std::string::npos) continue;
      const std::size_t length = answer_.find("Content-Length: ");
      if (length != std::string::npos && length < head) {
        std::size_t body = 0;
        std::from_chars(answer_.data() + length + 16, answer_.data() + head, body);
        needed = head + 4 + body;
      }
    }
    if (needed != 0 ? answer_.size() >= needed
                    : std::string_view(answer_).ends_with("\r\n0\r\n\r\n"))
      return answer_.size();
  }
}

void RawClient::open(std::string_view target) { send(target); }

std::string RawClient::readSome() {
  std::array<char, 65536> buffer{};
  const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
  return got <= 0 ? std::string() : std::string(buffer.data(), static_cast<std::size_t>(got));
}

}  // namespace control::bench
