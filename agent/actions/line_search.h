#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace re2 {
class RE2;
}

namespace agent {

/// Finds a text or a regular expression (RE2's: in time proportional to the line) in lines.
/// Threads: any.
class LineSearch {
 public:
  static constexpr std::size_t kLongestPattern = 1024;

  struct Form {
    bool regex = false;
    bool case_sensitive = false;
  };

  LineSearch(const std::string& pattern, Form form);
  ~LineSearch();
  LineSearch(const LineSearch&) = delete;
  LineSearch& operator=(const LineSearch&) = delete;

  /// What is wrong with the pattern; empty: nothing.
  std::string problem() const;
  bool matches(std::string_view line) const;

 private:
  const std::unique_ptr<re2::RE2> pattern_;
};

}  // namespace agent
