#include "contract/report.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <sstream>
#include <string>

#include "contract/behaviour.h"
#include "contract/suite_process.h"
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

}  // namespace

void Report::OnTestStart(const ::testing::TestInfo& test) {
  nowRuns(test.name());
  if (group_ != test.test_suite_name()) say((group_ = test.test_suite_name()) + '\n');
}

bool printBehaviours(const Options& options) {
  bool any = false;
  for (const Behaviour& one : behaviours()) {
    if (!options.selects(std::string(one.group) + '.' + std::string(one.name))) continue;
    any = true;
    std::cout << one.group << ' ' << one.name << ' '
              << (one.level == Level::kMust ? "MUST" : "SHOULD");
    for (const Need& need : one.needs) std::cout << ' ' << wordOf(need);
    std::cout << '\n';
  }
  return any;
}

void Report::OnTestProgramStart(const ::testing::UnitTest&) {
  began_ = std::chrono::steady_clock::now();
  const World& world = World::instance();
  const RuntimeInfo& info = world.info();
  std::ostringstream text;
  text << "control-conform " << CONTROL_VERSION << ": " << info.engine << ' ' << info.version
       << (info.api_version.empty() ? "" : " (API " + info.api_version + ")") << " at "
       << world.options().runtime << ", label " << World::kRunKey << '=' << world.runLabel()
       << '\n';
  say(text.str());
}

void Report::OnTestPartResult(const ::testing::TestPartResult& result) {
  if (result.skipped()) {
    skipped_because_ = result.message();
  } else if (result.failed() && !std::string_view(result.message()).ends_with(kSkipNotListed)) {
    const char* const file = result.file_name();
    failures_ += indented(std::string(file == nullptr ? "" : file) + ":" +
                          std::to_string(result.line_number()) + ": " + result.message()) +
                 '\n';
  }
}

void Report::OnTestEnd(const ::testing::TestInfo& test) {
  // The clean-up may be what made its calls return: nothing more is said and nothing more runs.
  while (World::instance().interrupted().stop_requested()) ::pause();
  const auto* result = test.result();
  const std::string name = test.name();
  std::string time = "  (" + std::to_string(result->elapsed_time()) + " ms)";
  if (!failures_.empty())
    say("  FAIL  " + name + time + '\n' + failures_);
  else if (!skipped_because_.empty())
    endSkipped(name);
  else
    say("  ok    " + name + time + '\n');
  failures_.clear();
  skipped_because_.clear();
  nowRuns("between two behaviours");
}

void Report::endSkipped(const std::string& name) {
  std::replace(skipped_because_.begin(), skipped_because_.end(), '\n', ' ');
  const bool listed = World::instance().expected().contains(name);
  if (!listed) unlisted_.emplace(name, skipped_because_);
  say((listed ? "  skip  " : "  SKIP  ") + name + ": " + skipped_because_ + '\n');
}

void Report::OnTestProgramEnd(const ::testing::UnitTest& program) {
  if (program.test_to_run_count() == 0) return;
  nowRuns("after the last behaviour");
  const World& world = World::instance();
  std::ostringstream text;
  for (const std::string& name : world.needlesslyListed())
    text << "note: " << name << " is on the list of skips, but passes: take it off "
         << world.expectFile() << '\n';
  for (int i = 0; i < program.total_test_suite_count(); ++i) {
    const auto* group = program.GetTestSuite(i);
    for (int j = 0; j < group->total_test_count(); ++j)
      if (const auto* test = group->GetTestInfo(j);
          test->should_run() && test->result()->Failed() && !unlisted_.contains(test->name()))
        text << "failed: " << test->name() << '\n';
  }
  if (!unlisted_.empty()) {
    text << "skips that are not on the list; " << world.whereToList() << ":\n";
    for (const auto& [name, why] : unlisted_) text << name << ": " << why << '\n';
  }
  conforms_ = program.Passed();
  text << world.info().engine << ' ' << world.info().version << ": "
       << program.successful_test_count() << " passed, " << program.skipped_test_count()
       << " skipped as listed, " << program.failed_test_count() - static_cast<int>(unlisted_.size())
       << " failed"
       << (unlisted_.empty() ? "" : ", " + std::to_string(unlisted_.size()) + " skips not listed")
       << " in " << seconds(std::chrono::steady_clock::now() - began_) << '\n'
       << (conforms_ ? "CONFORMS" : "DOES NOT CONFORM") << '\n';
  say(text.str());
}

}  // namespace control::conform
