#pragma once

#include <span>

#include "agent/actions/action.h"
#include "agent/files/archive.h"

namespace agent {

/// The actions on servers' files, on archives of them, and on backups.
std::span<const Action> fileActions();
std::span<const Action> archiveActions();
std::span<const Action> backupActions();

/// The longest that an action on files goes on.
inline constexpr std::chrono::seconds kQuickFilesTimeout{60};
inline constexpr std::chrono::minutes kSlowFilesTimeout{10};

/// Sends `archive_progress` or `backup_progress`, at most four a second.
class ProgressEvents {
 public:
  ProgressEvents(Services& services, const Command& command, std::string_view event)
      : services_(services), command_(command), event_(event) {}

  void tell(const files::ArchiveProgress& progress);

 private:
  Services& services_;
  const Command& command_;
  const std::string_view event_;
  std::optional<std::chrono::steady_clock::time_point> told_{};
};

constexpr Action fileAction(std::string_view name, decltype(Action::result) result,
                            ServerWork::Pace pace, bool only_reads,
                            decltype(Action::slow_when) slow_when = nullptr) {
  Action action{.name = name};
  action.needs_server = true;
  action.result = result;
  action.only_reads = only_reads;
  action.on_files = true;
  action.pace = pace;
  action.slow_when = slow_when;
  action.legacy_answer = "file_content";
  return action;
}

}  // namespace agent
