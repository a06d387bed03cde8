// The behaviours of libcontrol's engines, as a program: see kUsage.

#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <exception>
#include <fstream>
#include <iostream>
#include <thread>

#include "contract/options.h"
#include "contract/report.h"
#include "contract/suite_process.h"
#include "contract/world.h"

namespace control::conform {
namespace {

constexpr int kFailed = 1;
constexpr int kCouldNotRun = 2;
constexpr const char* kNoneMatches = "no behaviour matches --filter; --list shows all";

/// An interrupted run takes its containers with it.
void cleanUpWhenInterrupted() {
  std::thread([] {
    const sigset_t signals = endingSignals();
    int number = 0;
    ::sigwait(&signals, &number);
    // Whoever would kill a clean-up that hangs may be gone.
    ::alarm(3 * kCleanUpLimit.count());
    World& world = World::instance();
    world.interrupted().request_stop();
    const auto swept = world.sweep();
    if (swept)
      complain("clean-up: " + std::to_string(*swept) + " containers removed\n");
    else
      complain("cannot clean up: " + swept.error().message + '\n');
    endSuite(128 + number);
  }).detach();
}

int fail(const Error& error) {
  complain("control-conform: " + error.message + '\n');
  return kCouldNotRun;
}

/// Opens the engine; nothing throws.
Result<void> begin(const Options& options) {
  static constexpr const char* kThrew =
      "before the first behaviour a call of the plugin threw an "
      "exception, and none may: ";
  try {
    return World::instance().begin(options);
  } catch (const std::exception& thrown) {
    return Error{.code = ErrorCode::kInternal, .message = std::string(kThrew) + thrown.what()};
  }
}

int run(const Options& options) {
  if (!options.junit.empty() && !std::ofstream(options.junit, std::ios::app))
    return fail({.message = "cannot write " + options.junit + ": " + std::strerror(errno)});
  cleanUpWhenInterrupted();
  if (auto begun = begin(options); !begun) return fail(begun.error());
  if (!options.junit.empty()) GTEST_FLAG_SET(output, "xml:" + options.junit);
  if (!options.filter.empty()) GTEST_FLAG_SET(filter, options.filter);
  char name[] = "control-conform";
  char* arguments[] = {name, nullptr};
  int count = 1;
  ::testing::InitGoogleTest(&count, arguments);
  auto& listeners = ::testing::UnitTest::GetInstance()->listeners();
  delete listeners.Release(listeners.default_result_printer());
  auto* const report = new Report;
  listeners.Append(report);
  const int failed = RUN_ALL_TESTS();
  if (::testing::UnitTest::GetInstance()->test_to_run_count() == 0)
    return fail({.message = kNoneMatches});
  return failed == 0 && report->conforms() ? 0 : kFailed;
}

}  // namespace
}  // namespace control::conform

int main(int count, char** arguments) {
  using namespace control::conform;
  const auto options = Options::parse(count, arguments);
  if (!options) return fail(options.error());
  if (options->help) {
    std::cout << kUsage;
    return 0;
  }
  if (options->version) {
    std::cout << "control-conform " << CONTROL_VERSION << " (" << CONTROL_BUILD_ID << ")\n";
    return 0;
  }
  if (options->list) {
    return printBehaviours(*options) ? 0 : fail({.message = kNoneMatches});
  }
  // In every thread there will be: one of them waits for these.
  const sigset_t signals = endingSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto code = runApart(options->limit, [&] { return run(*options); });
  return code ? *code : fail(code.error());
}
