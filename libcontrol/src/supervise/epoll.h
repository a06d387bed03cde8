#pragma once

#include <sys/epoll.h>

#include <cerrno>
#include <cstdint>
#include <system_error>

namespace control {

/// That descriptor, or what the call that should have made it says.
inline int checked(int fd, const char* call) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), call);
  return fd;
}

/// epoll_ctl(2), with a token to know the descriptor by.
inline bool controlEpoll(int epoll, int operation, int fd, std::uint32_t events,
                         std::uint64_t token) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = token;
  return ::epoll_ctl(epoll, operation, fd, &event) == 0;
}

}  // namespace control
