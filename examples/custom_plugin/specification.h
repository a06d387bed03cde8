#pragma once

#include <algorithm>

#include "state.h"
#include "waiting.h"

namespace process_engine {

/// kImageNotFound, kInvalidArgument.
inline Result<void> checkImage(const std::string& reference) {
  if (reference == kImage) return {};
  if (reference.empty()) return failure(ErrorCode::kInvalidArgument, "the image has no name");
  return failure(ErrorCode::kImageNotFound,
                 "no image '" + reference + "': the one there is is '" + kImage + "'");
}

/// Refuses by name what plain processes cannot have.
inline Result<void> checkAbilities(const ContainerSpec& spec) {
  const std::pair<const char*, bool> absent[] = {
      {"user", !spec.user.empty()},
      {"hostname", !spec.hostname.empty()},
      {"tty", spec.tty},
      {"open_stdin", spec.open_stdin},
      {"limits", spec.limits != ResourceLimits{}},
      {"ports", !spec.ports.empty()},
      {"mounts", !spec.mounts.empty()},
      {"network of its own", spec.network == NetworkMode::kNone},
      {"no_new_privileges", spec.no_new_privileges},
      {"init", spec.init},
      {"read_only_root", spec.read_only_root},
      {"capabilities", !spec.drop_capabilities.empty() || !spec.add_capabilities.empty()},
      {"log_driver", !spec.log_driver.empty() || !spec.log_options.empty()},
      {"log_limit_bytes", spec.log_limit_bytes.has_value()}};
  for (const auto& [field, set] : absent)
    if (set)
      return failure(ErrorCode::kUnsupported,
                     std::string("a plain process has no ") + field + "; leave it out");
  return {};
}

/// kInvalidArgument, kImageNotFound, kUnsupported: nothing is left out in silence.
inline Result<void> checkSpec(const ContainerSpec& spec) {
  const auto invalid = [](const std::string& what) {
    return failure(ErrorCode::kInvalidArgument, what);
  };
  const auto has_nul = [](const std::string& text) { return text.find('\0') != text.npos; };
  constexpr const char* kNameCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.";
  const std::string& name = spec.name;
  if (name.size() > 128 || name.find_first_not_of(kNameCharacters) != name.npos ||
      name.starts_with('.') || name.starts_with('-'))
    return invalid("name '" + name + "': use up to 128 letters, digits, '_', '-' and '.'");
  if (auto checked = checkImage(spec.image); !checked) return checked;
  if (spec.entrypoint.empty() && spec.command.empty()) return invalid("command: it is empty");
  for (const auto* const part : {&spec.entrypoint, &spec.command})
    if (std::any_of(part->begin(), part->end(), has_nul))
      return invalid("command: a word has a NUL in it");
  for (const auto& [variable, value] : spec.environment)
    if (variable.empty() || variable.find('=') != variable.npos || has_nul(variable + value))
      return invalid("environment: '" + variable + "' is no name of a variable, or has a NUL");
  for (const auto& [key, value] : spec.labels)
    if (has_nul(key + value)) return invalid("label '" + key + "' has a NUL in it");
  const std::string& directory = spec.working_directory;
  if (!directory.empty() && (directory[0] != '/' || has_nul(directory)))
    return invalid("working_directory '" + directory + "': use an absolute path");
  if (spec.stop_signal && (spec.stop_signal->number < 1 || spec.stop_signal->number > 64))
    return invalid("stop_signal: use 1 to 64");
  if (spec.stop_timeout && *spec.stop_timeout < Duration::zero())
    return invalid("stop_timeout: use 0 or more");
  if (!spec.engine_options.empty())
    return invalid("unknown engine option '" + spec.engine_options.begin()->first +
                   "': this engine has none");
  return checkAbilities(spec);
}

}  // namespace process_engine
