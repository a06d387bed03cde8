#pragma once

#include <span>

#include "agent/actions/action.h"

namespace agent {

/// The actions on servers' files, on archives of them, and on backups.
std::span<const Action> fileActions();

/// The longest that an action on files goes on.
inline constexpr std::chrono::seconds kQuickFilesTimeout{60};
inline constexpr std::chrono::minutes kSlowFilesTimeout{10};

constexpr Action fileAction(std::string_view name, decltype(Action::result) result,
                            ServerWork::Pace pace, bool only_reads) {
  Action action{.name = name};
  action.needs_server = true;
  action.result = result;
  action.only_reads = only_reads;
  action.on_files = true;
  action.pace = pace;
  action.legacy_answer = "file_content";
  return action;
}

}  // namespace agent
