#pragma once

#include <Poco/JSON/Object.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "screen.h"

namespace panel {

/// How far an operation is.
struct Progress {
  std::string what;                     ///< as "backup of web"
  std::int64_t bytes = 0;               ///< done so far
  std::optional<std::int64_t> total{};  ///< bytes in all
  std::optional<double> percentage{};   ///< when it does not follow from the bytes
  std::string entries{};                ///< files and folders so far; empty: they are not counted
};

/// What a command works at for longer, as "backup of web"; empty for other actions. `data` is that
/// of an event or the response.
std::string operationName(const std::string& action, const Poco::JSON::Object::Ptr& data);

/// From the data of image_pull_progress, archive_progress or backup_progress.
Progress progressOf(const std::string& event, const Poco::JSON::Object::Ptr& data);

/// "1.5 MiB"
std::string sizeText(std::int64_t bytes);

/// "[####......]  40 %  backup of web: 3 entries, 12.0 MiB"
std::string drawBar(const Progress& progress);

/// Shows how far operations are, each under a key of its own: on a terminal in one line that is
/// drawn anew, elsewhere in a line for each tenth, or for twice the bytes where their sum is not
/// known.
///
/// Threads:  any.
class ProgressBars {
 public:
  explicit ProgressBars(Screen& screen) : screen_(screen) {}

  void show(const std::string& key, const Progress& progress);
  /// It is done: its full bar stays as a line. Without `last`, that of the last show(), if any.
  void finish(const std::string& key, std::optional<Progress> last = {});
  /// It failed: its bar goes. What is still told of an operation that is over is not shown.
  void drop(const std::string& key);

 private:
  struct Shown {
    Progress progress;
    int tenths = 0;
    std::int64_t next_bytes = 1 << 20;
  };
  std::optional<Progress> end(const std::string& key);

  Screen& screen_;
  std::mutex mutex_;  // guards all below
  std::map<std::string, Shown> shown_;
  std::set<std::string> over_;
  std::string drawn_;  // key of the one that is on the terminal
};

}  // namespace panel
