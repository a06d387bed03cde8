#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "mock/mock_engine.h"

namespace control::mock {

/// The course of one call: the journal, the caller's deadline, faults, hung containers. It holds
/// the engine's mutex while it works, and gives it up while it waits.
class Call {
 public:
  Call(std::shared_ptr<Engine> engine, testing::Primitive primitive, std::string subject,
       const CallContext& context, std::string detail = {})
      : engine_(std::move(engine)),
        primitive_(primitive),
        context_(context),
        lock_(engine_->mutex()),
        number_(engine_->journal().begin({.at = engine_->clock().now(),
                                          .primitive = primitive,
                                          .subject = std::move(subject),
                                          .detail = std::move(detail)})) {}

  /// `work()` with the mutex held, unless the call is refused.
  template <class Work>
  auto run(Work work) -> decltype(work()) {
    return finish(refused(), work);
  }
  /// The same for a call that a container may hold up.
  template <class Work>
  auto run(const ContainerId& id, Work work) -> decltype(work()) {
    return finish(refused(id), work);
  }

  std::optional<Error> refused();
  void finish(const std::optional<ErrorCode>& error) { engine_->journal().finish(number_, error); }

 private:
  std::optional<Error> refused(const ContainerId& id);

  template <class Work>
  auto finish(std::optional<Error> error, Work& work) -> decltype(work()) {
    decltype(work()) result = error ? decltype(work())(std::move(*error)) : work();
    finish(result ? std::nullopt : std::optional(result.error().code));
    return result;
  }

  const std::shared_ptr<Engine> engine_;
  const testing::Primitive primitive_;
  const CallContext& context_;
  std::unique_lock<std::mutex> lock_;
  const std::uint64_t number_;
};

}  // namespace control::mock
