#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <libcontrol/runtime.h>
#include <libcontrol/testing/mock_streams.h>

namespace control::testing {

/// A runtime whose primitives are gmock methods; the composed operations (stop, run, ...) are the
/// real ones. For "was this called" and for injected errors; to have containers that behave, use
/// the mock engine (mock_engine.h).
///
/// A call that the test has no answer for fails with kUnsupported and says so, for each id where it
/// is stats(); extension() gives null.
class MockContainerRuntime : public ContainerRuntime {
 public:
  explicit MockContainerRuntime(HostContext host = {}) : ContainerRuntime(std::move(host)) {
    using internal::giveNoAnswer;
    ON_CALL(*this, info).WillByDefault(giveNoAnswer("ContainerRuntime::info"));
    ON_CALL(*this, create).WillByDefault(giveNoAnswer("ContainerRuntime::create"));
    ON_CALL(*this, start).WillByDefault(giveNoAnswer("ContainerRuntime::start"));
    ON_CALL(*this, signal).WillByDefault(giveNoAnswer("ContainerRuntime::signal"));
    ON_CALL(*this, watchExit).WillByDefault(giveNoAnswer("ContainerRuntime::watchExit"));
    ON_CALL(*this, remove).WillByDefault(giveNoAnswer("ContainerRuntime::remove"));
    ON_CALL(*this, inspect).WillByDefault(giveNoAnswer("ContainerRuntime::inspect"));
    ON_CALL(*this, list).WillByDefault(giveNoAnswer("ContainerRuntime::list"));
    ON_CALL(*this, stats).WillByDefault([](std::span<const ContainerId> ids, const CallContext&) {
      return std::vector<Result<StatsSample>>(ids.size(),
                                              internal::noAnswer("ContainerRuntime::stats"));
    });
    ON_CALL(*this, update).WillByDefault(giveNoAnswer("ContainerRuntime::update"));
    ON_CALL(*this, logs).WillByDefault(giveNoAnswer("ContainerRuntime::logs"));
    ON_CALL(*this, attach).WillByDefault(giveNoAnswer("ContainerRuntime::attach"));
    ON_CALL(*this, exec).WillByDefault(giveNoAnswer("ContainerRuntime::exec"));
    ON_CALL(*this, events).WillByDefault(giveNoAnswer("ContainerRuntime::events"));
    ON_CALL(*this, pull).WillByDefault(giveNoAnswer("ContainerRuntime::pull"));
    ON_CALL(*this, findImage).WillByDefault(giveNoAnswer("ContainerRuntime::findImage"));
  }

  MOCK_METHOD(Result<RuntimeInfo>, info, (const CallContext&), (override));
  MOCK_METHOD(Result<CreatedContainer>, create, (const ContainerSpec&, const CallContext&),
              (override));
  MOCK_METHOD(Result<StartOutcome>, start, (const ContainerId&, const CallContext&), (override));
  MOCK_METHOD(Result<SignalOutcome>, signal, (const ContainerId&, Signal, const CallContext&),
              (override));
  MOCK_METHOD(Result<std::unique_ptr<ExitWatch>>, watchExit,
              (const ContainerId&, const CallContext&), (override));
  MOCK_METHOD(Result<RemoveOutcome>, remove,
              (const ContainerId&, const RemoveOptions&, const CallContext&), (override));
  MOCK_METHOD(Result<ContainerInfo>, inspect, (const ContainerId&, const CallContext&), (override));
  MOCK_METHOD(Result<std::vector<ContainerSummary>>, list, (const ListFilter&, const CallContext&),
              (override));
  MOCK_METHOD(std::vector<Result<StatsSample>>, stats,
              (std::span<const ContainerId>, const CallContext&), (override));
  MOCK_METHOD(Result<void>, update, (const ContainerId&, const ResourceLimits&, const CallContext&),
              (override));
  MOCK_METHOD(Result<std::unique_ptr<LogStream>>, logs,
              (const ContainerId&, const LogOptions&, const CallContext&), (override));
  MOCK_METHOD(Result<std::unique_ptr<Console>>, attach,
              (const ContainerId&, const AttachOptions&, const CallContext&), (override));
  MOCK_METHOD(Result<std::unique_ptr<ExecSession>>, exec,
              (const ContainerId&, const ExecSpec&, const CallContext&), (override));
  MOCK_METHOD(Result<std::unique_ptr<EventStream>>, events,
              (const EventFilter&, const CallContext&), (override));
  MOCK_METHOD(Result<std::unique_ptr<PullStream>>, pull,
              (const std::string&, const PullOptions&, const CallContext&), (override));
  MOCK_METHOD(Result<ImageInfo>, findImage, (const std::string&, const CallContext&), (override));
  using ContainerRuntime::extension;
  MOCK_METHOD(void*, extension, (std::string_view), (noexcept, override));
};

}  // namespace control::testing
