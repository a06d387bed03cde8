#include "words.h"

#include <charconv>

namespace panel {

std::optional<Words> splitWords(const std::string& line) {
  Words words;
  bool in_word = false;
  char quote = 0;
  for (const char c : line) {
    if (quote != 0) {
      if (c == quote)
        quote = 0;
      else
        words.back() += c;
      continue;
    }
    const bool blank = c == ' ' || c == '\t' || c == '\r';
    if (c == '#' && !in_word) break;
    if (!blank && !in_word) words.emplace_back();
    in_word = !blank;
    if (c == '\'' || c == '"')
      quote = c;
    else if (!blank)
      words.back() += c;
  }
  if (quote != 0) return std::nullopt;
  return words;
}

std::optional<double> parseNumber(const std::string& word) {
  double number = 0;
  const char* end = word.data() + word.size();
  const auto [stopped, error] = std::from_chars(word.data(), end, number);
  if (error != std::errc{} || stopped != end || !(number >= 0 && number <= 1e18))
    return std::nullopt;
  return number;
}

}  // namespace panel
