#pragma once

#include <optional>
#include <string>
#include <vector>

namespace panel {

using Words = std::vector<std::string>;

/// Splits a line at blanks; '…' and "…" keep a part together, # begins a comment.
/// Nullopt: a quote is not closed.
std::optional<Words> splitWords(const std::string& line);

/// The whole word as a number that is not negative.
std::optional<double> parseNumber(const std::string& word);

}  // namespace panel
