// What a rule is about and does, for people.

#include "mock/mock_rules.h"
#include "mock/mock_text.h"

namespace control::mock {
namespace {

using testing::CallPhase;
using testing::StreamPoint;

std::string_view momentOf(CallPhase phase) {
  return phase == CallPhase::kBefore ? "before" : "after";
}

std::string extentOf(const StreamPoint& point) {
  return " after " + std::to_string(point.items ? *point.items : point.bytes.value_or(0)) +
         (point.items ? " items" : " bytes");
}

std::string subjectOf(const testing::RuleCondition& when) {
  std::string text = "any call";
  if (when.primitive) text = toString(*when.primitive);
  if (when.any_event) text = "any event";
  if (when.event) text = "event " + std::string(toString(*when.event));
  for (const std::string* name : {&when.name, &when.name_glob})
    if (!name->empty()) text += " '" + *name + "'";
  for (const auto& [key, value] : when.labels) text += " " + key + "=" + value;
  if (when.nth > 0) text += ", nth " + std::to_string(when.nth);
  if (when.every > 0) text += ", every " + std::to_string(when.every);
  if (when.probability) text += ", by chance";
  return text;
}

std::string deedOf(const testing::RuleAction& then) {
  std::string text;
  const auto add = [&](const std::string& deed) { text.append(text.empty() ? "" : ", ") += deed; };
  if (then.latency > Duration::zero()) add("latency " + seconds(then.latency) + " s");
  if (then.error) add(std::string(toString(then.error->code)));
  if (then.error && then.error->effect != Effect::kNone)
    add("effect " + std::string(toString(then.error->effect)));
  if (then.hang) add("hang " + std::string(momentOf(*then.hang)));
  if (then.drop_connection) add("drop_connection " + std::string(momentOf(*then.drop_connection)));
  if (then.truncate_stream) add("truncate_stream" + extentOf(*then.truncate_stream));
  if (then.stall_stream) add("stall_stream" + extentOf(*then.stall_stream));
  if (then.lose_events > 0) add("lose_events " + std::to_string(then.lose_events));
  if (then.tell_gap) add("tell_gap");
  if (then.duplicate_event) add("duplicate_event");
  return text;
}

}  // namespace

std::string wordsOf(const testing::Rule& rule) {
  return subjectOf(rule.when) + " -> " + deedOf(rule.then);
}

}  // namespace control::mock
