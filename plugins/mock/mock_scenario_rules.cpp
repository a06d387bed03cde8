// The rules of a scenario.

#include <array>

#include "mock/mock_error.h"
#include "mock/mock_rules.h"
#include "mock/mock_scenario_parts.h"

namespace control::mock {
namespace {

using testing::CallPhase;
using testing::Rule;
using testing::RuleAction;
using testing::RuleCondition;
using testing::StreamPoint;
using Found = std::optional<Error>;

/// The value whose word is `text`, of an enumeration that is numbered from `first` to `last`.
template <class Enum>
std::optional<Enum> byWord(std::string_view text, int first, int last) {
  for (int i = first; i <= last; ++i)
    if (toString(static_cast<Enum>(i)) == text) return static_cast<Enum>(i);
  return std::nullopt;
}

template <class Enum>
Found readWord(const Json& value, std::optional<Enum>& out, int first, int last) {
  if (value.kind == Json::Kind::kString) out = byWord<Enum>(value.text, first, last);
  return out ? std::nullopt : Found(notWanted());
}

Found readEvent(const Json& value, RuleCondition& when) {
  if (value.kind == Json::Kind::kString && value.text == "any") {
    when.any_event = true;
    return std::nullopt;
  }
  return readWord(value, when.event, 0, static_cast<int>(EventType::kSignalled));
}

Found readProbability(const Json& value, RuleCondition& when) {
  when.probability = value.number();
  return when.probability ? std::nullopt : Found(notWanted());
}

constexpr std::string_view kCount = "a whole number of 1 or more";

constexpr std::array<Field<RuleCondition>, 9> kWhenFields{{
    {"op",
     [](const Json& value, RuleCondition& when) { return readWord(value, when.primitive, 1, 16); },
     "a call: info, create, start, signal, watch_exit, remove, inspect, list, stats, update, logs, "
     "attach, exec, events, pull or find_image"},
    {"event", readEvent,
     "any, created, started, exited, removed, oom, paused, unpaused, renamed, updated, signalled "
     "or unknown"},
    {"name", [](const Json& value, RuleCondition& when) { return readName(value, when.name); },
     "a name in quotes"},
    {"name_glob",
     [](const Json& value, RuleCondition& when) { return readName(value, when.name_glob); },
     "a name with * and ? in quotes"},
    {"label",
     [](const Json& value, RuleCondition& when) { return readTextMap(value, when.labels); },
     "an object of texts, as {\"tier\": \"front\"}"},
    {"nth", [](const Json& value, RuleCondition& when) { return readNatural(value, when.nth, 1); },
     kCount},
    {"every",
     [](const Json& value, RuleCondition& when) { return readNatural(value, when.every, 1); },
     kCount},
    {"probability", readProbability, "a number above 0 and at most 1"},
    {"times",
     [](const Json& value, RuleCondition& when) { return readNatural(value, when.times, 1); },
     kCount},
}};

struct ErrorDraft {
  std::optional<ErrorCode> code{};
  std::optional<Effect> effect{};
  std::string message{};
};

constexpr std::array<Field<ErrorDraft>, 3> kErrorFields{{
    {"code",
     [](const Json& value, ErrorDraft& draft) { return readWord(value, draft.code, 1, 14); },
     "invalid_argument, not_found, image_not_found, already_exists, wrong_state, port_conflict, "
     "permission_denied, resource_exhausted, unavailable, deadline_exceeded, cancelled, "
     "unsupported, start_failed or internal"},
    {"effect",
     [](const Json& value, ErrorDraft& draft) { return readWord(value, draft.effect, 0, 2); },
     "none, applied or unknown"},
    {"message", [](const Json& value, ErrorDraft& draft) { return readText(value, draft.message); },
     "a text in quotes"},
}};

Found readError(const Json& value, RuleAction& then) {
  ErrorDraft draft;
  if (auto wrong = readFields<ErrorDraft>(value, kErrorFields, draft)) return wrong;
  if (!draft.code) return atLine(value.line, "\"error\" needs a \"code\"");
  then.error = Error{.code = *draft.code,
                     .effect = draft.effect.value_or(Effect::kNone),
                     .message = std::move(draft.message)};
  return std::nullopt;
}

Found readPhase(const Json& value, std::optional<CallPhase>& phase) {
  if (value.kind != Json::Kind::kString) return notWanted();
  if (value.text == "before")
    phase = CallPhase::kBefore;
  else if (value.text == "after")
    phase = CallPhase::kAfter;
  else
    return notWanted();
  return std::nullopt;
}

constexpr std::array<Field<StreamPoint>, 2> kPointFields{{
    {"items",
     [](const Json& value, StreamPoint& point) {
       return readNatural(value, point.items.emplace());
     },
     "a whole number"},
    {"bytes",
     [](const Json& value, StreamPoint& point) {
       return readNatural(value, point.bytes.emplace());
     },
     "a whole number"},
}};

Found readPoint(const Json& value, std::optional<StreamPoint>& point) {
  return readFields<StreamPoint>(value, kPointFields, point.emplace());
}

Found readLatency(const Json& value, RuleAction& then) {
  if (auto wrong = readDuration(value, then.latency)) return wrong;
  return then.latency > Duration::zero() ? std::nullopt : Found(notWanted("a duration above 0"));
}

constexpr std::string_view kPhase = "\"before\" or \"after\" the call's effect";
constexpr std::string_view kPoint = "{\"items\": N} or {\"bytes\": N}";

constexpr std::array<Field<RuleAction>, 9> kThenFields{{
    {"latency", readLatency, kDurationInQuotes},
    {"error", readError, "an object, as {\"code\": \"unavailable\"}"},
    {"hang", [](const Json& value, RuleAction& then) { return readPhase(value, then.hang); },
     kPhase},
    {"drop_connection",
     [](const Json& value, RuleAction& then) { return readPhase(value, then.drop_connection); },
     kPhase},
    {"truncate_stream",
     [](const Json& value, RuleAction& then) { return readPoint(value, then.truncate_stream); },
     kPoint},
    {"stall_stream",
     [](const Json& value, RuleAction& then) { return readPoint(value, then.stall_stream); },
     kPoint},
    {"lose_events",
     [](const Json& value, RuleAction& then) { return readNatural(value, then.lose_events, 1); },
     kCount},
    {"tell_gap", [](const Json& value, RuleAction& then) { return readBool(value, then.tell_gap); },
     kTrueOrFalse},
    {"duplicate_event",
     [](const Json& value, RuleAction& then) { return readBool(value, then.duplicate_event); },
     kTrueOrFalse},
}};

constexpr std::array<Field<Rule>, 2> kRuleFields{{
    {"when",
     [](const Json& value, Rule& rule) {
       return readFields<RuleCondition>(value, kWhenFields, rule.when);
     },
     "an object, as {\"op\": \"start\"}"},
    {"then",
     [](const Json& value, Rule& rule) {
       return readFields<RuleAction>(value, kThenFields, rule.then);
     },
     "an object, as {\"latency\": \"250ms\"}"},
}};

Found readRule(const Json& value, Scenario::LinedRule& lined) {
  lined.line = value.line;
  if (auto wrong = readFields<Rule>(value, kRuleFields, lined.rule)) return wrong;
  if (auto checked = checkRule(lined.rule); !checked)
    return atLine(value.line, checked.error().message);
  return std::nullopt;
}

}  // namespace

std::optional<Error> readRules(const Json& value, Scenario& scenario) {
  return readItems<Scenario::LinedRule>(value, scenario.rules, readRule);
}

void listRuleOptions(std::vector<std::string>& options) {
  listFields("rules[].", kRuleFields, options);
  listFields("rules[].when.", kWhenFields, options);
  listFields("rules[].then.", kThenFields, options);
  listFields("rules[].then.error.", kErrorFields, options);
  listFields("rules[].then.truncate_stream.", kPointFields, options);
}

}  // namespace control::mock
