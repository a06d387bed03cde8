#pragma once

#include <iostream>
#include <mutex>
#include <string>

namespace panel {

/// The terminal: whole lines from any thread, with the prompt kept below them.
class Screen {
 public:
  explicit Screen(std::ostream& out = std::cout) : out_(out) {}

  void line(const std::string& text);
  /// With the time of day in front.
  void event(const std::string& text);
  /// Shows the prompt from now on, after every line; empty: none.
  void prompt(const std::string& text);

 private:
  std::mutex mutex_;  // guards all below
  std::ostream& out_;
  std::string prompt_;
};

}  // namespace panel
