#pragma once

#include <set>
#include <string>

#include "scenario_fixture.h"

namespace control::mock {

/// The options that some test shows the effect of.
inline std::set<std::string>& shownOptions() {
  static std::set<std::string> options;
  return options;
}

/// A test that the option `text` has an effect; `id` is the test's name. options_test.cpp compares
/// these with what the mock knows.
#define MOCK_OPTION(id, text)                                                  \
  const bool id##_shown = ::control::mock::shownOptions().insert(text).second; \
  TEST(MockOption, id)

}  // namespace control::mock
