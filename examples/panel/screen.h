#pragma once

#include <iostream>
#include <mutex>
#include <string>

namespace panel {

/// The terminal: whole lines from any thread, with a bar and the prompt kept below them.
class Screen {
 public:
  /// `columns`: width of the terminal that `out` is; 0: it is none.
  explicit Screen(std::ostream& out = std::cout, std::size_t columns = 0)
      : out_(out), columns_(columns) {}

  void line(const std::string& text);
  /// With the time of day in front.
  void event(const std::string& text);
  /// Shows the prompt from now on, after every line; empty: none.
  void prompt(const std::string& text);

  /// Whether bar() shows anything: on a terminal only.
  bool redraws() const { return columns_ > 0; }
  /// Shows a line above the prompt, in place of the last one; empty: none. What is being typed
  /// stays.
  void bar(const std::string& text);

 private:
  void clearBottom();
  void drawBottom();

  std::mutex mutex_;  // guards all below
  std::ostream& out_;
  const std::size_t columns_;
  std::string prompt_;
  std::string bar_;
};

}  // namespace panel
