#include "mock/mock_profile.h"

#include <array>

namespace control::mock {
namespace {

using namespace std::chrono_literals;

constexpr Profile kPlain{};

/// What Docker engines have in common. An exit takes containerd, its shim and dockerd some 40 ms.
constexpr Profile docker() {
  return {.record_delay = 40ms,
          .stopped_word = "stop",
          .stop_timeout_unit = 1s,
          .signal_wakes_paused = true,
          .remove_delay = 10ms,
          .log_piece = 16384,
          .follow_needs_run = true,
          .exec_complaint = OutputSource::kStdout};
}

/// What Podman engines have in common: no daemon that is told, only files that are looked at.
constexpr Profile podman() {
  return {.cgroup_version = 2,
          .record_delay = 200ms,
          .cleanup_delay = 50ms,
          .shows_stopping = true,
          .denies_oom = false,
          .oom_event = false,
          .exited_word = "died",
          .removed_word = "remove",
          .init_word = "init",
          .cleanup_word = "cleanup",
          .signal_in_events = false,
          .stop_timeout_unit = 1s,
          .remove_delay = 10ms,
          .image_id_has_algorithm = false,
          .default_pids_limit = 2048,
          .update_needs_run = true,
          .log_time_unit = 1s,
          .log_piece = 8192,
          .follow_needs_run = true,
          .attaches_between_runs = false,
          .stdin_ends_with_connection = true,
          .exec_complaint = OutputSource::kStderr};
}

constexpr Profile docker20() {
  Profile profile = docker();
  profile.name = "docker-20";
  profile.version = "20.10.24";
  profile.api_version = "1.41";
  profile.cgroup_version = 1;
  return profile;
}

constexpr Profile docker29() {
  Profile profile = docker();
  profile.name = "docker-29";
  profile.version = "29.1.3";
  profile.api_version = "1.52";
  profile.cgroup_version = 2;
  return profile;
}

constexpr Profile podman4() {
  Profile profile = podman();
  profile.name = "podman-4";
  profile.version = "4.3.1";
  profile.api_version = "4.3.1";
  return profile;
}

constexpr Profile podman5() {
  Profile profile = podman();
  profile.name = "podman-5";
  profile.version = "5.4.2";
  profile.api_version = "5.4.2";
  return profile;
}

constexpr std::array<Profile, 5> kProfiles{kPlain, docker20(), docker29(), podman4(), podman5()};

}  // namespace

const Profile& plainProfile() { return kProfiles.front(); }

const Profile* findProfile(std::string_view name) {
  for (const Profile& profile : kProfiles)
    if (profile.name == name) return &profile;
  return nullptr;
}

std::string knownProfiles() {
  std::string list;
  for (const Profile& profile : kProfiles)
    list += (list.empty() ? "" : ", ") + std::string(profile.name);
  return list;
}

}  // namespace control::mock
