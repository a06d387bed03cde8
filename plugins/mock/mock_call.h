#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "mock/mock_engine.h"
#include "mock/mock_outcome.h"
#include "mock/mock_stream.h"

namespace control::mock {

/// What a call is about, as rules and hung containers see it. Borrows everything.
struct CallSubject {
  /// The id or name of an existing container.
  const ContainerId* container = nullptr;
  /// A new container's name, or an image.
  std::string_view name{};
  /// A new container's labels, or those of a filter.
  const std::map<std::string, std::string>* labels = nullptr;

  std::string_view text() const { return container ? std::string_view(container->value) : name; }
};

/// The course of one call: the journal, the caller's deadline, hung containers, rules. It holds the
/// engine's mutex while it works, and gives it up while it waits.
class Call {
 public:
  Call(const std::shared_ptr<Engine>& engine, testing::Primitive primitive, CallSubject subject,
       const CallContext& context, std::string_view detail = {});

  /// `work()` with the mutex held, unless the call is refused. What it made for a caller who will
  /// not get it goes to `abandon`, with the mutex held.
  template <class Work, class Abandon>
  auto run(Work work, Abandon abandon) -> decltype(work()) {
    return finish(result(work, abandon));
  }
  template <class Work>
  auto run(Work work) -> decltype(work()) {
    return run(std::move(work), [](auto&) {});
  }

  /// The rules' word on the stream that this call opens.
  StreamFault streamFault() const;

 private:
  template <class Work, class Abandon>
  auto result(Work& work, Abandon& abandon) -> decltype(work()) {
    if (auto refused = before()) return std::move(*refused);
    auto done = work();
    if (!rule_ || !done) return done;
    auto failed = after();
    if (!failed) return done;
    abandon(done);
    // A stream takes the mutex when it is destroyed.
    lock_.unlock();
    { const auto dropped = std::move(done); }
    lock_.lock();
    return std::move(*failed);
  }

  template <class Done>
  Done finish(Done done) {
    if (testing::JournalEntry* const entry = engine_->journal().find(number_)) {
      entry->finished = true;
      entry->finished_at = engine_->clock().now();
      if (rule_) entry->rule = rule_->origin;
      if (done) {
        entry->outcome = outcomeOf(done);
      } else {
        entry->error = done.error().code;
        entry->effect = done.error().effect;
      }
    }
    return done;
  }

  /// Why the work is not done.
  std::optional<Error> before();
  /// Why the caller does not get what was done.
  std::optional<Error> after();
  std::optional<Error> waitForContainer();
  /// The caller left, or the connection was lost, while the engine had the call.
  Error unanswered(Error error) const;
  template <class Wait>
  std::optional<Error> unlocked(Wait wait);

  const std::shared_ptr<Engine>& engine_;
  const testing::Primitive primitive_;
  const CallSubject subject_;
  const CallContext& context_;
  std::unique_lock<std::mutex> lock_;
  const std::uint64_t number_;
  std::optional<Rules::Match> rule_;
};

}  // namespace control::mock
