#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/call.h>
#include <libcontrol/streams.h>

namespace control::mock {

/// How an engine shows itself through ContainerRuntime: what its plugin cannot even out. The name
/// that info() gives stays "mock", which is what the endpoint says.
struct Profile {
  std::string_view name = "mock";
  std::string_view version{};  ///< empty: this library's
  std::string_view api_version{};
  int cgroup_version = 0;

  // ---- Exits ----
  /// From the end of a process to the engine's record of it. Until then the container is shown as
  /// running, a start finds it running, and only the kernel's notice is there.
  Duration record_delay{};
  /// From that record to the end of the engine's tidying up: "stopped" becomes "exited".
  Duration cleanup_delay{};
  /// "stopping" while somebody's stop waits for the process.
  bool shows_stopping = false;
  /// Without a kill for lack of memory it says that there was none; else it says nothing.
  bool denies_oom = true;
  bool oom_event = true;

  // ---- Events ----
  std::string_view exited_word = "die";
  std::string_view removed_word = "destroy";
  std::string_view init_word{};     ///< told before each start
  std::string_view cleanup_word{};  ///< told after each exit
  std::string_view stopped_word{};  ///< told after the exit of a container that somebody stopped
  bool signal_in_events = true;

  // ---- Other calls ----
  Duration stop_timeout_unit = Duration(1);  ///< what inspect rounds it up to
  bool signal_wakes_paused = false;          ///< the stop signal, or any one where none was chosen
  /// From another client's remove to the end of the container, which is "removing" meanwhile.
  Duration remove_delay{};
  bool image_id_has_algorithm = true;  ///< "sha256:..."
  std::optional<std::int64_t> default_pids_limit{};
  bool update_needs_run = false;

  // ---- Streams ----
  Duration log_time_unit = Duration(1);  ///< what timestamps of logs are cut to
  std::size_t log_piece = 0;             ///< longer lines come in pieces of so many bytes
  bool follow_needs_run = false;         ///< following what has not started ends at once
  bool attaches_between_runs = true;     ///< to what is over, for its next run
  /// Without a terminal, stdin is over once the last connection to it is gone.
  bool stdin_ends_with_connection = false;
  /// Where the engine's complaint about a command that is not there appears.
  std::optional<OutputSource> exec_complaint{};
};

/// Null: there is none of that name.
const Profile* findProfile(std::string_view name);
const Profile& plainProfile();
/// "mock, docker-20, ..."
std::string knownProfiles();

}  // namespace control::mock
