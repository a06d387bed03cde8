#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include <libcontrol/supervisor.h>
#include <libcontrol/testing/printers.h>

namespace control::test {

/// Keeps all it is told, in order, and lets a test wait for it.
class RecordingObserver : public SupervisorObserver {
 public:
  void onTransition(const Transition& transition) override {
    record([&] { transitions_.push_back(transition); });
  }
  void onOperationEnd(const OperationEnd& end) override {
    record([&] { ends_.push_back(end); });
  }
  void onPullProgress(const std::string&, const std::string&, const std::string& image,
                      const PullProgress&) override {
    record([&] { pulls_.push_back(image); });
  }
  void onStats(const std::vector<EntryStatus>& running) override {
    record([&] { sweeps_.push_back(running); });
  }
  void onEngine(bool reachable, const std::string&) override {
    record([&] { engine_.push_back(reachable); });
  }

  void onProblem(const std::string& problem) override {
    record([&] { problems_.push_back(problem); });
  }

  /// The first transition of `entry` to `state` at or after position `from`; nullopt after 10 s.
  std::optional<Transition> waitFor(const std::string& entry, EntryState state,
                                    std::size_t from = 0) {
    std::optional<Transition> found;
    wait([&] {
      for (std::size_t i = from; i < transitions_.size() && !found; ++i)
        if (transitions_[i].entry == entry && transitions_[i].current == state)
          found = transitions_[i];
      return found.has_value();
    });
    return found;
  }

  /// The end of an operation; nullopt after 10 s.
  std::optional<OperationEnd> waitForEnd(const std::string& operation_id) {
    std::optional<OperationEnd> found;
    wait([&] {
      for (const OperationEnd& end : ends_)
        if (end.operation_id == operation_id) found = end;
      return found.has_value();
    });
    return found;
  }

  bool waitUntil(const std::function<bool()>& holds) { return wait(holds); }

  std::vector<Transition> transitions(const std::string& entry = "") {
    const std::lock_guard lock(mutex_);
    if (entry.empty()) return transitions_;
    std::vector<Transition> own;
    for (const Transition& one : transitions_)
      if (one.entry == entry) own.push_back(one);
    return own;
  }

  std::vector<EntryState> states(const std::string& entry) {
    std::vector<EntryState> states;
    for (const Transition& one : transitions(entry)) states.push_back(one.current);
    return states;
  }

  std::size_t endsOf(const std::string& operation_id) {
    const std::lock_guard lock(mutex_);
    std::size_t count = 0;
    for (const OperationEnd& end : ends_) count += end.operation_id == operation_id ? 1 : 0;
    return count;
  }

  std::size_t position() {
    const std::lock_guard lock(mutex_);
    return transitions_.size();
  }

  std::vector<std::string> problems() {
    const std::lock_guard lock(mutex_);
    return problems_;
  }

  // With waitUntil's predicate only.
  const std::vector<bool>& engine() const { return engine_; }
  const std::vector<std::vector<EntryStatus>>& sweeps() const { return sweeps_; }
  const std::vector<std::string>& pulls() const { return pulls_; }

 private:
  void record(const std::function<void()>& add) {
    const std::lock_guard lock(mutex_);
    add();
    changed_.notify_all();
  }
  bool wait(const std::function<bool()>& holds) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), holds);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Transition> transitions_;
  std::vector<OperationEnd> ends_;
  std::vector<std::string> pulls_;
  std::vector<std::string> problems_;
  std::vector<std::vector<EntryStatus>> sweeps_;
  std::vector<bool> engine_;
};

}  // namespace control::test
