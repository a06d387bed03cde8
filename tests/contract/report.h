#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <map>
#include <string>

#include "contract/options.h"

namespace control::conform {

/// Says how each behaviour went, in a line each, and how it went in all at the end.
class Report final : public ::testing::EmptyTestEventListener {
 public:
  void OnTestProgramStart(const ::testing::UnitTest& program) override;
  void OnTestStart(const ::testing::TestInfo& test) override;
  void OnTestPartResult(const ::testing::TestPartResult& result) override;
  void OnTestEnd(const ::testing::TestInfo& test) override;
  void OnTestProgramEnd(const ::testing::UnitTest& program) override;

  /// Once it is over.
  bool conforms() const noexcept { return conforms_; }

 private:
  void endSkipped(const std::string& name);

  std::chrono::steady_clock::time_point began_{};
  std::string group_{};
  std::string failures_{};
  std::string skipped_because_{};
  std::map<std::string, std::string> unlisted_{};  ///< skips, and why
  bool conforms_ = false;
};

/// The behaviours that --filter selects, a line each. False: there is none.
bool printBehaviours(const Options& options);

}  // namespace control::conform
