#pragma once

#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>

#include "agent/descriptor.h"

namespace agent {

/// Wakes a thread out of poll(2). Raising what is raised costs no system call.
///
/// Threads: raise() any; the rest on the thread that waits.
class WakeUp {
 public:
  WakeUp() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  int descriptor() const { return event_.get(); }
  void raise() {
    if (raised_.exchange(true)) return;
    const std::uint64_t one = 1;
    static_cast<void>(!::write(event_.get(), &one, sizeof one));
  }
  /// What was done before a raise() is seen after this.
  void lower() {
    std::uint64_t count = 0;
    static_cast<void>(!::read(event_.get(), &count, sizeof count));
    raised_.exchange(false);
  }

 private:
  const Descriptor event_;
  std::atomic<bool> raised_{false};
};

}  // namespace agent
