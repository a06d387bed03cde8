#include "agent/service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <charconv>
#include <cstddef>

#include "agent/descriptor.h"

namespace agent {
namespace {

std::optional<std::int64_t> number(const std::string& text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = read.ec == std::errc() && read.ptr == text.data() + text.size();
  return whole && value > 0 ? std::optional(value) : std::nullopt;
}

}  // namespace

ServiceManager::ServiceManager(const Environment& environment) {
  socket_ = environment("NOTIFY_SOCKET").value_or("");
  const auto microseconds = number(environment("WATCHDOG_USEC").value_or(""));
  const auto process = environment("WATCHDOG_PID");
  const bool for_us = !process || number(*process) == ::getpid();
  if (!socket_.empty() && microseconds && for_us)
    interval_ = std::chrono::milliseconds(std::max<std::int64_t>(1, *microseconds / 3000));
}

void ServiceManager::ready() { send("READY=1"); }
void ServiceManager::stopping() { send("STOPPING=1"); }
void ServiceManager::alive() { send("WATCHDOG=1"); }

void ServiceManager::send(std::string_view state) const {
  sockaddr_un address{};
  if (socket_.empty() || socket_.size() >= sizeof address.sun_path) return;
  const Descriptor socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return;
  address.sun_family = AF_UNIX;
  socket_.copy(address.sun_path, socket_.size());
  if (socket_.front() == '@') address.sun_path[0] = '\0';  // of the abstract namespace
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket_.size());
  static_cast<void>(::sendto(socket.get(), state.data(), state.size(), MSG_NOSIGNAL,
                             reinterpret_cast<const sockaddr*>(&address), size));
}

}  // namespace agent
