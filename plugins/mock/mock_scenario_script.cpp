// The script of a scenario: what happens when.

#include <algorithm>
#include <array>

#include "mock/mock_engine_action.h"
#include "mock/mock_error.h"
#include "mock/mock_scenario_parts.h"
#include "mock/mock_spec.h"

namespace control::mock {
namespace {

using testing::EngineAction;
using Kind = EngineAction::Kind;
using Step = Scenario::Step;
using Found = std::optional<Error>;

/// What may be done, and the keys it takes beside "at" and "do". The first `needed` must be there.
struct Word {
  Kind kind;
  std::array<std::string_view, 6> keys{};
  std::size_t needed = 0;
};

constexpr std::array<Word, 22> kWords{{
    {Kind::kEngineDown, {}, 0},
    {Kind::kEngineUp, {}, 0},
    {Kind::kEngineRestart, {"containers"}, 0},
    {Kind::kLoseEvents, {"count", "tell_gap"}, 1},
    {Kind::kCreate, {"container"}, 1},
    {Kind::kStart, {"name"}, 1},
    {Kind::kStop, {"name", "timeout"}, 1},
    {Kind::kSignal, {"name", "signal"}, 1},
    {Kind::kRemove, {"name"}, 1},
    {Kind::kRename, {"name", "to"}, 2},
    {Kind::kPause, {"name"}, 1},
    {Kind::kUnpause, {"name"}, 1},
    {Kind::kCrash, {"name", "exit_code", "signal"}, 1},
    {Kind::kOom, {"name", "child_only"}, 1},
    {Kind::kPrint, {"name", "text", "stderr"}, 2},
    {Kind::kSetStats,
     {"name", "cpu_percent", "memory_bytes", "pids", "network_rx_bytes", "network_tx_bytes"},
     1},
    {Kind::kHang, {"name"}, 1},
    {Kind::kRelease, {"name"}, 1},
    {Kind::kAddImage, {"image"}, 1},
    {Kind::kRemoveImage, {"image"}, 1},
    {Kind::kInventState, {"name", "text"}, 2},
    {Kind::kInventEvent, {"name", "text"}, 2},
}};

const Word* findWord(std::string_view name) {
  for (const Word& word : kWords)
    if (wordOf(word.kind) == name) return &word;
  return nullptr;
}

Found readDo(const Json& value, Step& draft) {
  const Word* const word = value.kind == Json::Kind::kString ? findWord(value.text) : nullptr;
  if (word != nullptr) {
    draft.action.kind = word->kind;
    return std::nullopt;
  }
  std::string known;
  for (const Word& one : kWords)
    known += (known.empty() ? "" : ", ") + std::string(wordOf(one.kind));
  return badValue("do", value, "one of " + known);
}

Found readFate(const Json& value, Step& draft) {
  if (value.kind != Json::Kind::kString || (value.text != "keep" && value.text != "kill"))
    return notWanted();
  draft.action.kill_containers = value.text == "kill";
  return std::nullopt;
}

Found readCode(const Json& value, Step& draft) {
  std::uint64_t code = 0;
  if (auto wrong = readNatural(value, code, 0, 255)) return wrong;
  draft.action.exit_code = static_cast<int>(code);
  return std::nullopt;
}

Found readPercent(const Json& value, Step& draft) {
  const auto number = value.number();
  if (!number || !(*number >= 0 && *number <= 100000)) return notWanted();
  draft.action.stats.cpu_percent = *number;
  return std::nullopt;
}

template <std::optional<std::uint64_t> testing::MockStats::*Member>
Found readStat(const Json& value, Step& draft) {
  return readNatural(value, (draft.action.stats.*Member).emplace(), 0, std::uint64_t{1} << 62);
}

Found readImageName(const Json& value, Step& draft) {
  if (value.kind != Json::Kind::kString || !isReference(value.text)) return notWanted();
  draft.action.text = value.text;
  return std::nullopt;
}

Found readNewName(const Json& value, Step& draft) {
  if (value.kind != Json::Kind::kString || !isContainerName(value.text)) return notWanted();
  draft.action.text = value.text;
  return std::nullopt;
}

constexpr std::string_view kWhole = "a whole number";

constexpr std::array<Field<Step>, 20> kStepFields{{
    {"at", [](const Json& value, Step& draft) { return readDuration(value, draft.at); },
     kDurationInQuotes},
    {"do", readDo, ""},
    {"name", [](const Json& value, Step& draft) { return readName(value, draft.action.container); },
     "a container's name in quotes"},
    {"containers", readFate, "keep or kill"},
    {"count",
     [](const Json& value, Step& draft) { return readNatural(value, draft.action.count, 1); },
     "a whole number of 1 or more"},
    {"tell_gap",
     [](const Json& value, Step& draft) { return readBool(value, draft.action.tell_gap); },
     kTrueOrFalse},
    {"container", [](const Json& value, Step& draft) { return readSpec(value, draft.action.spec); },
     "an object, as {\"image\": \"a:1\"}"},
    {"timeout",
     [](const Json& value, Step& draft) {
       return readDuration(value, draft.action.timeout.emplace());
     },
     kDurationInQuotes},
    {"signal",
     [](const Json& value, Step& draft) { return readSignal(value, draft.action.signal); },
     "a signal, as \"SEGV\""},
    {"to", readNewName, "a container's new name"},
    {"exit_code", readCode, "an exit code from 0 to 255"},
    {"child_only",
     [](const Json& value, Step& draft) { return readBool(value, draft.action.child_only); },
     kTrueOrFalse},
    {"text", [](const Json& value, Step& draft) { return readText(value, draft.action.text); },
     "a text in quotes"},
    {"stderr",
     [](const Json& value, Step& draft) { return readBool(value, draft.action.to_stderr); },
     kTrueOrFalse},
    {"cpu_percent", readPercent, "percent of one core, as 25"},
    {"memory_bytes", readStat<&testing::MockStats::memory_bytes>, kWhole},
    {"pids", readStat<&testing::MockStats::pids>, kWhole},
    {"network_rx_bytes", readStat<&testing::MockStats::network_rx_bytes>, kWhole},
    {"network_tx_bytes", readStat<&testing::MockStats::network_tx_bytes>, kWhole},
    {"image", readImageName, "an image reference"},
}};

const Json::Member* findMember(const Json& object, std::string_view name) {
  for (const Json::Member& member : object.members)
    if (member.name == name) return &member;
  return nullptr;
}

/// The keys of a step are those that its word takes.
Found checkKeys(const Json& step, const Word& word) {
  for (std::size_t i = 0; i < word.needed; ++i)
    if (findMember(step, word.keys[i]) == nullptr)
      return atLine(step.line, "\"" + std::string(wordOf(word.kind)) + "\" needs the key \"" +
                                   std::string(word.keys[i]) + "\"");
  for (const Json::Member& member : step.members) {
    if (member.name == "at" || member.name == "do") continue;
    if (std::find(word.keys.begin(), word.keys.end(), member.name) != word.keys.end()) continue;
    return atLine(member.line, "\"" + std::string(wordOf(word.kind)) + "\" takes no key \"" +
                                   member.name + "\"");
  }
  return std::nullopt;
}

Found readStep(const Json& value, Step& draft) {
  draft.line = value.line;
  if (auto wrong = readFields<Step>(value, kStepFields, draft)) return wrong;
  for (const std::string_view key : {"at", "do"})
    if (findMember(value, key) == nullptr)
      return atLine(value.line, "a step needs the key \"" + std::string(key) + "\"");
  if (auto wrong = checkKeys(value, *findWord(findMember(value, "do")->value.text))) return wrong;
  if (draft.action.kind == Kind::kCrash && draft.action.signal && findMember(value, "exit_code"))
    return atLine(value.line, "a crash has an exit_code or a signal, not both");
  if (auto checked = checkAction(draft.action); !checked)
    return atLine(value.line, checked.error().message);
  return std::nullopt;
}

}  // namespace

std::optional<Error> readScript(const Json& value, Scenario& scenario) {
  return readItems<Step>(value, scenario.script, readStep);
}

void listScriptOptions(std::vector<std::string>& options) {
  options.push_back("script[].at");
  for (const Word& word : kWords) {
    const std::string name = "script[].do=" + std::string(wordOf(word.kind));
    options.push_back(name);
    for (const std::string_view key : word.keys)
      if (!key.empty() && key != "name") options.push_back(name + "." + std::string(key));
  }
}

}  // namespace control::mock
