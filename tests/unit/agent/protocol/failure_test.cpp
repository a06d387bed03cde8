#include "agent/panel/failure.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "agent/log.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::Not;

template <class Thrown>
Failure failureOf(const Thrown& thrown) {
  try {
    throw thrown;
  } catch (const std::exception&) {
    return currentFailure("read_file");
  }
}

TEST(FailureTest, OfARefusalIsThat) {
  const Failure failure = failureOf(Refusal("DISK_FULL", "the disk is full"));
  EXPECT_EQ(failure.code, "DISK_FULL");
  EXPECT_EQ(failure.message, "the disk is full");
}

TEST(FailureTest, OfWhatNobodyExpectedIsInTheLogUnderAReference) {
  log::setUp(LogLevel::kError, LogFormat::kText);
  testing::internal::CaptureStdout();
  const Failure failed = failureOf(Refusal("INTERNAL_ERROR", "'a': Input/output error"));
  const Failure defect = failureOf(std::runtime_error("secret words"));
  const std::string log = testing::internal::GetCapturedStdout();
  log::setUp(LogLevel::kOff, LogFormat::kText);
  EXPECT_EQ(failed.code, "INTERNAL_ERROR");
  EXPECT_THAT(failed.message, HasSubstr("'a': Input/output error; the agent's log says more"));
  EXPECT_EQ(defect.code, "INTERNAL_ERROR");
  EXPECT_THAT(defect.message, Not(HasSubstr("secret")));
  for (const Failure& one : {failed, defect})
    EXPECT_THAT(log, HasSubstr(one.message.substr(one.message.find(" under ") + 7)));
  EXPECT_THAT(log, HasSubstr("read_file: 'a': Input/output error"));
  EXPECT_THAT(log, HasSubstr("read_file: secret words"));
}

}  // namespace
}  // namespace agent
