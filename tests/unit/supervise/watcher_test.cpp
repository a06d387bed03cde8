#include "supervise/watcher.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace control {
namespace {

TEST(Watcher, KeepsItsDescriptorsForCallsThatComeAfterItWasStopped) {
  Watcher watcher({.ready = [](std::uint64_t) {},
                   .event = [](const Event&) {},
                   .events_lost = [](const Error&) {}});
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  watcher.stop();
  EXPECT_TRUE(watcher.add(fd, watcher.newToken()));
  watcher.remove(fd);
  ::close(fd);
}

}  // namespace
}  // namespace control
