#include "contract/conformance.h"

#include <gtest/gtest-spi.h>

#include <algorithm>
#include <cassert>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include <libcontrol/testing/mock_control.h>

namespace control::conform {
namespace {

/// How long one behaviour may take in real time before its calls are cancelled: a plugin that heeds
/// that fails here, one that does not is ended from outside.
std::chrono::seconds hangLimit() { return World::instance().options().limit * 3 / 4; }
constexpr auto kSoon = 60s;

}  // namespace

void failWhereThrown(const std::function<void()>& work) {
  static constexpr const char* kBreach =
      "an exception came out of a call; a plugin's calls return errors and never throw";
  try {
    work();
  } catch (const CannotGoOn& reason) {
    ADD_FAILURE() << reason.what();
  } catch (const std::exception& thrown) {
    ADD_FAILURE() << kBreach << ": " << thrown.what();
  } catch (...) {
    ADD_FAILURE() << kBreach << "; it is no std::exception";
  }
}

bool Conformance::has(Capability capability) const {
  return World::instance().info().has(capability);
}

bool Conformance::declares(Means means) const {
  return std::count(behaviour_.needs.begin(), behaviour_.needs.end(), Need(means)) == 1;
}

// ---- The course of a test ----

void Conformance::SetUp() {
  World& world = World::instance();
  label_ = world.uniqueName();
  watchdog_ = std::jthread([this](const std::stop_token& over) {
    const std::stop_callback interrupted(World::instance().interrupted().get_token(),
                                         [this] { hung_.request_stop(); });
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait_for(lock, over, hangLimit(), [] { return false; });
    if (!over.stop_requested()) hung_.request_stop();
  });
  for (const Need& need : behaviour_.needs)
    if (const auto* needed = std::get_if<Capability>(&need); needed != nullptr && !has(*needed))
      return skip("the engine has not the capability " + std::string(toString(*needed)));
  auto opened = world.open();
  ASSERT_OK(opened);
  use(std::move(*opened));
}

void Conformance::use(std::shared_ptr<ContainerRuntime> runtime) {
  runtime_ = std::move(runtime);
  auto* const mock = mockOf(*runtime_);
  mock_ = mock != nullptr;
  clock_ = mock == nullptr ? nullptr : mock->fakeClock();
  letTimeFlow(true);
}

void Conformance::reopen() {
  const bool time_flowed = time_flows_;
  runtime_.reset();
  auto opened =
      World::instance().open(faults_ ? faults_->uri() : World::instance().options().runtime);
  if (!opened) throw CannotGoOn("cannot open the engine again: " + wordsOf(opened.error()));
  use(std::move(*opened));
  letTimeFlow(time_flowed);
}

void Conformance::letTimeFlow(bool flows) {
  time_flows_ = flows;
  if (clock_ != nullptr) clock_->setAutoAdvance(flows);
}

void Conformance::TestBody() {
  if (runtime_ == nullptr) return;  // a skip that is on no list, which is a failure
  const ExpectedSkips& expected = World::instance().expected();
  const auto listed = expected.find(behaviour_.name);
  if (listed == expected.end()) return failWhereThrown([this] { behave(); });
  tolerate(listed->second);
}

/// Runs a behaviour that is on the list: its failure is a skip, its success is said.
void Conformance::tolerate(const std::string& reason) {
  ::testing::TestPartResultArray results;
  {
    using Reporter = ::testing::ScopedFakeTestPartResultReporter;
    const Reporter reporter(Reporter::INTERCEPT_ALL_THREADS, &results);
    failWhereThrown([this] { behave(); });
  }
  for (int i = 0; i < results.size(); ++i)
    if (!results.GetTestPartResult(i).passed()) {
      GTEST_SKIP() << reason;
    }
  World::instance().passedAlthoughListed(std::string(behaviour_.name));
}

void Conformance::TearDown() {
  letTimeFlow(true);
  if (faults_) faults_->comeBack();
  if (hung_.stop_requested())
    ADD_FAILURE() << "it hung: nothing came within " << hangLimit().count()
                  << " s, or it was interrupted";
  watchdog_ = {};
  hung_ = {};
  expectNothingInheritable();
  runtime_.reset();
  clock_ = nullptr;
  faults_.reset();
  failWhereThrown([this] { expectNothingLeft(); });
  for (const std::string& change : World::instance().changesOfProcess()) ADD_FAILURE() << change;
}

void Conformance::expectNothingInheritable() {
  for (const std::string& one : World::instance().inheritableDescriptors()) ADD_FAILURE() << one;
}

/// Containers of this test are gone, and so are threads and descriptors.
void Conformance::expectNothingLeft() {
  World& world = World::instance();
  const auto left = world.sweep();
  if (!left) ADD_FAILURE() << "cannot clean up: " << wordsOf(left.error());
  const auto over = [&] { return Footprint::now().within(world.baseline()); };
  for (int tries = 0; !over() && tries < 1000; ++tries) std::this_thread::sleep_for(10ms);
  const Footprint now = Footprint::now();
  EXPECT_LE(now.threads, world.baseline().threads) << "threads were left behind";
  EXPECT_LE(now.descriptors, world.baseline().descriptors) << "descriptors were left behind";
}

void Conformance::skip(const std::string& reason) {
  const ExpectedSkips& expected = World::instance().expected();
  const auto listed = expected.find(behaviour_.name);
  // For whoever reads the results as XML.
  if (listed == expected.end() && !HasFailure()) ADD_FAILURE() << kSkipNotListed;
  GTEST_SKIP() << (listed == expected.end() ? reason : listed->second);
}

Faults* Conformance::faults() {
  assert(declares(Means::kFault));
  Faults* const found = faultsIfAny();
  // One that is there and cannot be used has failed the test already.
  if (!faults_) skip("this engine cannot be made to fail: " + Faults::whyNone());
  return found;
}

Faults* Conformance::faultsIfAny() {
  faults_ = Faults::make(runtime_);
  if (!faults_) return nullptr;
  auto opened = World::instance().open(faults_->uri());
  EXPECT_OK(opened);
  if (!opened) return nullptr;
  use(std::move(*opened));
  return faults_.get();
}

// ---- Time ----

CallContext Conformance::soon() {
  CallContext context{.cancellation = hung_.get_token()};
  if (!isVirtual()) context.deadline = CallContext::after(now(), kSoon);
  return context;
}

CallContext Conformance::within(Duration timeout) {
  return {.deadline = CallContext::after(now(), timeout), .cancellation = hung_.get_token()};
}

void Conformance::pass(Duration duration) {
  if (clock_ != nullptr)
    clock_->advance(duration);
  else
    std::this_thread::sleep_for(duration);
}

bool Conformance::eventually(const std::function<bool()>& condition) {
  while (!condition()) {
    if (hung_.stop_requested()) return false;
    // Others are at work in real time, containers on the engine's.
    std::this_thread::sleep_for(clock_ != nullptr ? 1ms : 5ms);
    if (clock_ != nullptr && time_flows_) clock_->advance(5ms);
  }
  return true;
}

namespace {

Duration realTimeSince(std::chrono::steady_clock::time_point begin) {
  return std::chrono::steady_clock::now() - begin;
}

}  // namespace

void Conformance::expectInTime(const std::string& what, const std::function<Duration()>& attempt,
                               Duration at_most) {
  Duration late = attempt();
  if (late > at_most && !HasFailure()) late = attempt();
  const auto milliseconds = [](Duration duration) {
    return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
           " ms";
  };
  if (late > at_most)
    ADD_FAILURE() << what << " returned " << milliseconds(late)
                  << " too late, at the second try too"
                  << "; " << milliseconds(at_most) << " are let pass";
}

Duration Conformance::latenessOf(Duration timeout,
                                 const std::function<void(const CallContext&)>& call) {
  const CallContext context = within(timeout);
  const auto begin = std::chrono::steady_clock::now();
  call(context);
  // A virtual clock takes no time to come to the deadline.
  return realTimeSince(begin) - (isVirtual() ? Duration::zero() : timeout);
}

Duration Conformance::latenessOfCancelled(const std::function<void(const CallContext&)>& call) {
  std::stop_source stop;
  CallContext context = soon();
  context.cancellation = stop.get_token();
  auto waiting = inBackground([&] {
    call(context);
    return std::chrono::steady_clock::now();
  });
  // So that it mostly waits already; either way it ends.
  std::this_thread::sleep_for(isVirtual() ? 5ms : 20ms);
  const auto cancelled = std::chrono::steady_clock::now();
  stop.request_stop();
  return waiting.get() - cancelled;
}

// ---- Containers ----

ContainerSpec Conformance::shell(const std::string& script) {
  ContainerSpec spec;
  spec.name = World::instance().uniqueName();
  spec.image = World::instance().options().image;
  spec.command = {"/bin/sh", "-c", script};
  spec.labels = mine();
  spec.labels[World::kRunKey] = World::instance().runLabel();
  spec.network = World::instance().network();
  return spec;
}

ContainerId Conformance::create(const ContainerSpec& spec) {
  auto created = runtime().create(spec, soon());
  if (!created) throw CannotGoOn("create(" + spec.name + ") failed: " + wordsOf(created.error()));
  return created->id;
}

ContainerId Conformance::run(const ContainerSpec& spec) {
  const ContainerId id = create(spec);
  EXPECT_OK(runtime().start(id, soon()));
  return id;
}

ContainerId Conformance::runReady(const ContainerSpec& spec) {
  const ContainerId id = run(spec);
  awaitReady(id);
  return id;
}

void Conformance::awaitReady(const ContainerId& id, int runs) {
  // Without logs nobody can say when a trap is set.
  if (!has(Capability::kLogs)) return pass(1s);
  const auto logs = runtime().logs(id, {.follow = true}, soon());
  EXPECT_OK(logs);
  if (!logs) return;
  // The log of all runs is one.
  constexpr std::string_view kReady = "ready";
  std::string text;
  for (int seen = 0; seen < runs;) {
    const auto item = (*logs)->next(soon());
    if (!item || !*item) {
      ADD_FAILURE() << "it did not print '" << kReady << "' in run " << seen + 1 << ": "
                    << (item ? "its log ended" : wordsOf(item.error()));
      return;
    }
    text += (*item)->bytes;
    for (std::size_t at = 0; (at = text.find(kReady)) != std::string::npos; ++seen)
      text.erase(0, at + kReady.size());
  }
}

std::optional<ContainerId> Conformance::createWith(const ContainerSpec& spec,
                                                   const std::string& field) {
  const std::size_t before = listMine().size();
  const auto created = runtime().create(spec, soon());
  // Some warn of limits that nobody asked for.
  if (created && spec.limits != ResourceLimits{} && !created->warnings.empty()) {
    skip("the engine takes `" + field + "` and says: " + created->warnings.front());
    return std::nullopt;
  }
  if (created) return created->id;
  EXPECT_CODE(created, kUnsupported);
  expectNamed(created, field);
  EXPECT_EQ(listMine().size(), before);
  return std::nullopt;
}

void Conformance::expectPrints(const ContainerSpec& spec, const std::string& field,
                               const std::string& expected) {
  const auto id = createWith(spec, field);
  if (!id) return;
  ASSERT_OK(runtime().start(*id, soon()));
  EXPECT_EQ(awaitExit(*id).exit_code, 0);
  EXPECT_EQ(printed(*id), expected) << "with " << field;
}

std::string Conformance::printed(const ContainerId& id) {
  auto logs = runtime().logs(id, {}, soon());
  EXPECT_OK(logs);
  return logs ? textOf(readAll(**logs), OutputSource::kStdout) : std::string();
}

ContainerInfo Conformance::look(const ContainerId& id) {
  auto info = runtime().inspect(id, soon());
  EXPECT_OK(info);
  return info ? std::move(*info) : ContainerInfo{};
}

std::unique_ptr<ExitWatch> Conformance::watch(const ContainerId& id) {
  auto watch = runtime().watchExit(id, soon());
  EXPECT_OK(watch);
  return watch ? std::move(*watch) : nullptr;
}

ExitStatus Conformance::awaitExit(const ContainerId& id) {
  auto exit = runtime().wait(id, soon());
  EXPECT_OK(exit);
  return exit ? std::move(*exit) : ExitStatus{};
}

std::vector<ContainerSummary> Conformance::listMine() {
  auto list = runtime().list({.labels = mine()}, soon());
  EXPECT_OK(list);
  return list ? std::move(*list) : std::vector<ContainerSummary>{};
}

Result<StatsSample> Conformance::stats(const ContainerId& id) {
  auto answers = runtime().stats(std::vector{id}, soon());
  if (answers.size() == 1) return std::move(answers.front());
  return Error{.message = std::to_string(answers.size()) + " answers for one id"};
}

void Conformance::awaitText(const ContainerId& id, const std::string& text) {
  if (!has(Capability::kLogs)) return pass(1s);
  EXPECT_TRUE(eventually([&] { return logged(id).find(text) != std::string::npos; }))
      << "'" << text << "' was never printed";
}

// ---- Streams ----

std::string Conformance::textOf(const std::vector<Output>& all, OutputSource source) {
  std::string text;
  for (const Output& one : all)
    if (one.source == source) text += one.bytes;
  return text;
}

std::string Conformance::logged(const ContainerId& id, LogOptions options) {
  auto logs = runtime().logs(id, options, soon());
  EXPECT_OK(logs);
  std::string text;
  if (!logs) return text;
  for (const Output& one : readAll(**logs)) text += one.bytes;
  return text;
}

std::optional<Event> Conformance::nextEvent(EventStream& events, EventType type) {
  for (;;) {
    auto event = events.next(soon());
    if (!event || !*event) {
      ADD_FAILURE() << "no event " << toString(type)
                    << " came: " << (event ? "the stream ended" : wordsOf(event.error()));
      return std::nullopt;
    }
    if ((*event)->type == type) return std::move(**event);
  }
}

}  // namespace control::conform
