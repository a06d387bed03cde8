// What was done and not answered can be found out.

#include "contract/conformance.h"
#include "contract/faults.h"

namespace control::conform {
namespace {

constexpr const char* kNoneCanBeLost = "no answer can be lost";
constexpr const char* kNoneWasLost = "no answer was lost: the proxy did not know the request";

MUST(Contract, create_of_unknown_effect_is_discoverable, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  if (!engine->loseAnswerTo(ChangingCall::kCreate)) return skip(engine->whyNot(kNoneCanBeLost));
  const ContainerSpec spec = obedient();
  const auto created = runtime().create(spec, soon());
  if (!engine->hasLostAnswer()) return skip(kNoneWasLost);
  EXPECT_CODE(created, kUnavailable);
  EXPECT_TRUE(created || created.error().effect == Effect::kUnknown);
  const auto found = look({spec.name});
  EXPECT_EQ(found.spec.name, spec.name);
  EXPECT_EQ(found.state, ContainerState::kCreated);
  ASSERT_EQ(listMine().size(), 1U);
  EXPECT_EQ(listMine().front().id, found.id);
  EXPECT_CODE(runtime().create(spec, soon()), kAlreadyExists);
}

/// The engine does what is asked for, and its answer is lost.
class LostAnswer : public Conformance {
 public:
  using Conformance::Conformance;

 protected:
  /// The answer to the next such call is lost. False: the test is over.
  bool willLose(ChangingCall call) {
    if (engine_->loseAnswerTo(call)) return true;
    skip(engine_->whyNot(kNoneCanBeLost));
    return false;
  }
  bool canLose() { return (engine_ = faults()) != nullptr; }

  /// Whoever looks for himself what became of it may say so; nobody may say that nothing did.
  /// False: the test is over.
  template <class AnyResult>
  bool isNotDenied(const AnyResult& result) {
    if (!engine_->hasLostAnswer()) {
      skip(kNoneWasLost);
      return false;
    }
    if (result) return true;
    EXPECT_CODE(result, kUnavailable);
    EXPECT_NE(toString(result.error().effect), toString(Effect::kNone)) << "it was done";
    return true;
  }

 private:
  Faults* engine_ = nullptr;
};

MUST_ON(LostAnswer, Contract, start_of_unknown_effect_is_discoverable, Means::kFault) {
  if (!canLose()) return;
  const ContainerId id = create(obedient());
  if (!willLose(ChangingCall::kStart)) return;
  if (!isNotDenied(runtime().start(id, soon()))) return;
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

MUST_ON(LostAnswer, Contract, signal_of_unknown_effect_is_discoverable, Means::kFault) {
  if (!canLose()) return;
  const ContainerId id = runReady(obedient());
  if (!willLose(ChangingCall::kSignal)) return;
  if (!isNotDenied(runtime().signal(id, Signal::term(), soon()))) return;
  EXPECT_EQ(awaitExit(id).exit_code, 42);
}

MUST_ON(LostAnswer, Contract, remove_of_unknown_effect_is_discoverable, Means::kFault) {
  if (!canLose()) return;
  const ContainerId id = create(obedient());
  if (!willLose(ChangingCall::kRemove)) return;
  if (!isNotDenied(runtime().remove(id, {}, soon()))) return;
  EXPECT_CODE(runtime().inspect(id, soon()), kNotFound);
}

MUST_ON(LostAnswer, Contract, update_of_unknown_effect_is_discoverable, Capability::kUpdate,
        Means::kFault) {
  if (!canLose()) return;
  ContainerSpec spec = obedient();
  spec.limits = {.memory_bytes = 64 << 20, .pids = 50};
  const ContainerId id = run(spec);
  if (!willLose(ChangingCall::kUpdate)) return;
  if (!isNotDenied(runtime().update(id, {.pids = 77}, soon()))) return;
  EXPECT_EQ(look(id).spec.limits.pids, 77);
}

}  // namespace
}  // namespace control::conform
