#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <libcontrol/supervisor.h>
#include <libcontrol/testing/mock_engine.h>

#include "mock/mock_plugin.h"
#include "recording_observer.h"
#include "support/temp_dir.h"

namespace control::test {

inline testing::MockEngineOptions byHand(std::map<std::string, std::string> query = {}) {
  static const PluginDescriptor* const kLinked[] = {&mock::descriptor()};
  return {.time = testing::MockEngineOptions::Time::kByHand,
          .query = std::move(query),
          .load = {.linked_plugins = kLinked}};
}

class ConsoleObserver : public RecordingObserver {
 public:
  void onConsole(const std::string& entry) override {
    const std::lock_guard lock(mutex_);
    ++told_[entry];
  }
  int told(const std::string& entry) {
    const std::lock_guard lock(mutex_);
    return told_[entry];
  }

 private:
  std::mutex mutex_;
  std::map<std::string, int> told_;
};

/// A supervisor on a virtual clock.
class ConsoleTest : public ::testing::Test {
 protected:
  explicit ConsoleTest(std::map<std::string, std::string> query = {})
      : engine_(byHand(std::move(query))) {
    restart();
  }
  ~ConsoleTest() override {
    supervisor_.reset();
    engine_.control().reset();
  }

  /// Ends the supervisor and opens a new one on the same engine, as a restarted daemon does.
  void restart() {
    supervisor_.reset();
    supervisor_ = std::make_unique<Supervisor>(
        engine_.runtime(),
        SupervisorOptions{.stats_interval = std::chrono::seconds(0),
                          .console_bytes = console_bytes_,
                          .console_directory = directory_.path() + "/consoles"},
        observer_);
    std::promise<void> open;
    std::thread opening([&] {
      supervisor_->open({});
      open.set_value();
    });
    auto opened = open.get_future();
    EXPECT_TRUE(eventually(
        [&] { return opened.wait_for(std::chrono::seconds(0)) == std::future_status::ready; }));
    opening.join();
  }

  bool eventually(const std::function<bool()>& holds) {
    return engine_.clock().advanceUntil(holds, std::chrono::milliseconds(10),
                                        std::chrono::seconds(30));
  }

  ContainerId run(const std::string& name, std::map<std::string, std::string> labels = {},
                  bool tty = false) {
    EntrySpec spec;
    spec.container.image = "example/game:1";
    spec.container.labels = std::move(labels);
    spec.container.tty = tty;
    spec.container.open_stdin = true;
    spec.start = true;
    EXPECT_TRUE(supervisor_->create(name, std::move(spec), "create"));
    EXPECT_TRUE(eventually([&] { return stateOf(name) == EntryState::kRunning; }));
    return *supervisor_->status(name)->container;
  }
  EntryState stateOf(const std::string& name) {
    const auto status = supervisor_->status(name);
    return status ? status->state : EntryState::kDeleted;
  }
  void stop(const std::string& name) {
    ASSERT_TRUE(supervisor_->kill(name, "stop"));
    ASSERT_TRUE(eventually([&] { return stateOf(name) == EntryState::kStopped; }));
  }
  void start(const std::string& name) {
    ASSERT_TRUE(supervisor_->start(name, "start"));
    ASSERT_TRUE(eventually([&] { return stateOf(name) == EntryState::kRunning; }));
  }

  void print(const ContainerId& id, const std::string& text) {
    const auto printed = engine_.control().print(id, text);
    ASSERT_TRUE(printed) << printed.error().message;
  }
  void printNumbers(const ContainerId& id, int first, int last) {
    for (int i = first; i <= last; ++i) print(id, std::to_string(i) + "\n");
  }

  ConsolePage page(const std::string& name,
                   const ConsoleQuery& query = {.lines = 1'000'000, .text_bytes = 1 << 24}) {
    const auto page = supervisor_->console(name, query);
    return page ? *page : ConsolePage{.problem = page.error().message};
  }
  std::vector<std::string> lines(const std::string& name) {
    std::vector<std::string> lines;
    for (const ConsoleLine& one : page(name).lines)
      lines.push_back(one.source == OutputSource::kGap ? "GAP" : one.text);
    return lines;
  }
  bool showsNumbers(const std::string& name, int last) {
    return eventually([&] { return page(name).last >= static_cast<std::uint64_t>(last); });
  }
  /// Whether the console holds 1 to `last`, each once and under its number.
  void expectNumbers(const std::string& name, int last) {
    EXPECT_TRUE(showsNumbers(name, last)) << page(name).last;
    const ConsolePage all = page(name);
    ASSERT_EQ(all.lines.size(), static_cast<std::size_t>(last));
    for (std::size_t i = 0; i < all.lines.size(); ++i) {
      EXPECT_EQ(all.lines[i].text, std::to_string(i + 1));
      EXPECT_EQ(all.lines[i].number, i + 1);
    }
  }
  /// Sends a line and returns what came of it.
  Result<void> send(const std::string& name, const std::string& line) {
    const auto written = std::make_shared<std::promise<Result<void>>>();
    auto result = written->get_future();
    if (auto accepted =
            supervisor_->sendLine(name, line, std::chrono::seconds(5),
                                  [written](const Result<void>& end) { written->set_value(end); });
        !accepted)
      return accepted;
    return result.get();
  }

  test_support::TempDir directory_;
  std::size_t console_bytes_ = 256 * 1024;
  testing::MockEngine engine_;
  ConsoleObserver observer_;
  std::unique_ptr<Supervisor> supervisor_;
};

}  // namespace control::test
