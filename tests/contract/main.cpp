// The behaviours of libcontrol's engines, as a program: see kUsage.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <sstream>
#include <string_view>
#include <thread>
#include <vector>

#include "contract/behaviour.h"
#include "contract/options.h"
#include "contract/report.h"
#include "contract/scratch.h"
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
    auto swept = world.sweep();
    // The engine may still be at what a call had asked for that was abandoned.
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
    if (swept)
      if (const auto more = world.sweep(); more) *swept += *more;
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

/// GoogleTest does not say when it could not write all of it.
Result<void> hand(const std::string& results, const std::string& file) {
  const auto failed = [&file] {
    return Error{.message = "cannot write " + file + ": " + std::strerror(errno)};
  };
  std::stringstream text;
  if (!(text << std::ifstream(results).rdbuf()) || !text.str().ends_with("</testsuites>\n"))
    return failed();
  std::ofstream out(file);
  out << text.str();
  out.close();
  return out ? Result<void>() : failed();
}

int run(const Options& options) {
  if (!options.junit.empty() && !std::ofstream(options.junit, std::ios::app))
    return fail({.message = "cannot write " + options.junit + ": " + std::strerror(errno)});
  cleanUpWhenInterrupted();
  if (auto begun = begin(options); !begun) return fail(begun.error());
  const ScratchFolder folder;
  const std::string results = folder.path() + "/results.xml";
  if (!options.junit.empty()) GTEST_FLAG_SET(output, "xml:" + results);
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
  if (!options.junit.empty())
    if (auto handed = hand(results, options.junit); !handed) return fail(handed.error());
  return failed == 0 && report->conforms() ? 0 : kFailed;
}

/// GoogleTest ends a process without one. Paths are absolute by now.
void standSomewhere() {
  std::error_code error;
  if (std::filesystem::current_path(error).empty()) static_cast<void>(::chdir("/"));
}

/// What is opened later must not take the place of a descriptor that was closed.
void openStandardDescriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd)
    if (::fcntl(fd, F_GETFD) < 0) static_cast<void>(::open("/dev/null", O_RDWR));
}

/// GoogleTest would run a part of the suite, or none of it, where the environment says so (as in
/// that of a test that is run in shards). It has read its variables before main().
Result<void> runWithoutGoogleTestsVariables(char** arguments) {
  constexpr std::string_view kThose[] = {"GTEST_",
                                         "TESTBRIDGE_TEST_",
                                         "XML_OUTPUT_FILE=",
                                         "TEST_PREMATURE_EXIT_FILE=",
                                         "TEST_WARNINGS_OUTPUT_FILE=",
                                         "TEST_TOTAL_SHARDS=",
                                         "TEST_SHARD_INDEX=",
                                         "TEST_SHARD_STATUS_FILE="};
  std::vector<char*> environment;
  bool any = false;
  for (char** one = environ; *one != nullptr; ++one) {
    const bool is_one = std::any_of(std::begin(kThose), std::end(kThose), [&](auto name) {
      return std::string_view(*one).starts_with(name);
    });
    any = any || is_one;
    if (!is_one) environment.push_back(*one);
  }
  if (!any) return {};
  environment.push_back(nullptr);
  std::error_code ignored;
  const std::string program = std::filesystem::read_symlink("/proc/self/exe", ignored);
  ::execve(program.c_str(), arguments, environment.data());
  return Error{.message =
                   "cannot leave GoogleTest's variables out of the environment (GTEST_...): " +
                   std::string(std::strerror(errno))};
}

}  // namespace
}  // namespace control::conform

int main(int count, char** arguments) {
  using namespace control::conform;
  openStandardDescriptors();
  if (auto left_out = runWithoutGoogleTestsVariables(arguments); !left_out)
    return fail(left_out.error());
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
  standSomewhere();
  // Here, so that their names are the same in both processes.
  for (const Behaviour& one : behaviours()) one.register_test();
  // In every thread there will be: one of them waits for these.
  const sigset_t signals = endingSignals();
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const auto code = runApart(options->limit, [&] {
    const int verdict = run(*options);
    // Whoever cleans up ends the process.
    while (World::instance().interrupted().stop_requested()) ::pause();
    return verdict;
  });
  return code ? *code : fail(code.error());
}
