#include "supervise/watcher.h"

#include <gtest/gtest.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <chrono>
#include <latch>
#include <thread>

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

TEST(Watcher, SaysWhetherItsThreadTurns) {
  std::latch hangs(1), goes_on(1);
  Watcher watcher({.ready =
                       [&](std::uint64_t) {
                         hangs.count_down();
                         goes_on.wait();
                       },
                   .event = [](const Event&) {},
                   .events_lost = [](const Error&) {}});
  EXPECT_TRUE(watcher.turns());
  const int fd = ::eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
  ASSERT_TRUE(watcher.add(fd, watcher.newToken()));
  hangs.wait();
  static_cast<void>(watcher.turns());
  EXPECT_FALSE(watcher.turns());
  EXPECT_FALSE(watcher.turns());
  goes_on.count_down();
  const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  while (!watcher.turns() && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  EXPECT_LT(std::chrono::steady_clock::now(), give_up);
  watcher.remove(fd);
  ::close(fd);
}

}  // namespace
}  // namespace control
