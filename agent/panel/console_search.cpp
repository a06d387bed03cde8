#include "agent/panel/console_search.h"

#include <chrono>
#include <optional>

namespace agent {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds kTurn{50};
constexpr std::size_t kLinesAtOnce = 5000;
constexpr std::size_t kBytesAtOnce = 32 * 1024;

/// Both may be of an engine that keeps whole seconds alone.
bool isLater(const std::optional<control::WallTime>& at, control::WallTime than) {
  if (!at) return false;
  const bool is_coarse =
      at->time_since_epoch() % std::chrono::seconds(1) == control::Duration::zero();
  return *at + (is_coarse ? std::chrono::seconds(1) : control::Duration::zero()) > than;
}

}  // namespace

ConsoleSearch::Outcome ConsoleSearch::goOn(const control::Supervisor& supervisor,
                                           const std::string& server_id) {
  const auto until = Clock::now() + kTurn;
  std::string problem = "no line of its console has matched";
  for (bool more = true; more && !found_;) {
    const auto page = supervisor.console(
        server_id,
        {.after = searched_, .lines = kLinesAtOnce, .text_bytes = kBytesAtOnce, .newest = false});
    if (!page) return {.why = page.error().message};
    if (!page->problem.empty()) problem = "its output cannot be read: " + page->problem;
    // The oldest that is kept is of this run and was not the first: what is looked for may have
    // been before it.
    if (adopted_ && searched_ == 0 && page->first > 1 && !page->lines.empty())
      may_have_passed_ = isLater(page->lines.front().at, after_);
    for (const control::ConsoleLine& line : page->lines) {
      searched_ = line.number;
      found_ = line.source != control::OutputSource::kGap && isLater(line.at, after_) &&
               pattern_.matches(line.text);
      if (found_) break;
      if (Clock::now() >= until)
        return {.more = true, .why = "its console is still being searched; simplify its pattern"};
    }
    more = page->left_out > 0 && !page->lines.empty();
  }
  found_ = found_ || may_have_passed_;
  return {.found = found_, .why = problem};
}

}  // namespace agent
