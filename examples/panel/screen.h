#pragma once

#include <mutex>
#include <string>

namespace panel {

/// The terminal: whole lines from any thread, with the prompt kept below them.
class Screen {
 public:
  void line(const std::string& text);
  /// With the time of day in front.
  void event(const std::string& text);
  /// Shows the prompt from now on, after every line; empty: none.
  void prompt(const std::string& text);

 private:
  std::mutex mutex_;
  std::string prompt_;  // guarded by mutex_
};

}  // namespace panel
