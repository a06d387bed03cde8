#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <libcontrol/runtime.h>

namespace control::testing {

/// A runtime whose primitives are gmock methods; the composed operations (stop, run, ...) are the
/// real ones. For "was this called" and for injected errors; to have containers that behave, use
/// the mock engine ("mock:///default").
class MockContainerRuntime : public ContainerRuntime {
 public:
  explicit MockContainerRuntime(HostContext host = {}) : ContainerRuntime(std::move(host)) {}

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
  MOCK_METHOD(void*, extension, (std::string_view), (noexcept, override));
};

/// An exit watch whose answers are gmock's.
class MockExitWatch : public ExitWatch {
 public:
  MOCK_METHOD(Result<ExitStatus>, noticed, (const CallContext&), (override));
  MOCK_METHOD(Result<ExitStatus>, exited, (const CallContext&), (override));
  MOCK_METHOD(int, pollFd, (), (const, noexcept, override));
  MOCK_METHOD(void, cancel, (), (noexcept, override));
};

}  // namespace control::testing
