#include "support/ws_peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <stdexcept>
#include <utility>

#include <Poco/Base64Encoder.h>
#include <Poco/SHA1Engine.h>

#include <sstream>

namespace test_support {
namespace {

using Clock = std::chrono::steady_clock;

std::string acceptKey(const std::string& key) {
  Poco::SHA1Engine engine;
  engine.update(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
  std::ostringstream text;
  Poco::Base64Encoder encoder(text);
  const auto& digest = engine.digest();
  encoder.write(reinterpret_cast<const char*>(digest.data()),
                static_cast<std::streamsize>(digest.size()));
  encoder.close();
  return text.str();
}

bool readableBy(int descriptor, Clock::time_point deadline) {
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
  pollfd waiting{descriptor, POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(std::max<std::int64_t>(0, left.count()))) > 0;
}

std::uint64_t number(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

}  // namespace

int WsFrame::closeCode() const {
  return payload.size() < 2 ? 1005
                            : static_cast<int>(number(std::string_view(payload).substr(0, 2)));
}

std::string wsFrame(int first_byte, std::string_view payload) {
  std::string frame(1, static_cast<char>(first_byte));
  const std::uint64_t size = payload.size();
  const int length_bytes = size < 126 ? 0 : size < 65536 ? 2 : 8;
  frame += static_cast<char>(length_bytes == 0 ? size : length_bytes == 2 ? 126 : 127);
  for (int byte = length_bytes - 1; byte >= 0; --byte)
    frame += static_cast<char>(size >> (8 * byte) & 0xFF);
  return frame.append(payload);
}

std::string wsClose(int code, std::string_view reason) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  return wsFrame(0x88, payload.append(reason));
}

WsConnection::WsConnection(int descriptor) : descriptor_(descriptor) {}
WsConnection::~WsConnection() {
  if (descriptor_ >= 0) ::close(descriptor_);
}
WsConnection::WsConnection(WsConnection&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), buffer_(std::move(other.buffer_)) {}
WsConnection& WsConnection::operator=(WsConnection&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

bool WsConnection::fill(Clock::time_point deadline) {
  if (!readableBy(descriptor_, deadline)) return false;
  char bytes[65536];
  const ssize_t count = ::recv(descriptor_, bytes, sizeof bytes, 0);
  if (count <= 0) return false;
  buffer_.append(bytes, static_cast<std::size_t>(count));
  return true;
}

std::map<std::string, std::string> WsConnection::readRequest() {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (buffer_.find("\r\n\r\n") == std::string::npos)
    if (!fill(deadline)) throw std::runtime_error("no request came");
  std::istringstream head(buffer_.substr(0, buffer_.find("\r\n\r\n")));
  buffer_.erase(0, buffer_.find("\r\n\r\n") + 4);
  std::map<std::string, std::string> request;
  std::string line;
  std::getline(head, line);
  request[""] = line.substr(0, line.find('\r'));
  while (std::getline(head, line)) {
    line = line.substr(0, line.find('\r'));
    std::string name = line.substr(0, line.find(':'));
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    request[name] = line.substr(std::min(line.size(), line.find(':') + 2));
  }
  return request;
}

std::map<std::string, std::string> WsConnection::accept(std::string_view glued) {
  auto request = readRequest();
  write(acceptance(request) + "\r\n" + std::string(glued));
  return request;
}

std::string WsConnection::acceptance(std::map<std::string, std::string>& request) {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
         "Sec-WebSocket-Accept: " +
         acceptKey(request["sec-websocket-key"]) + "\r\n";
}

void WsConnection::refuse(const std::string& status, const std::string& headers) {
  readRequest();
  write("HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n" + headers + "\r\n");
}

void WsConnection::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (count <= 0) return;  // the other end is gone, which the test sees when it reads
    bytes.remove_prefix(static_cast<std::size_t>(count));
  }
}

std::optional<WsFrame> WsConnection::read(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  const auto need = [&](std::size_t size) {
    while (buffer_.size() < size)
      if (!fill(deadline)) return false;
    return true;
  };
  if (!need(2)) return std::nullopt;
  const auto second = static_cast<unsigned char>(buffer_[1]);
  std::size_t size = second & 0x7F;
  const std::size_t length_bytes = size == 126 ? 2 : size == 127 ? 8 : 0;
  const std::size_t head = 2 + length_bytes + ((second & 0x80) != 0 ? 4 : 0);
  if (!need(head)) return std::nullopt;
  if (length_bytes > 0) size = number(std::string_view(buffer_).substr(2, length_bytes));
  if (!need(head + size)) return std::nullopt;
  WsFrame frame{static_cast<unsigned char>(buffer_[0]), (second & 0x80) != 0,
                buffer_.substr(head, size)};
  if (frame.masked)
    for (std::size_t index = 0; index < size; ++index)
      frame.payload[index] =
          static_cast<char>(frame.payload[index] ^ buffer_[head - 4 + index % 4]);
  buffer_.erase(0, head + size);
  return frame;
}

std::string WsConnection::readRaw(std::size_t size) {
  const auto deadline = Clock::now() + std::chrono::seconds(10);
  while (buffer_.size() < size)
    if (!fill(deadline)) break;
  std::string bytes = buffer_.substr(0, size);
  buffer_.erase(0, bytes.size());
  return bytes;
}

std::string WsConnection::readText() {
  for (;;) {
    const auto frame = read();
    if (!frame) return "(nothing)";
    if (frame->opcode() == 1 && frame->payload != "hello" && frame->payload != "beat")
      return frame->payload;
  }
}

void WsConnection::endSending() { ::shutdown(descriptor_, SHUT_WR); }

void WsConnection::endBoth() { ::shutdown(descriptor_, SHUT_RDWR); }

bool WsConnection::ended(std::chrono::milliseconds patience) {
  const auto deadline = Clock::now() + patience;
  while (readableBy(descriptor_, deadline)) {
    char bytes[65536];
    if (::recv(descriptor_, bytes, sizeof bytes, 0) <= 0) return true;
  }
  return false;
}

WsPeer::WsPeer(int receive_buffer) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (receive_buffer > 0)
    ::setsockopt(listener_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
  if (::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(listener_, 8) != 0 ||
      ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("cannot listen on 127.0.0.1");
  port_ = ntohs(address.sin_port);
}

WsPeer::~WsPeer() { ::close(listener_); }

std::string WsPeer::url(const std::string& path) const {
  return "ws://127.0.0.1:" + std::to_string(port_) + path;
}

std::optional<WsConnection> WsPeer::next(std::chrono::milliseconds patience) {
  if (!readableBy(listener_, Clock::now() + patience)) return std::nullopt;
  return WsConnection(::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC));
}

}  // namespace test_support
