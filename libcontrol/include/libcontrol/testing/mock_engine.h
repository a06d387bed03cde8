#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <libcontrol/loader.h>
#include <libcontrol/testing/fake_clock.h>
#include <libcontrol/testing/mock_control.h>

namespace control::testing {

struct MockEngineOptions {
  enum class Time : int {
    /// Whoever waits lets time jump to what comes next: a stop of 30 s takes no time. For tests
    /// that live in one thread.
    kJumps = 0,
    /// Time stands still until the test moves clock(). For programs with threads of their own, as
    /// any with a Supervisor; FakeClock::advanceUntil moves it for them.
    kByHand = 1,
  };
  Time time = Time::kJumps;
  /// Absolute path of a scenario file, which docs/mock.md describes; empty: an engine without one.
  std::string scenario{};
  /// Further keys of the mock's URI, as {"seed", "7"}; without `clock`, which `time` stands for.
  std::map<std::string, std::string> query{};
  /// Where the mock's plugin is. Empty: where the library was installed with it.
  LoadOptions load{};
};

/// A mock engine that one test has for itself, on a virtual clock, and a runtime on it:
///   MockEngine engine;
///   const auto web = valueOf(engine->run({.name = "web", .image = "example/web:1"}, {}));
///   EXPECT_THAT(engine->stop(web.id, {.timeout = 30s}, {}), IsOk());
///
/// When it is destroyed, the test fails for each rule and each step of a scenario that did not
/// happen, since it then tests less than it says; control().forgetUnused() lets them off.
///
/// As a local variable or a member of a fixture. One that cannot be opened throws
/// std::runtime_error, which GoogleTest shows as the test's failure. Whatever uses the runtime is
/// destroyed before it.
class MockEngine {
 public:
  explicit MockEngine(MockEngineOptions options = {}) {
    const std::string uri = uriOf(options);
    auto opened = loadRuntime(uri, options.load);
    if (!opened) throw std::runtime_error("cannot open " + uri + ": " + opened.error().message);
    runtime_ = std::move(*opened);
    control_ = runtime_->extension<MockControl>();
    if (control_ == nullptr || control_->fakeClock() == nullptr)
      throw std::runtime_error(uri + " is not the mock engine of this library");
    clock().setAutoAdvance(options.time == MockEngineOptions::Time::kJumps);
  }

  ~MockEngine() {
    for (const std::string& rule : control_->unusedRules())
      ADD_FAILURE() << "prepared on the mock engine, and did not happen: " << rule;
    clock().setAutoAdvance(false);
    control_->reset();
  }

  MockEngine(const MockEngine&) = delete;
  MockEngine& operator=(const MockEngine&) = delete;

  ContainerRuntime& operator*() const noexcept { return *runtime_; }
  ContainerRuntime* operator->() const noexcept { return runtime_.get(); }
  /// For what keeps a runtime, as a Supervisor.
  const std::shared_ptr<ContainerRuntime>& runtime() const noexcept { return runtime_; }

  /// What happens to the engine and its containers behind the runtime's back.
  MockControl& control() const noexcept { return *control_; }
  /// The clock that the engine, the runtime and the deadlines of its calls are on.
  FakeClock& clock() const noexcept { return *control_->fakeClock(); }
  /// A context that ends `timeout` from now, on that clock.
  CallContext within(Duration timeout) const { return CallContext::within(timeout, clock()); }

 private:
  static std::string uriOf(const MockEngineOptions& options) {
    if (options.query.contains("clock"))
      throw std::runtime_error("MockEngine sets the clock itself: use MockEngineOptions::time");
    std::string uri = "mock:///test-" + std::to_string(++count_);
    if (!options.scenario.empty()) {
      if (!options.scenario.starts_with('/'))
        throw std::runtime_error("scenario '" + options.scenario + "': name it from '/'");
      uri = "mock://" + percentEncoded(options.scenario);
    }
    uri += "?clock=virtual";
    for (const auto& [key, value] : options.query) uri += "&" + key + "=" + percentEncoded(value);
    return uri;
  }

  static std::string percentEncoded(std::string_view text) {
    constexpr std::string_view kDigits = "0123456789ABCDEF";
    std::string encoded;
    for (const char c : text) {
      const auto byte = static_cast<unsigned char>(c);
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                         (c >= '0' && c <= '9') || std::string_view("/-_.~").find(c) != text.npos;
      if (plain)
        encoded += c;
      else
        encoded.append("%").append(1, kDigits[byte >> 4]).append(1, kDigits[byte & 15]);
    }
    return encoded;
  }

  static inline std::atomic<int> count_{0};

  std::shared_ptr<ContainerRuntime> runtime_;
  MockControl* control_ = nullptr;
};

}  // namespace control::testing
