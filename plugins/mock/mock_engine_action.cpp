#include "mock/mock_engine_action.h"

#include <cstddef>
#include <cstdint>
#include <iterator>

#include "mock/mock_images.h"
#include "mock/mock_spec.h"

namespace control::mock {
namespace {

using testing::EngineAction;
using Kind = EngineAction::Kind;

Result<void> checkStats(const testing::MockStats& stats) {
  constexpr std::uint64_t kMost = std::uint64_t{1} << 62;
  if (stats.cpu_percent && !(*stats.cpu_percent >= 0 && *stats.cpu_percent <= 100000))
    return Error::invalid("cpu_percent is from 0 to 100000, in percent of one core");
  for (const auto* number :
       {&stats.memory_bytes, &stats.pids, &stats.network_rx_bytes, &stats.network_tx_bytes})
    if (*number && **number > kMost) return Error::invalid("a statistic is at most 2^62");
  return {};
}

Result<void> checkCrash(const EngineAction& action) {
  if (action.signal) return checkSignal(*action.signal);
  if (action.exit_code < 0 || action.exit_code > 255)
    return Error::invalid("an exit code is from 0 to 255, not " + std::to_string(action.exit_code));
  return {};
}

}  // namespace

std::string_view wordOf(Kind kind) {
  constexpr std::string_view kWords[] = {
      "",          "engine_down", "engine_up",    "engine_restart", "lose_events", "oob_create",
      "oob_start", "oob_stop",    "oob_kill",     "oob_remove",     "oob_rename",  "pause",
      "unpause",   "crash",       "oom",          "print",          "set_stats",   "hang",
      "release",   "add_image",   "remove_image", "invent_state",   "invent_event"};
  const auto number = static_cast<std::size_t>(kind);
  return number < std::size(kWords) ? kWords[number] : std::string_view();
}

std::string wordsOf(const EngineAction& action) {
  std::string_view subject = action.text;
  if (needsContainer(action.kind)) subject = action.container;
  if (action.spec) subject = action.spec->name;
  std::string text(wordOf(action.kind));
  if (!subject.empty()) text.append(" '").append(subject).append("'");
  return text;
}

bool needsContainer(Kind kind) {
  return kind > Kind::kCreate && kind != Kind::kAddImage && kind != Kind::kRemoveImage;
}

Result<void> checkAction(const EngineAction& action) {
  const std::string word(wordOf(action.kind));
  if (word.empty())
    return Error::invalid("there is no action of the number " +
                          std::to_string(static_cast<int>(action.kind)));
  if (needsContainer(action.kind) && action.container.empty())
    return Error::invalid(word + " needs the name or id of a container");
  switch (action.kind) {
    case Kind::kLoseEvents:
      if (action.count == 0) return Error::invalid("lose_events loses 1 or more");
      return {};
    case Kind::kCreate:
      if (!action.spec) return Error::invalid("there is no specification to create from");
      return checkSpec(*action.spec);
    case Kind::kStop:
      if (action.timeout && *action.timeout < Duration::zero())
        return Error::invalid("a timeout is 0 or more");
      return {};
    case Kind::kSignal:
      return checkSignal(action.signal.value_or(Signal::kill()));
    case Kind::kRename:
      return checkContainerName(action.text);
    case Kind::kCrash:
      return checkCrash(action);
    case Kind::kSetStats:
      return checkStats(action.stats);
    case Kind::kAddImage:
    case Kind::kRemoveImage:
      return checkReference(action.text);
    default:
      return {};
  }
}

}  // namespace control::mock
