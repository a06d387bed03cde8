#pragma once

#include <map>
#include <string>
#include <string_view>

#include <libcontrol/result.h>

namespace control::conform {

/// The behaviours that an engine is known not to show, each with its reason: lines of
/// `behaviour: reason`, `#` begins a comment.
using ExpectedSkips = std::map<std::string, std::string, std::less<>>;

/// kInvalidArgument names the line.
Result<ExpectedSkips> parseExpectedSkips(std::string_view text);

/// kInvalidArgument: the file cannot be read, or a line of it is wrong.
Result<ExpectedSkips> readExpectedSkips(const std::string& file);

}  // namespace control::conform
