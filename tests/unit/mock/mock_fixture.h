#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <libcontrol/loader.h>
#include <libcontrol/testing/fake_clock.h>
#include <libcontrol/testing/mock_control.h>

#include "mock/mock_plugin.h"

namespace control::mock {

using namespace std::chrono_literals;

/// Returns what is there already.
inline const CallContext kAtOnce{.deadline = TimePoint{} + 1ns};

inline Result<std::shared_ptr<ContainerRuntime>> openMock(const std::string& uri,
                                                          HostContext host = {}) {
  const PluginDescriptor* const linked[] = {&descriptor()};
  return loadRuntime(uri, {.linked_plugins = linked, .host = std::move(host)});
}

/// A runtime on an engine of its own that lives by a clock moved by hand.
class MockTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto opened = openMock("mock:///test?clock=virtual");
    ASSERT_TRUE(opened) << opened.error().message;
    runtime = *opened;
    mock = runtime->extension<testing::MockControl>();
    ASSERT_NE(mock, nullptr);
    clock = mock->fakeClock();
    ASSERT_NE(clock, nullptr);
  }
  void TearDown() override {
    clock->setAutoAdvance(false);
    mock->reset();
  }

  ContainerId create(ContainerSpec spec) {
    if (spec.image.empty()) spec.image = "example/game:1";
    auto created = runtime->create(spec, {});
    EXPECT_TRUE(created) << created.error().message;
    return created ? created->id : ContainerId{};
  }
  ContainerId run(ContainerSpec spec) {
    const ContainerId id = create(std::move(spec));
    const auto started = runtime->start(id, {});
    EXPECT_TRUE(started) << started.error().message;
    return id;
  }
  ContainerId runScript(const std::string& script) {
    return run({.command = {"sh", "-c", script}});
  }
  ContainerId runWith(std::map<std::string, std::string> labels) {
    return run({.labels = std::move(labels)});
  }

  ContainerInfo look(const ContainerId& id) {
    auto info = runtime->inspect(id, {});
    EXPECT_TRUE(info) << info.error().message;
    return info ? *info : ContainerInfo{};
  }
  ContainerState state(const ContainerId& id) { return look(id).state; }
  /// -1 while there is no exit code.
  int exitCode(const ContainerId& id) {
    const auto info = look(id);
    return info.exit ? info.exit->exit_code.value_or(-1) : -1;
  }
  void send(const ContainerId& id, int signal) {
    const auto sent = runtime->signal(id, Signal{signal}, {});
    ASSERT_TRUE(sent) << sent.error().message;
  }
  /// All output so far, as text.
  std::string logged(const ContainerId& id, LogOptions options = {}) {
    auto log = runtime->logs(id, options, {});
    EXPECT_TRUE(log) << log.error().message;
    return log ? readAll(**log) : "";
  }
  template <class OutputStream>
  static std::string readAll(OutputStream& stream) {
    std::string text;
    while (auto output = stream.next(kAtOnce)) {
      if (!*output) break;
      text += (*output)->source == OutputSource::kGap ? "<gap>" : (*output)->bytes;
    }
    return text;
  }

  static bool readable(int fd) {
    pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
    return ::poll(&one, 1, 0) == 1;
  }

  std::shared_ptr<ContainerRuntime> runtime;
  testing::MockControl* mock = nullptr;
  testing::FakeClock* clock = nullptr;
};

/// The code of a failure; 0 for a success.
template <class T>
int codeOf(const Result<T>& result) {
  return result ? 0 : static_cast<int>(result.error().code);
}

#define EXPECT_FAILS(result, expected) \
  EXPECT_EQ(::control::mock::codeOf(result), static_cast<int>(::control::ErrorCode::expected))

}  // namespace control::mock
