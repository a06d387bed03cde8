#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/definition.h"
#include "engine/files.h"

namespace process_engine {

/// How much of the journal stays readable; whoever is further behind has lost events.
inline constexpr std::int64_t kKeptEventBytes = 256 * 1024;

struct EventRecord {
  std::string type{};  ///< created, started, exited, removed
  std::int64_t at = 0;
  std::string id{};
  std::string name{};
  std::optional<int> exit_code{};
  std::map<std::string, std::string> labels{};
};

/// Any program may add at any time: one write a line, no lock. An event that cannot be written is
/// lost: events are hints.
void appendEvent(int state_directory, const std::string& type, const Definition& container,
                 std::optional<int> exit_code = {});

/// Reads on from where the journal ended when it was made.
class EventReader {
 public:
  explicit EventReader(int state_directory);

  /// nullopt: nothing new. A record of type "gap" stands for those that were lost.
  std::optional<EventRecord> next();
  /// The journal; negative when it cannot be read.
  int file() const noexcept { return file_.get(); }

 private:
  void readMore();
  std::int64_t size() const;

  Fd file_;
  std::int64_t offset_ = 0;
  std::vector<Line> lines_{};  ///< read and not yet given out, the newest first
};

}  // namespace process_engine
