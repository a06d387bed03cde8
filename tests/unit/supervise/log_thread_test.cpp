#include "supervise/log_thread.h"

#include <gtest/gtest.h>

namespace control {
namespace {

TEST(LogThread, EndsWhenItIsStoppedInTheMidstOfAChange) {
  for (int i = 0; i < 3000; ++i) {
    LogThread thread({.output = [](std::uint64_t, std::vector<Output>) {},
                      .ended = [](std::uint64_t, const std::optional<Error>&) {}});
    thread.remove(1);
    if (i % 2 == 0) std::this_thread::yield();
    thread.stop();
  }
}

}  // namespace
}  // namespace control
