#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include <libcontrol/runtime.h>
#include <libcontrol/supervisor.h>

#include "agent/actions/errors.h"
#include "agent/actions/pulled_images.h"
#include "agent/actions/server_files.h"
#include "agent/actions/status.h"
#include "agent/actions/system_info.h"
#include "agent/config.h"
#include "agent/files/listing.h"
#include "agent/panel/ends.h"
#include "agent/panel/journal.h"
#include "agent/panel/operations.h"
#include "agent/panel/outgoing.h"
#include "agent/panel/readiness.h"
#include "agent/panel/server_work.h"
#include "agent/panel/workers.h"

namespace agent {

class DiskWatch;
class HostReserve;

/// What the agent keeps in mind of a server beside what the supervisor knows. It is all in labels
/// of the container and files, and read again after a restart. Threads: any.
class ServerNotes {
 public:
  /// From the labels of a server's container.
  void learn(const std::string& server_id, const std::map<std::string, std::string>& labels);
  void forget(const std::string& server_id);
  void setDiskLimit(const std::string& server_id, std::int64_t bytes);

  /// Absent: it has a ladder to stop by.
  std::optional<control::Duration> stopTimeout(const std::string& server_id) const;
  bool knows(const std::string& server_id) const;

  DiskUse disk(const std::string& server_id) const;
  /// What is added from here on may or may not be in the figure that is coming.
  void beginMeasuring(const std::string& server_id);
  void setDiskUsed(const std::string& server_id, std::optional<std::int64_t> bytes, bool enforced);
  /// We write so much more.
  void addDiskUsed(const std::string& server_id, std::int64_t bytes);

  /// While a server's files are being removed no new server may take its id. Each mark is ended
  /// once: a second delete that is refused must not end the mark of the first.
  void markRemoving(const std::string& server_id);
  void endRemoving(const std::string& server_id);
  bool isRemoving(const std::string& server_id) const;

  /// While a backup takes the place of a server's files, nothing starts and nothing else uses them.
  void markRestoring(const std::string& server_id);
  void endRestoring(const std::string& server_id);
  bool isRestoring(const std::string& server_id) const;

 private:
  struct Note {
    std::optional<control::Duration> stop_timeout{};
    bool has_stop_ladder = false;
    DiskUse disk{};
    bool disk_grew = false;  ///< since measuring began
  };

  mutable std::mutex mutex_;
  std::map<std::string, Note> notes_;
  std::multiset<std::string> removing_;
  std::multiset<std::string> restoring_;
};

/// What is known of the engine, from when it was last asked. Threads: any.
class EngineFacts {
 public:
  void set(control::RuntimeInfo info);
  void setReachable(bool reachable, std::string problem);
  std::optional<control::RuntimeInfo> info() const;
  std::string problem() const;

 private:
  mutable std::mutex mutex_;
  std::optional<control::RuntimeInfo> info_;
  std::string problem_ = "not connected yet";
};

/// What actions work with.
struct Services {
  const Config& config;
  control::ContainerRuntime& runtime;
  control::Supervisor& supervisor;
  Outgoing& out;
  Operations& operations;
  Workers& workers;
  Workers& removals;  ///< of servers' files, which can take long
  const ServerFiles& files;
  files::Listing& listing;
  const ServerMarks& suspended;  ///< their start is refused until they are unsuspended
  const ServerMarks& removing;   ///< whose files go, whoever is killed meanwhile
  ServerNotes& notes;
  HostReadings& host;
  DiskWatch& disk;
  const HostReserve& reserve;
  const AgentIdentity& identity;
  EngineFacts& engine;
  CommandJournal& journal;
  ServerWork& server_work;
  Ends& ends;
  PulledImages& pulled;
  Readiness& readiness;

  ServerFacts factsOf(const control::EntryStatus& status) const {
    return {notes.disk(status.name), readiness.of(status)};
  }
  std::string_view shownStateOf(const control::EntryStatus& status) const {
    return shownState(status.state, readiness.of(status));
  }
  HostPaths paths() const {
    return {config.data_dir, config.state_dir, config.container_data_path};
  }
};

/// Before the operation that removes the server, so that no new one comes in between and what is
/// left of its files goes if this agent is killed.
void beginRemoving(Services& services, const std::string& server_id);
/// That came to nothing, or they are gone.
void endRemoving(Services& services, const std::string& server_id);
/// Removes the files of a server that is no more, behind the scenes, and then calls `done`.
void removeFiles(Services& services, const std::string& server_id,
                 std::function<void(const control::Result<void>&)> done);
/// Removes the files that agents before this one did not come to: of servers that are no more, and
/// what was in the making for others. Before the engine said what servers there are, nothing.
void clearAway(Services& services);

/// Behind the scenes: what a restored backup took the place of.
void removeReplaced(Services& services, const std::string& name);

/// The limit of a server's disk counts at once, and stands in the labels of the container that is
/// made next: an agent before this one may have taken the change.
void learnWaitingLimit(Services& services, const std::string& server_id);

/// Asks the engine who it is and reads the labels of our containers.
void learnFromEngine(Services& services, const control::CallContext& context);

}  // namespace agent
