#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <future>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <libcontrol/runtime.h>
#include <libcontrol/testing/printers.h>

#include "contract/behaviour.h"
#include "contract/faults.h"
#include "contract/world.h"

namespace control::conform {

using namespace std::chrono_literals;

/// A test cannot go on, as without a runtime; failWhereThrown() makes it a failure.
struct CannotGoOn : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// One behaviour under test: a runtime of its own, containers that are gone afterwards, time that
/// passes on the engine's clock, real or virtual.
class Conformance : public ::testing::Test {
 public:
  explicit Conformance(Behaviour behaviour) : behaviour_(std::move(behaviour)) {}

 protected:
  /// The behaviour itself.
  virtual void behave() = 0;

  ContainerRuntime& runtime() { return *runtime_; }
  bool has(Capability capability) const;
  /// Those that --list shows of this behaviour.
  bool declares(Means means) const;

  /// Closes the runtime and opens another one on the same engine.
  void reopen();

  // ---- Skips and faults ----

  /// Skips the test; one that is not on the engine's list fails the run. Return after it.
  void skip(const std::string& reason);
  /// From here on the runtime is one whose engine can be made to fail; null where none can.
  Faults* faultsIfAny();
  /// The same; skips the test where there is none.
  Faults* faults();

  // ---- Time, on the engine's clock ----

  /// Long enough on a loaded machine. On a virtual clock there is no deadline: a watch on real time
  /// ends what hangs.
  CallContext soon();
  CallContext within(Duration timeout);
  /// What is there at once: a deadline in the past.
  static CallContext atOnce() { return {.deadline = TimePoint{} + 1ns}; }
  TimePoint now() { return runtime_->clock().now(); }
  /// Lets time go by.
  void pass(Duration duration);
  /// Waits for a condition; time goes by meanwhile. False when it did not come true.
  bool eventually(const std::function<bool()>& condition);
  bool isVirtual() const { return clock_ != nullptr; }
  /// How much longer than it should an operation may take that the engine has its part in:
  /// nothing but 250 ms on a virtual clock.
  Duration slack() const { return isVirtual() ? Duration(250ms) : Duration(5s); }

  // In real time, whatever the engine's clock: a plugin that sleeps is late there as well.

  /// How late a call may return after its deadline or cancellation. 250 ms are promised; the rest
  /// is for a machine that is busy.
  static constexpr Duration kLate = 2s;
  /// `attempt` makes a call and says how late it returned. One that is too late is made once more:
  /// it may have been the machine.
  void expectInTime(const std::string& what, const std::function<Duration()>& attempt,
                    Duration at_most = kLate);
  /// How long after its deadline, `timeout` from now, a call returns.
  Duration latenessOf(Duration timeout, const std::function<void(const CallContext&)>& call);
  /// How long after its cancellation a call returns that would wait. The clock has to stand still.
  Duration latenessOfCancelled(const std::function<void(const CallContext&)>& call);

  /// While it lives, a virtual clock stands still and no timeout passes by itself.
  class StillTime {
   public:
    explicit StillTime(Conformance& test) : test_(test) { test_.letTimeFlow(false); }
    ~StillTime() { test_.letTimeFlow(true); }
    StillTime(const StillTime&) = delete;
    StillTime& operator=(const StillTime&) = delete;

   private:
    Conformance& test_;
  };

  // ---- Containers ----

  /// A shell that runs `script`, with this run's label, a label of this test and no network.
  ContainerSpec shell(const std::string& script);
  // Both for ever: where nobody is ready to wait yet, a virtual clock goes on to the end of a
  // sleep.

  /// Runs until it is signalled: TERM ends it with 42.
  ContainerSpec obedient() { return shell(kObedient); }
  /// Runs until it is killed.
  ContainerSpec stubborn() { return shell(kStubborn); }
  static constexpr const char* kObedient =
      "trap 'exit 42' TERM; echo ready; while true; do sleep 600 & wait $!; done";
  static constexpr const char* kStubborn =
      "trap '' TERM; echo ready; while true; do sleep 600 & wait $!; done";

  /// The test goes no further when it fails.
  ContainerId create(const ContainerSpec& spec);
  ContainerId run(const ContainerSpec& spec);
  /// run(), and waits until it has printed: its traps are set by then.
  ContainerId runReady(const ContainerSpec& spec);
  /// The same of the container's latest run, which is number `runs` of it.
  void awaitReady(const ContainerId& id, int runs = 1);
  ContainerInfo look(const ContainerId& id);
  std::unique_ptr<ExitWatch> watch(const ContainerId& id);
  ExitStatus awaitExit(const ContainerId& id);
  /// The label that only containers of this test carry.
  std::map<std::string, std::string> mine() const { return {{"control.conform.test", label_}}; }
  const std::string& label() const { return label_; }
  std::vector<ContainerSummary> listMine();
  Result<StatsSample> stats(const ContainerId& id);
  /// Waits until the container has printed that; without logs, for a while.
  void awaitText(const ContainerId& id, const std::string& text);

  /// A container of that specification. Nullopt where the engine refuses, as it may, to make one
  /// with that field, or warns of limits that it will not keep, which is a skip; the test fails
  /// when it says anything else.
  std::optional<ContainerId> createWith(const ContainerSpec& spec, const std::string& field);
  /// A container that nobody starts, with each field set that the engine takes, and what it was
  /// created from. The test fails when a field is refused without its name, or by another error
  /// than kUnsupported.
  std::pair<ContainerId, ContainerSpec> createWithAllItTakes();
  /// What it prints before it ends with 0, unless the engine refuses that field.
  void expectPrints(const ContainerSpec& spec, const std::string& field,
                    const std::string& expected);
  /// Standard output of a container that has ended.
  std::string printed(const ContainerId& id);

  /// The mock engine's containers are no processes that a kernel could hold to anything: the test
  /// is skipped. Return when it is true.
  bool onlyPlayed() {
    if (mock_) skip("its containers are no processes");
    return mock_;
  }
  /// The mock engine's shell understands little: it gets a script of its own where need be.
  bool isMock() const { return mock_; }
  std::string onMock(const std::string& mocks, const std::string& others) const {
    return mock_ ? mocks : others;
  }

  // ---- The process ----

  /// Nothing that is open now would go to a program that is started.
  static void expectNothingInheritable();

  // ---- Streams ----

  template <class AnyStream>
  std::vector<Output> readAll(AnyStream& stream) {
    std::vector<Output> all;
    for (;;) {
      auto item = stream.next(soon());
      if (!item) ADD_FAILURE() << item.error().message;
      if (!item || !*item) return all;
      all.push_back(std::move(**item));
    }
  }
  static std::string textOf(const std::vector<Output>& all, OutputSource source);
  std::string logged(const ContainerId& id, LogOptions options = {});
  /// The next event of that type; fails the test when another error comes.
  std::optional<Event> nextEvent(EventStream& events, EventType type);

 private:
  void SetUp() final;
  void TestBody() final;
  void TearDown() final;
  void use(std::shared_ptr<ContainerRuntime> runtime);
  void letTimeFlow(bool flows);
  void tolerate(const std::string& reason);
  void expectNothingLeft();

  const Behaviour behaviour_;
  std::string label_;
  std::unique_ptr<Faults> faults_;
  std::shared_ptr<ContainerRuntime> runtime_;
  testing::FakeClock* clock_ = nullptr;  ///< the engine's, when it is a virtual one
  bool time_flows_ = true;
  bool mock_ = false;
  std::stop_source hung_;
  std::jthread watchdog_;
};

/// Fails the test when an exception comes out of it.
void failWhereThrown(const std::function<void()>& work);

/// Ends with a failure of the test whatever thread it runs on. Joins in the destructor.
template <class Work>
auto inBackground(Work work) {
  return std::async(std::launch::async, [work = std::move(work)]() mutable {
    try {
      return work();
    } catch (...) {
      // Here as well: not everybody asks for what has become of it.
      failWhereThrown([] { throw; });
      throw;
    }
  });
}

/// A behaviour is the test of that name.
template <class Test>
bool registerBehaviour(Behaviour behaviour, const char* file, int line) {
  behaviour.register_test = [group = std::string(behaviour.group),
                             name = std::string(behaviour.name), behaviour, file, line] {
    ::testing::RegisterTest(group.c_str(), name.c_str(), nullptr, nullptr, file, line,
                            [behaviour]() -> Conformance* { return new Test(behaviour); });
  };
  behaviours().push_back(std::move(behaviour));
  return true;
}

}  // namespace control::conform

/// MUST(Group, name, Capability or Means...) { ... } is the test of the behaviour `name`.
#define CONTROL_BEHAVIOUR_(base_, level_, group_, name_, ...)                                \
  class name_ final : public base_ {                                                         \
   public:                                                                                   \
    using base_::base_;                                                                      \
                                                                                             \
   private:                                                                                  \
    void behave() override;                                                                  \
  };                                                                                         \
  [[maybe_unused]] const bool name_##_is_registered =                                        \
      ::control::conform::registerBehaviour<name_>(                                          \
          {#group_, #name_, ::control::conform::Level::level_, {__VA_ARGS__}, {}}, __FILE__, \
          __LINE__);                                                                         \
  void name_::behave()
#define MUST(group, name, ...) CONTROL_BEHAVIOUR_(Conformance, kMust, group, name, __VA_ARGS__)
#define SHOULD(group, name, ...) CONTROL_BEHAVIOUR_(Conformance, kShould, group, name, __VA_ARGS__)
/// The same on a fixture derived from Conformance.
#define MUST_ON(fixture, group, name, ...) \
  CONTROL_BEHAVIOUR_(fixture, kMust, group, name, __VA_ARGS__)

/// Success, or the call and its error's words.
#define EXPECT_OK(result)                                                                    \
  do {                                                                                       \
    const auto& checked_ = (result);                                                         \
    if (!checked_.has_value())                                                               \
      ADD_FAILURE() << #result " failed: " << ::control::conform::wordsOf(checked_.error()); \
  } while (false)
#define ASSERT_OK(result)                                                             \
  do {                                                                                \
    const auto& checked_ = (result);                                                  \
    if (!checked_.has_value())                                                        \
      FAIL() << #result " failed: " << ::control::conform::wordsOf(checked_.error()); \
  } while (false)
/// A failure of that code; prints what came instead.
#define EXPECT_CODE(result, expected)                                       \
  do {                                                                      \
    const auto& checked_ = (result);                                        \
    if (checked_.has_value()) {                                             \
      ADD_FAILURE() << #result " succeeded, expected "                      \
                    << ::control::toString(::control::ErrorCode::expected); \
    } else {                                                                \
      EXPECT_EQ(::control::toString(checked_.error().code),                 \
                ::control::toString(::control::ErrorCode::expected))        \
          << #result ": " << ::control::conform::wordsOf(checked_.error()); \
    }                                                                       \
  } while (false)

namespace control::conform {
/// The message of a failure says what it is about.
template <class AnyResult>
void expectNamed(const AnyResult& result, std::string_view what) {
  if (result.has_value()) return;
  EXPECT_NE(result.error().message.find(what), std::string::npos)
      << "the message does not say '" << what << "': " << result.error().message;
}

inline std::string wordsOf(const Error& error) {
  return std::string(toString(error.code)) + ": " + error.message +
         (error.native.empty() ? "" : " [" + error.native + "]");
}
}  // namespace control::conform
