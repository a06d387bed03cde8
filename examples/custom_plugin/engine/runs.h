#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace process_engine {

/// One run of a container, as its keeper wrote it down. Times are nanoseconds since 1970.
struct Run {
  int number = 0;
  std::int64_t started_at = 0;
  pid_t pid = 0;
  std::int64_t pid_began = 0;  ///< the kernel's start time: ids are used again, pairs are not
  pid_t keeper = 0;
  bool over = false;
  // Absent while it runs, and where the keeper itself was killed.
  std::optional<std::int64_t> finished_at{};
  std::optional<int> exit_code{};
  std::optional<int> signal{};
};

struct Runs {
  std::vector<Run> all{};
  std::string failure{};  ///< of the latest start, when it failed
  bool gone = false;      ///< the container was removed

  const Run* last() const { return all.empty() ? nullptr : &all.back(); }
  bool running() const { return last() != nullptr && !last()->over; }
  int lastNumber() const { return all.empty() ? 0 : all.back().number; }
  const Run* find(int number) const;
};

Runs parseRuns(const std::string& text);
/// What the file says; the last run is over as well when its keeper is no more.
Runs readRuns(int container);

// What a keeper writes.
std::string startedLine(const Run& run);
std::string exitedLine(const Run& run);
std::string failedLine(const std::string& reason);

}  // namespace process_engine
