#pragma once

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <vector>

#include "real_engines/engine_under_test.h"
#include "support/results.h"

namespace control::test {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// Opens the tests' engine, and removes at the end what a test made.
class EngineTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = openEngine(engine_.uri);
    ASSERT_TRUE(opened) << opened.error().message;
    runtime_ = *opened;
  }

  void TearDown() override {
    for (const ContainerId& id : made_) (void)runtime_->remove(id, {.force = true}, soon());
  }

  /// A name no other test and no other run has.
  static std::string uniqueName() {
    static std::atomic<int> count{0};
    return "ct-" + std::to_string(::getpid()) + "-" + std::to_string(++count);
  }

  static ContainerSpec shell(const std::string& script) {
    ContainerSpec spec;
    spec.name = uniqueName();
    spec.image = kTestImage;
    spec.command = {"/bin/sh", "-c", script};
    spec.network = NetworkMode::kNone;
    spec.labels = {{"control.test", "yes"}, {"control.test.name", spec.name}};
    return spec;
  }

  ContainerId make(const ContainerSpec& spec) {
    auto created = runtime_->create(spec, soon());
    EXPECT_TRUE(created) << created.error().message;
    if (!created) return {};
    made_.push_back(created->id);
    return created->id;
  }

  ContainerId run(const ContainerSpec& spec) {
    const ContainerId id = make(spec);
    const auto started = runtime_->start(id, soon());
    EXPECT_TRUE(started) << started.error().message;
    return id;
  }

  /// Waits until the container has printed something: its traps are set by then.
  void awaitOutput(const ContainerId& id) {
    const auto logs = runtime_->logs(id, {.follow = true}, soon());
    ASSERT_TRUE(logs) << logs.error().message;
    const auto first = (*logs)->next(soon());
    ASSERT_TRUE(first && *first) << "it printed nothing";
  }

  ContainerInfo look(const ContainerId& id) {
    auto info = runtime_->inspect(id, soon());
    EXPECT_TRUE(info) << info.error().message;
    return info ? *info : ContainerInfo{};
  }

  /// Reads a stream of output to its end.
  template <class AnyStream>
  static std::vector<Output> readAll(AnyStream& stream) {
    std::vector<Output> all;
    for (;;) {
      auto item = stream.next(soon());
      if (!item) ADD_FAILURE() << item.error().message;
      if (!item || !*item) return all;
      all.push_back(std::move(**item));
    }
  }

  static std::string textOf(const std::vector<Output>& all, OutputSource source) {
    std::string text;
    for (const Output& one : all)
      if (one.source == source) text += one.bytes;
    return text;
  }

  const EngineUnderTest& engine_ = engineUnderTest();
  std::shared_ptr<ContainerRuntime> runtime_;
  std::vector<ContainerId> made_;
};

}  // namespace control::test
