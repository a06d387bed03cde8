#include "mock/mock_call.h"

#include "mock/mock_error.h"
#include "mock/mock_held_call.h"

namespace control::mock {
namespace {

using testing::CallPhase;
using testing::Primitive;

bool changes(Primitive primitive) {
  switch (primitive) {
    case Primitive::kCreate:
    case Primitive::kStart:
    case Primitive::kSignal:
    case Primitive::kRemove:
    case Primitive::kUpdate:
    case Primitive::kExec:
    case Primitive::kPull:
      return true;
    default:
      return false;
  }
}

/// A call that asks about all containers at once waits for none of them.
bool waitsForContainer(Primitive primitive) { return primitive != Primitive::kStats; }

}  // namespace

Call::Call(const std::shared_ptr<Engine>& engine, Primitive primitive, CallSubject subject,
           const CallContext& context, std::string_view detail)
    : engine_(engine),
      primitive_(primitive),
      subject_(subject),
      context_(context),
      lock_(engine_->mutex()),
      number_(engine_->journal().begin(engine_->clock().now(), primitive, subject.text(), detail)) {
}

Error Call::unanswered(Error error) const {
  if (changes(primitive_)) error.effect = Effect::kUnknown;
  return error;
}

template <class Wait>
std::optional<Error> Call::unlocked(Wait wait) {
  lock_.unlock();
  auto waited = wait();
  lock_.lock();
  if (!waited) return unanswered(waited.error());
  return std::nullopt;
}

std::optional<Error> Call::before() {
  if (auto checked = checkContext(context_, engine_->clock()); !checked) return checked.error();
  if (engine_->down()) return failure(ErrorCode::kUnavailable, "the mock engine is down");
  if (auto error = waitForContainer()) return error;
  if (engine_->rules().empty()) return std::nullopt;

  RuleSubject about{.name = subject_.name, .labels = subject_.labels};
  ContainerPtr container;
  if (subject_.container != nullptr) {
    about.id = subject_.container->value;
    if (const auto found = engine_->find(*subject_.container)) {
      container = *found;
      about = {.name = container->spec.name,
               .id = container->id.value,
               .labels = &container->spec.labels};
    }
  }
  rule_ = engine_->rules().matchCall(primitive_, about);
  if (!rule_) return std::nullopt;
  testing::RuleAction& action = rule_->action;
  if (action.error && action.error->message.empty())
    action.error->message =
        "injected on " + std::string(toString(primitive_)) + " (" + rule_->origin + ")";
  engine_->events().lose(action.lose_events, action.tell_gap);
  if (action.duplicate_event) engine_->events().duplicateNext();
  if (action.latency > Duration::zero()) {
    const TimePoint moment = CallContext::after(engine_->clock().now(), action.latency);
    if (auto error = unlocked([&] { return HeldCall::until(engine_, moment, context_); }))
      return error;
  }
  if (action.hang == CallPhase::kBefore)
    return unlocked([&] { return HeldCall::until(engine_, TimePoint::max(), context_); });
  if (action.drop_connection == CallPhase::kBefore) return unanswered(connectionLost());
  if (action.error && action.error->effect == Effect::kNone && !action.truncate_stream)
    return action.error;
  return std::nullopt;
}

std::optional<Error> Call::after() {
  const testing::RuleAction& action = rule_->action;
  if (action.hang == CallPhase::kAfter)
    return unlocked([&] { return HeldCall::until(engine_, TimePoint::max(), context_); });
  if (action.drop_connection == CallPhase::kAfter) return unanswered(connectionLost());
  if (action.error && !action.truncate_stream) return action.error;
  return std::nullopt;
}

std::optional<Error> Call::waitForContainer() {
  if (subject_.container == nullptr || !waitsForContainer(primitive_)) return std::nullopt;
  const auto found = engine_->find(*subject_.container);
  if (!found) return std::nullopt;
  if ((*found)->hung)
    if (auto error = unlocked([&] { return HeldCall::whileHung(engine_, *found, context_); }))
      return error;
  if (primitive_ == Primitive::kRemove && (*found)->state == ContainerState::kRemoving)
    return unlocked([&] { return HeldCall::whileRemoving(engine_, *found, context_); });
  return std::nullopt;
}

StreamFault Call::streamFault() const {
  StreamFault fault;
  if (!rule_) return fault;
  const testing::RuleAction& action = rule_->action;
  fault.after = action.stall_stream ? action.stall_stream : action.truncate_stream;
  fault.stalls = action.stall_stream.has_value();
  if (action.error) fault.failure = *action.error;
  return fault;
}

}  // namespace control::mock
