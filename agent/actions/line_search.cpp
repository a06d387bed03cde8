#include "agent/actions/line_search.h"

#include <re2/re2.h>

namespace agent {
namespace {

constexpr std::int64_t kMostMemory = 1024 * 1024;
/// Of a compiled pattern: a line is matched in a time that is a multiple of both.
constexpr int kLargest = 2000;

re2::RE2::Options optionsOf(const LineSearch::Form& form) {
  re2::RE2::Options options;
  options.set_literal(!form.regex);
  options.set_case_sensitive(form.case_sensitive);
  options.set_max_mem(kMostMemory);
  options.set_log_errors(false);
  options.set_never_capture(true);
  return options;
}

re2::StringPiece pieceOf(std::string_view text) { return {text.data(), text.size()}; }

}  // namespace

LineSearch::LineSearch(const std::string& pattern, Form form)
    : pattern_(std::make_unique<re2::RE2>(pieceOf(pattern), optionsOf(form))) {}
LineSearch::~LineSearch() = default;

std::string LineSearch::problem() const {
  if (!pattern_->ok()) return pattern_->error();
  return pattern_->ProgramSize() <= kLargest ? "" : "it repeats too much; make it simpler";
}

bool LineSearch::matches(std::string_view line) const {
  return re2::RE2::PartialMatch(pieceOf(line), *pattern_);
}

}  // namespace agent
