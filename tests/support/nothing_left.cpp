// Linked into a test program: whatever an engine does to us in a test, no thread and no descriptor
// stays behind.

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "support/footprint.h"

namespace control::test {
namespace {

class NothingLeft : public testing::EmptyTestEventListener {
 public:
  /// A sanitizer may have a thread of its own from our first one on.
  void OnTestProgramStart(const testing::UnitTest&) override {
    std::thread([] {}).join();
  }
  void OnTestStart(const testing::TestInfo&) override { before_ = Footprint::now(); }

  void OnTestEnd(const testing::TestInfo&) override {
    Footprint now = Footprint::now();
    // Threads that have been told to end need a moment.
    for (int tries = 0; !now.within(before_) && tries < 500; ++tries) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      now = Footprint::now();
    }
    EXPECT_LE(now.threads, before_.threads) << "threads were left behind";
    EXPECT_LE(now.descriptors, before_.descriptors) << "descriptors were left behind";
  }

 private:
  Footprint before_{};
};

[[maybe_unused]] const bool kListening = [] {
  testing::UnitTest::GetInstance()->listeners().Append(new NothingLeft);
  return true;
}();

}  // namespace
}  // namespace control::test
