#pragma once

#include <cstdint>
#include <string>

#include <libcontrol/supervisor.h>

#include "agent/actions/line_search.h"

namespace agent {

/// Looks for a line in the console of one run of a server, a part of it at a time: a costly pattern
/// takes longer than others can wait.
///
/// Threads: one at a time. Blocking: goOn(), for 50 ms and what one line takes.
class ConsoleSearch {
 public:
  struct Outcome {
    bool found = false;
    bool more = false;  ///< there are lines left to be searched
    std::string why{};  ///< nothing was found yet
  };

  /// `after`: lines of the run are later. `adopted`: it began before this agent.
  ConsoleSearch(const std::string& pattern, LineSearch::Form form, control::WallTime after,
                bool adopted)
      : pattern_(pattern, form), after_(after), adopted_(adopted) {}

  /// From where it was left. What was found stays found.
  Outcome goOn(const control::Supervisor& supervisor, const std::string& server_id);

 private:
  const LineSearch pattern_;
  const control::WallTime after_;
  const bool adopted_;
  std::uint64_t searched_ = 0;  ///< the number of the last line that was
  bool found_ = false;
  bool may_have_passed_ = false;  ///< lines of the run are no longer kept
};

}  // namespace agent
