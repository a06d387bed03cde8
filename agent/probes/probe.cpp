#include "agent/probes/probe.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;

/// Read at a time, so that one that sends without end holds up nobody else.
constexpr int kMostReads = 8;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

SocketAddress socketAddress(const ProbeAddress& address) {
  SocketAddress result;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&result.storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&result.storage);
  if (::inet_pton(AF_INET, address.ip.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(address.port);
    result.size = sizeof *v4;
  } else if (::inet_pton(AF_INET6, address.ip.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(address.port);
    result.size = sizeof *v6;
  }
  return result;
}

bool wouldBlock(int problem) { return problem == EAGAIN || problem == EINTR; }

}  // namespace

std::string ProbeAddress::text() const {
  const bool is_v6 = ip.find(':') != std::string::npos;
  return (is_v6 ? '[' + ip + ']' : ip) + ':' + std::to_string(port);
}

Probe::Probe(std::unique_ptr<Exchange> exchange, const ProbeAddress& address, Clock::time_point now)
    : exchange_(std::move(exchange)), address_(address), deadline_(now + kLongest) {
  open();
}

void Probe::open() {
  const SocketAddress to = socketAddress(address_);
  const bool is_tcp = exchange_->transport() == Exchange::Transport::kTcp;
  const int type = (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC | SOCK_NONBLOCK;
  socket_ = Descriptor(::socket(to.storage.ss_family, type, 0));
  // Connected, a UDP socket takes nothing from anybody else and hears that nobody listens.
  if (!socket_ || (::connect(socket_.get(), to.get(), to.size) != 0 && errno != EINPROGRESS))
    problem_ = errno;
}

pollfd Probe::waiting() const {
  const bool writes = !connected_ || !unsent_.empty();
  return {socket_.get(), static_cast<short>(writes ? POLLOUT | POLLIN : POLLIN), 0};
}

Probe::Clock::time_point Probe::due() const {
  if (problem_ != 0) return Clock::time_point::min();
  return enough_at_ ? std::min(*enough_at_, deadline_) : deadline_;
}

Error Probe::failed(const std::string& why) const {
  return {.code = ErrorCode::kUnavailable, .message = address_.text() + ": " + why};
}

Probe::Outcome Probe::advance(Clock::time_point now) {
  if (problem_ != 0) return failed(std::generic_category().message(problem_));
  if (!connected_) {
    if (auto outcome = finishConnecting()) return outcome;
    if (connected_ && exchange_->patience()) enough_at_ = now + *exchange_->patience();
  }
  if (connected_) {
    if (auto outcome = send()) return outcome;
    if (auto outcome = receive(now)) return outcome;
  }
  if (enough_at_ && now >= due()) return exchange_->answer();
  if (now >= deadline_) return failed(connected_ ? "no answer in 5 s" : "no connection in 5 s");
  return std::nullopt;
}

Probe::Outcome Probe::finishConnecting() {
  int problem = 0;
  socklen_t size = sizeof problem;
  if (::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &size) != 0) problem = errno;
  if (problem != 0) return failed(std::generic_category().message(problem));
  sockaddr_storage peer{};
  socklen_t peer_size = sizeof peer;
  connected_ = ::getpeername(socket_.get(), reinterpret_cast<sockaddr*>(&peer), &peer_size) == 0;
  return std::nullopt;
}

Probe::Outcome Probe::send() {
  if (unsent_.empty()) unsent_ = exchange_->takeOutput();
  while (!unsent_.empty()) {
    const ssize_t sent = ::send(socket_.get(), unsent_.data(), unsent_.size(), MSG_NOSIGNAL);
    if (sent < 0 && wouldBlock(errno)) return std::nullopt;
    if (sent < 0) return failed(std::generic_category().message(errno));
    unsent_.erase(0, static_cast<std::size_t>(sent));
  }
  return std::nullopt;
}

Probe::Outcome Probe::receive(Clock::time_point now) {
  std::array<char, 65536> buffer;
  const bool is_tcp = exchange_->transport() == Exchange::Transport::kTcp;
  for (int read = 0; read < kMostReads; ++read) {
    const ssize_t size = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && wouldBlock(errno)) return std::nullopt;
    if (size < 0) return failed(std::generic_category().message(errno));
    if (size == 0 && is_tcp) return failed("it closed the connection");
    const auto complete = exchange_->take({buffer.data(), static_cast<std::size_t>(size)});
    if (!complete) return failed(complete.error().message);
    if (*complete) return exchange_->answer();
    if (const auto patience = exchange_->patience(); patience && !enough_at_)
      enough_at_ = now + *patience;
    if (auto outcome = send()) return outcome;
  }
  return std::nullopt;
}

}  // namespace agent
