#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include <libcontrol/supervisor.h>

#include "agent/panel/console_search.h"
#include "agent/panel/outgoing.h"
#include "agent/probes/prober.h"
#include "agent/probes/readiness_rule.h"
#include "agent/probes/run_readiness.h"

namespace agent {

struct Services;

/// Which servers that run are ready, and who plays on them. To the supervisor a server runs when
/// its process is up; here it is shown as starting until its rule has held in this run.
///
/// A rule is a label of the container, so it is as old as the container: a changed one counts from
/// the next start.
///
/// Threads: any. Blocking: stop() only.
class Readiness : private Prober::Client {
 public:
  /// `legacy`: changes are told to older panels too.
  Readiness(Outgoing& out, bool legacy) : out_(out), legacy_(legacy), prober_(*this) {}
  ~Readiness() override { stop(); }

  /// The services must outlive stop(); before start() every server is ready.
  void start(Services& services);
  void stop();

  /// From the labels of a server's container; no id: of the one that is to be made.
  void learn(const std::string& server_id, const std::string& container,
             const std::map<std::string, std::string>& labels);
  /// The next container gets this one.
  void setRule(const std::string& server_id, std::optional<ReadinessRule> rule);

  Liveness of(const control::EntryStatus& status) const;
  /// Of a server that runs.
  control::EntryState shownRunning(const std::string& server_id) const;

  /// Takes a transition in and hands it to `tell` as it is shown: not at all when a process that is
  /// up changes nothing. What is told from here about the server comes before or after, in order.
  void pass(const control::Transition& transition, const std::string& command_id,
            const std::function<void(const control::Transition& shown)>& tell);
  /// Tells the state that a server is in now, as `server_status`; nothing of one that is gone.
  void tellStatus(const std::string& server_id) const;
  /// There are new lines in its console.
  void onConsole(const std::string& server_id);

 private:
  /// Of a run with a rule: how it is found out whether it holds.
  struct Watch {
    Watch(const ReadinessRule& its_rule, Prober::Clock::time_point now)
        : rule(its_rule), state(its_rule, now) {}

    ReadinessRule rule;
    RunReadiness state;
    std::optional<ProbeAddress> address{};
    /// Once its container was looked at. Searched without mutex_, on the prober's thread alone.
    std::shared_ptr<ConsoleSearch> search{};
  };
  struct Run {
    std::uint64_t ticket = 0;
    bool goes_on = true;  ///< as far as the supervisor knows
    bool adopted = false;
    control::ContainerId container{};
    std::optional<control::WallTime> started_at{};
    std::optional<int> pid{};
    std::string command_id{};
    bool inspected = false;
    bool inspecting = false;
    std::unique_ptr<Watch> watch{};

    bool starting() const { return goes_on && watch && !watch->state.ready(); }
  };
  struct Server {
    std::optional<ReadinessRule> rule{};  ///< as far as is known of the next run
    std::string container{};              ///< that has it in its label
    std::optional<Run> run{};
  };

  Prober::Turn turn(const std::string& server_id, std::uint64_t ticket) override;
  Prober::Pause answered(const std::string& server_id, std::uint64_t ticket,
                         const control::Result<ProbeAnswer>& answer) override;

  // All with mutex_ held.
  Liveness livenessOf(const control::EntryStatus& status) const;
  Run* find(const std::string& server_id, std::uint64_t ticket);
  void begin(const std::string& server_id, Server& server, const control::Transition& transition,
             const std::string& command_id);
  static void watchRun(Run& run, const std::optional<ReadinessRule>& rule);
  Prober::Turn look(const std::string& server_id, Run& run);
  bool inspect(const std::string& server_id, Run& run);
  void learnRun(const std::string& server_id, Server& server, const control::ContainerInfo& info);
  RunReadiness::News judge(Watch& watch, const control::Result<control::ContainerInfo>& info);
  void tell(const std::string& server_id, Run& run, RunReadiness::News news);
  void tellChange(const std::string& server_id, const Run& run, control::EntryState previous,
                  control::EntryState current);

  // Without it.
  Prober::Turn searchConsole(const std::string& server_id, std::uint64_t ticket,
                             const std::shared_ptr<ConsoleSearch>& search,
                             const control::Supervisor& supervisor);
  void inspected(const std::string& server_id, std::uint64_t ticket,
                 const control::Result<control::ContainerInfo>& info);

  Outgoing& out_;
  const bool legacy_;
  Prober prober_;
  mutable std::mutex mutex_;
  // Guarded by mutex_.
  Services* services_ = nullptr;
  std::map<std::string, Server> servers_;
  std::uint64_t last_ticket_ = 0;
};

}  // namespace agent
