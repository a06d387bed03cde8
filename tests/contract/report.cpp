#include "contract/report.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstring>
#include <iostream>
#include <string>

#include "contract/behaviour.h"
#include "contract/world.h"

namespace control::conform {
namespace {

std::string indented(const std::string& text) {
  std::string result = "      ";
  for (const char c : text) {
    result += c;
    if (c == '\n') result += "      ";
  }
  return result;
}

std::string seconds(std::chrono::steady_clock::duration duration) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f s", std::chrono::duration<double>(duration).count());
  return text;
}

std::atomic<const char*> behaviour_now{nullptr};

/// Only what a signal handler may do.
void sayWhatRuns(int number) {
  const auto say = [](const char* text) {
    if (::write(STDOUT_FILENO, text, std::strlen(text)) < 0) return;
  };
  const char* const name = behaviour_now;
  say("  DIED  ");
  say(name == nullptr ? "between two behaviours" : name);
  say("\nDOES NOT CONFORM: the plugin ended the process\n");
  ::raise(number);
}

}  // namespace

void nameWhatRunsWhenKilled() {
  struct sigaction action {};
  action.sa_handler = sayWhatRuns;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int number : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT})
    ::sigaction(number, &action, nullptr);
}

void Report::OnTestStart(const ::testing::TestInfo& test) { behaviour_now = test.name(); }

void printBehaviours() {
  for (const Behaviour& one : behaviours()) {
    std::cout << one.group << ' ' << one.name << ' '
              << (one.level == Level::kMust ? "MUST" : "SHOULD");
    for (const Capability needed : one.needs) std::cout << ' ' << toString(needed);
    std::cout << '\n';
  }
}

void Report::OnTestProgramStart(const ::testing::UnitTest&) {
  began_ = std::chrono::steady_clock::now();
  const World& world = World::instance();
  const RuntimeInfo& info = world.info();
  std::cout << "control-conform " << CONTROL_VERSION << ": " << info.engine << ' ' << info.version
            << (info.api_version.empty() ? "" : " (API " + info.api_version + ")") << " at "
            << world.options().runtime << ", label " << World::kRunKey << '=' << world.runLabel()
            << '\n';
}

void Report::OnTestSuiteStart(const ::testing::TestSuite& group) {
  std::cout << group.name() << std::endl;
}

void Report::OnTestPartResult(const ::testing::TestPartResult& result) {
  if (result.skipped()) {
    skipped_because_ = result.message();
  } else if (result.failed()) {
    const char* const file = result.file_name();
    failures_ += indented(std::string(file == nullptr ? "" : file) + ":" +
                          std::to_string(result.line_number()) + ": " + result.message()) +
                 '\n';
  }
}

void Report::OnTestEnd(const ::testing::TestInfo& test) {
  const auto* result = test.result();
  const std::string name = test.name();
  std::string time = "  (" + std::to_string(result->elapsed_time()) + " ms)";
  if (result->Failed())
    std::cout << "  FAIL  " << name << time << '\n' << failures_;
  else if (result->Skipped())
    std::cout << "  skip  " << name << ": " << skipped_because_ << '\n';
  else
    std::cout << "  ok    " << name << time << '\n';
  std::cout << std::flush;
  failures_.clear();
  skipped_because_.clear();
  behaviour_now = nullptr;
}

void Report::OnTestProgramEnd(const ::testing::UnitTest& program) {
  if (program.test_to_run_count() == 0) return;
  const World& world = World::instance();
  for (const std::string& name : world.needlesslyListed())
    std::cout << "note: " << name << " is on the list of skips, but passes: take it off "
              << world.expectFile() << '\n';
  for (int i = 0; i < program.total_test_suite_count(); ++i) {
    const auto* group = program.GetTestSuite(i);
    for (int j = 0; j < group->total_test_count(); ++j)
      if (const auto* test = group->GetTestInfo(j); test->should_run() && test->result()->Failed())
        std::cout << "failed: " << test->name() << '\n';
  }
  std::cout << world.info().engine << ' ' << world.info().version << ": "
            << program.successful_test_count() << " passed, " << program.skipped_test_count()
            << " skipped as listed, " << program.failed_test_count() << " failed in "
            << seconds(std::chrono::steady_clock::now() - began_) << '\n'
            << (program.Passed() ? "CONFORMS" : "DOES NOT CONFORM") << std::endl;
}

}  // namespace control::conform
