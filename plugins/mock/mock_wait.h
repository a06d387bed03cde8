#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>

#include <libcontrol/call.h>
#include <libcontrol/result.h>
#include <libcontrol/streams.h>

#include "mock/mock_error.h"

namespace control::mock {

class Engine;
struct Container;

/// kCancelled, kDeadlineExceeded: nobody waits for the answer any more.
Result<void> checkContext(const CallContext& context, const Clock& clock);

/// Something that somebody may wait for: a stream, a watch, a call on a hung container. The engine
/// tells it what happens; everything here except what says otherwise is under the engine's mutex,
/// which is given up while waiting.
class WaitPoint {
 public:
  WaitPoint(const WaitPoint&) = delete;
  WaitPoint& operator=(const WaitPoint&) = delete;

  /// The process ended.
  virtual void onRunOver(const ExitStatus&) {}
  /// The engine recorded it: at once or a little later.
  virtual void onRunEnded(const ExitStatus&) {}
  virtual void onRemoved() {}
  virtual void onLost() {}
  virtual void onOutput(OutputSource, const std::string&, WallTime) {}

  /// Wakes whoever waits and sets the descriptor to ready().
  void notify();

 protected:
  /// `container` may be null.
  WaitPoint(std::shared_ptr<Engine> engine, std::shared_ptr<Container> container);
  /// The most derived class has called detach() in its own.
  virtual ~WaitPoint();
  /// From here on it is told. With the mutex held, once the object is complete.
  void attach();
  /// From here on nothing is told. Takes the mutex itself.
  void detach() noexcept;

  virtual bool ready() const = 0;

  /// Returns once ready(). kDeadlineExceeded, kCancelled.
  Result<void> await(std::unique_lock<std::mutex>& lock, const CallContext& context) {
    return await(lock, context, [this] { return ready(); });
  }
  template <class Arrived>
  Result<void> await(std::unique_lock<std::mutex>& lock, const CallContext& context,
                     Arrived arrived) {
    while (!cancelled_ && !arrived())
      if (auto waited = sleep(lock, context); !waited) return waited;
    return cancelled_ ? Result<void>(wasCancelled()) : Result<void>();
  }

  /// Made on the first call: an idle watch costs no descriptor. Takes the mutex itself.
  int descriptor() const noexcept;
  /// Takes the mutex itself.
  void cancelWaiting() noexcept;
  bool cancelled() const noexcept { return cancelled_; }

  std::mutex& mutex() const noexcept;

  const std::shared_ptr<Engine> engine_;
  const std::shared_ptr<Container> container_;

  /// Wakes a waiting call when its caller cancels it. Made before the mutex is taken, destroyed
  /// after it was given back.
  class Wake {
   public:
    Wake(WaitPoint& point, const std::stop_token& token) : callback_(token, Notify{&point}) {}

   private:
    struct Notify {
      WaitPoint* point;
      void operator()() const noexcept;
    };
    std::stop_callback<Notify> callback_;
  };

 private:
  /// Until something changes.
  Result<void> sleep(std::unique_lock<std::mutex>& lock, const CallContext& context);
  void setDescriptor(bool readable) const noexcept;

  std::condition_variable changed_;
  mutable int descriptor_ = -1;
  mutable bool readable_ = false;
  bool cancelled_ = false;
  bool attached_ = false;
};

}  // namespace control::mock
