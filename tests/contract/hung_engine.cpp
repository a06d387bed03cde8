// An engine that takes calls and never answers them, and a process that reads nothing: whoever
// calls gets away in time all the same.

#include "contract/blocking.h"
#include "contract/conformance.h"
#include "contract/faults.h"

namespace control::conform {
namespace {

class HungEngine : public Conformance {
 public:
  using Conformance::Conformance;

 protected:
  /// Two containers, and every call that asks the engine for something.
  std::vector<Blocking> calls() {
    ContainerSpec spec = obedient();
    spec.open_stdin = has(Capability::kAttach);
    const ContainerId runs = running_ = runReady(spec);
    const ContainerId made = create(obedient());
    const ContainerSpec another = obedient();
    std::vector<Blocking> all;
    const auto add = [&](std::string name, auto call) {
      all.push_back({std::move(name), [call](const CallContext& c) { return errorOf(call(c)); }});
    };
    const auto addIf = [&](Capability capability, auto call) {
      if (has(capability)) add(std::string(toString(capability)), call);
    };
    add("info", [this](auto& c) { return runtime().info(c); });
    add("list", [this](auto& c) { return runtime().list({.labels = mine()}, c); });
    add("inspect", [=, this](auto& c) { return runtime().inspect(runs, c); });
    add("findImage",
        [this](auto& c) { return runtime().findImage(World::instance().options().image, c); });
    add("create", [=, this](auto& c) { return runtime().create(another, c); });
    add("start", [=, this](auto& c) { return runtime().start(made, c); });
    add("signal", [=, this](auto& c) { return runtime().signal(runs, {SIGURG}, c); });
    add("watchExit", [=, this](auto& c) { return runtime().watchExit(runs, c); });
    add("remove", [=, this](auto& c) { return runtime().remove(made, {}, c); });
    add("wait", [=, this](auto& c) { return runtime().wait(runs, c); });
    add("stop", [=, this](auto& c) { return runtime().stop(runs, {.timeout = 3600s}, c); });
    addIf(Capability::kStats,
          [=, this](auto& c) { return runtime().stats(std::vector{runs}, c).at(0); });
    addIf(Capability::kUpdate,
          [=, this](auto& c) { return runtime().update(runs, {.memory_bytes = 64 << 20}, c); });
    addIf(Capability::kLogs, [=, this](auto& c) { return runtime().logs(runs, {}, c); });
    addIf(Capability::kAttach, [=, this](auto& c) { return runtime().attach(runs, {}, c); });
    addIf(Capability::kExec, [=, this](auto& c) {
      return runtime().exec(runs, {.command = {"/bin/sh", "-c", "true"}}, c);
    });
    addIf(Capability::kEvents, [this](auto& c) { return runtime().events({.labels = mine()}, c); });
    addIf(Capability::kPull, [this](auto& c) -> Result<void> {
      auto pull = runtime().pull("registry.test/some/image:1", {}, c);
      if (!pull) return pull.error();
      const auto step = (*pull)->next(c);
      return step ? Result<void>() : step.error();
    });
    if (!isMock())
      add("opening", [this](auto& c) { return World::instance().open(engine_->uri(), c); });
    return all;
  }

  /// False: the test is over.
  bool begin() {
    engine_ = faults();
    if (engine_ == nullptr) return false;
    calls_ = calls();
    return !HasFailure();
  }

  /// `lateness` makes a call, which the engine does not answer, and says how late it was.
  void expectAllInTime(ErrorCode code,
                       const std::function<Duration(const Blocking& expecting)>& lateness) {
    for (const Blocking& blocking : calls_) {
      expectInTime(blocking.name, [&] {
        EXPECT_TRUE(engine_->hangCalls());
        return lateness({blocking.name, [&](const CallContext& context) {
                           const auto error = blocking.call(context);
                           // What needs no answer may well succeed.
                           if (error) {
                             EXPECT_EQ(toString(error->code), toString(code))
                                 << blocking.name << ": " << wordsOf(*error);
                           }
                           return error;
                         }});
      });
      if (HasFailure()) break;
    }
    engine_->release(runtime(), running_);
    // It answers again, and whoever was left waiting has spoiled nothing.
    EXPECT_EQ(look(running_).state, ContainerState::kRunning);
  }

 private:
  Faults* engine_ = nullptr;
  ContainerId running_{};
  std::vector<Blocking> calls_{};
};

MUST_ON(HungEngine, Contract, every_call_on_a_hung_engine_returns_within_its_deadline,
        Means::kFault) {
  if (!begin()) return;
  expectAllInTime(ErrorCode::kDeadlineExceeded, [this](const Blocking& blocking) {
    return latenessOf(200ms, [&](const CallContext& context) { (void)blocking.call(context); });
  });
}

MUST_ON(HungEngine, Contract, cancel_unblocks_every_call_on_a_hung_engine, Means::kFault) {
  if (!begin()) return;
  const StillTime still(*this);
  expectAllInTime(ErrorCode::kCancelled, [this](const Blocking& blocking) {
    return latenessOfCancelled([&](const CallContext& context) { (void)blocking.call(context); });
  });
}

MUST(Attach, write_to_a_process_that_does_not_read_returns_within_its_deadline,
     Capability::kAttach) {
  ContainerSpec spec = obedient();
  spec.open_stdin = true;
  const ContainerId id = runReady(spec);
  const auto console = runtime().attach(id, {}, soon());
  ASSERT_OK(console);
  const std::string piece(1 << 20, 'x');
  // Until all that lies between is full; an engine may keep all of this.
  bool full = false;
  for (int pieces = 0; pieces < 16 && !full; ++pieces) {
    expectInTime("write", [&] {
      return latenessOf(200ms, [&](const CallContext& context) {
        const auto written = (*console)->write(piece, context);
        full = !written;
        if (full) EXPECT_CODE(written, kDeadlineExceeded);
      });
    });
    if (HasFailure()) return;
  }
  if (full) {
    const StillTime still(*this);
    expectInTime("write", [&] {
      return latenessOfCancelled([&](const CallContext& context) {
        EXPECT_CODE((*console)->write(piece, context), kCancelled);
      });
    });
  }
  EXPECT_EQ(look(id).state, ContainerState::kRunning);
}

}  // namespace
}  // namespace control::conform
