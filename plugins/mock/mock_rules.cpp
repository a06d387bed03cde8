#include "mock/mock_rules.h"

#include <utility>

#include "mock/mock_error.h"
#include "mock/mock_spec.h"

namespace control::mock {
namespace {

using testing::Primitive;
using testing::Rule;
using testing::RuleAction;
using testing::RuleCondition;
using testing::StreamPoint;

template <class Enum>
bool isNumbered(Enum value, Enum first, Enum last) {
  return value >= first && value <= last;
}

bool onEvents(const RuleCondition& when) { return when.event || when.any_event; }

bool opensStream(Primitive primitive) {
  return primitive == Primitive::kLogs || primitive == Primitive::kAttach ||
         primitive == Primitive::kExec || primitive == Primitive::kEvents ||
         primitive == Primitive::kPull || primitive == Primitive::kWatchExit;
}

bool opensBytes(Primitive primitive) {
  return primitive == Primitive::kLogs || primitive == Primitive::kAttach ||
         primitive == Primitive::kExec;
}

/// Of the primitives, those that are never about a container or image.
bool hasSubject(Primitive primitive) {
  return primitive != Primitive::kInfo && primitive != Primitive::kList &&
         primitive != Primitive::kEvents;
}

bool hasLabels(Primitive primitive) {
  return primitive != Primitive::kInfo && primitive != Primitive::kPull &&
         primitive != Primitive::kFindImage;
}

Result<void> checkCondition(const RuleCondition& when) {
  if (when.primitive && toString(*when.primitive).empty())
    return Error::invalid("there is no call of the number " +
                          std::to_string(static_cast<int>(*when.primitive)));
  if (when.primitive && onEvents(when))
    return Error::invalid("a rule acts on calls or on events, not on both");
  if (when.event && !isNumbered(*when.event, EventType::kUnknown, EventType::kSignalled))
    return Error::invalid("no engine tells of event " + std::string(toString(*when.event)));
  if (when.event && when.any_event)
    return Error::invalid("a rule acts on one kind of event or on any");
  if (!when.name.empty() && !when.name_glob.empty())
    return Error::invalid("a rule has a name or a name_glob, not both");
  const int chances = (when.nth > 0) + (when.every > 0) + when.probability.has_value();
  if (when.nth > 0 && when.times > 0)
    return Error::invalid("nth is one match alone: leave times out");
  if (chances > 1) return Error::invalid("a rule has one of nth, every and probability");
  if (when.probability && !(*when.probability > 0 && *when.probability <= 1))
    return Error::invalid("a probability is above 0 and at most 1");
  const bool named = !when.name.empty() || !when.name_glob.empty();
  if (when.primitive && named && !hasSubject(*when.primitive))
    return Error::invalid(std::string(toString(*when.primitive)) +
                          " is about no container or image: leave the name out");
  if (when.primitive && !when.labels.empty() && !hasLabels(*when.primitive))
    return Error::invalid(std::string(toString(*when.primitive)) +
                          " is about no container: leave the label out");
  return {};
}

Result<void> checkPoint(const char* key, const std::optional<StreamPoint>& point,
                        const RuleCondition& when) {
  if (!point) return {};
  const std::string name(key);
  if (!when.primitive || !opensStream(*when.primitive))
    return Error::invalid(name +
                          " needs a call that opens a stream: logs, attach, exec, events, pull or "
                          "watch_exit");
  if (point->items.has_value() == point->bytes.has_value())
    return Error::invalid(name + " is counted in items or in bytes");
  if (point->bytes && !opensBytes(*when.primitive))
    return Error::invalid(name + " of " + std::string(toString(*when.primitive)) +
                          " is counted in items");
  if (*when.primitive == Primitive::kWatchExit && point->items != 0u)
    return Error::invalid(name + " of watch_exit is after 0 items: there is one exit to lose");
  return {};
}

Result<void> checkDeed(const RuleAction& then, const RuleCondition& when) {
  if (then.latency < Duration::zero()) return Error::invalid("a latency is 0 or more");
  if (then.error &&
      !isNumbered(then.error->code, ErrorCode::kInvalidArgument, ErrorCode::kInternal))
    return Error::invalid("there is no error code of the number " +
                          std::to_string(static_cast<int>(then.error->code)));
  if (then.error && !isNumbered(then.error->effect, Effect::kNone, Effect::kUnknown))
    return Error::invalid("there is no effect of the number " +
                          std::to_string(static_cast<int>(then.error->effect)));
  const bool told = then.lose_events > 0 || then.duplicate_event;
  const bool on_call = then.latency > Duration::zero() || then.error || then.hang ||
                       then.drop_connection || then.truncate_stream || then.stall_stream;
  if (!told && !on_call) return Error::invalid("a rule does something: its action is empty");
  if (on_call && onEvents(when))
    return Error::invalid("a rule on events loses or duplicates them, and does nothing else");
  if (then.lose_events > 0 && then.duplicate_event)
    return Error::invalid("events are lost or told twice, not both");
  if (then.tell_gap && then.lose_events == 0)
    return Error::invalid("a gap is told where events are lost: lose some");
  if (then.error.has_value() + then.hang.has_value() + then.drop_connection.has_value() > 1)
    return Error::invalid("a rule has one of error, hang and drop_connection");
  if (then.truncate_stream && then.stall_stream)
    return Error::invalid("a stream is truncated or stalls, not both");
  if ((then.truncate_stream || then.stall_stream) &&
      (then.hang || then.drop_connection || (then.error && then.stall_stream)))
    return Error::invalid("a call that fails opens no stream to be truncated or stalled");
  if (auto checked = checkPoint("truncate_stream", then.truncate_stream, when); !checked)
    return checked;
  return checkPoint("stall_stream", then.stall_stream, when);
}

bool fits(const RuleCondition& when, const RuleSubject& subject) {
  if (!when.name.empty() && when.name != subject.name && when.name != subject.id) return false;
  if (!when.name_glob.empty()) {
    const bool by_name = !subject.name.empty() && globMatches(when.name_glob, subject.name);
    if (!by_name && (subject.id.empty() || !globMatches(when.name_glob, subject.id))) return false;
  }
  if (when.labels.empty()) return true;
  return subject.labels != nullptr && labelsMatch(when.labels, *subject.labels);
}

}  // namespace

Result<void> checkRule(const Rule& rule) {
  if (auto checked = checkCondition(rule.when); !checked) return checked;
  return checkDeed(rule.then, rule.when);
}

bool globMatches(std::string_view glob, std::string_view text) {
  std::size_t at = 0;
  std::size_t star = std::string_view::npos;
  std::size_t from = 0;
  std::size_t i = 0;
  while (i < text.size()) {
    if (at < glob.size() && glob[at] == '*') {
      star = at++;
      from = i;
    } else if (at < glob.size() && (glob[at] == '?' || glob[at] == text[i])) {
      ++at;
      ++i;
    } else if (star != std::string_view::npos) {
      at = star + 1;
      i = ++from;
    } else {
      return false;
    }
  }
  while (at < glob.size() && glob[at] == '*') ++at;
  return at == glob.size();
}

void Rules::add(Rule rule, std::string origin) {
  rules_.push_back({.rule = std::move(rule), .origin = std::move(origin)});
}

bool Rules::acts(Entry& entry) {
  const RuleCondition& when = entry.rule.when;
  if (when.times > 0 && entry.acted >= when.times) return false;
  ++entry.seen;
  if (when.nth > 0 && entry.seen != when.nth) return false;
  if (when.every > 0 && entry.seen % when.every != 0) return false;
  // 53 bits are what a double holds.
  if (when.probability &&
      static_cast<double>(random_.next() >> 11) >= *when.probability * 9007199254740992.0)
    return false;
  ++entry.acted;
  return true;
}

std::optional<Rules::Match> Rules::matchCall(Primitive primitive, const RuleSubject& subject) {
  for (Entry& entry : rules_) {
    const RuleCondition& when = entry.rule.when;
    if (onEvents(when) || (when.primitive && *when.primitive != primitive)) continue;
    if (fits(when, subject) && acts(entry)) return Match{entry.rule.then, entry.origin};
  }
  return std::nullopt;
}

std::optional<Rules::Match> Rules::matchEvent(EventType type, const RuleSubject& subject) {
  for (Entry& entry : rules_) {
    const RuleCondition& when = entry.rule.when;
    if (!when.any_event && when.event != type) continue;
    if (fits(when, subject) && acts(entry)) return Match{entry.rule.then, entry.origin};
  }
  return std::nullopt;
}

std::vector<std::string> Rules::unused() const {
  std::vector<std::string> names;
  for (const Entry& entry : rules_)
    if (entry.acted == 0 && !entry.forgotten)
      names.push_back(entry.origin + ": " + wordsOf(entry.rule));
  return names;
}

void Rules::forgetUnused() {
  for (Entry& entry : rules_) entry.forgotten |= entry.acted == 0;
}

}  // namespace control::mock
