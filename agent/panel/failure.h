#pragma once

#include <string>
#include <string_view>

namespace agent {

/// Why something was not done, as the panel is told it.
struct Failure {
  std::string code;
  std::string message;
};

/// Of the exception that is being handled; `doing`: the action. INTERNAL_ERROR goes to the log as
/// well, under a reference that the message repeats.
Failure currentFailure(std::string_view doing);

}  // namespace agent
