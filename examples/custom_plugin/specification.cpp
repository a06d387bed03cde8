#include "specification.h"

#include <algorithm>

namespace process_engine {

using namespace control;

namespace {

Error invalid(std::string message) {
  return {.code = ErrorCode::kInvalidArgument, .message = std::move(message)};
}

Error unsupported(const std::string& field) {
  return {.code = ErrorCode::kUnsupported,
          .message = "a plain process has no " + field + "; leave it out"};
}

bool isNameChar(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.';
}

Result<void> checkName(const std::string& name) {
  if (name.empty()) return {};
  if (name.size() > 128 || name[0] == '.' || name[0] == '-' ||
      !std::all_of(name.begin(), name.end(), isNameChar))
    return invalid("name '" + name + "': use up to 128 letters, digits, '_', '-' and '.'");
  return {};
}

Result<void> checkCommand(const std::vector<std::string>& words) {
  if (words.empty()) return invalid("command: there is nothing to run");
  for (const std::string& word : words)
    if (word.find('\0') != std::string::npos) return invalid("command: a word has a NUL in it");
  return {};
}

Result<void> checkEnvironment(const std::vector<std::pair<std::string, std::string>>& environment) {
  for (const auto& [name, value] : environment)
    if (name.empty() || name.find('=') != std::string::npos ||
        (name + value).find('\0') != std::string::npos)
      return invalid("environment: '" + name + "' is no name of a variable, or has a NUL in it");
  return {};
}

Result<void> checkDirectory(const std::string& path) {
  if (path.empty() || (path[0] == '/' && path.find('\0') == std::string::npos)) return {};
  return invalid("working_directory '" + path + "': use an absolute path");
}

Result<void> checkAbilities(const ContainerSpec& spec) {
  const struct {
    const char* field;
    bool set;
  } absent[] = {{"user", !spec.user.empty()},
                {"hostname", !spec.hostname.empty()},
                {"tty", spec.tty},
                {"limits", spec.limits != ResourceLimits{}},
                {"ports", !spec.ports.empty()},
                {"mounts", !spec.mounts.empty()},
                {"network of its own", spec.network == NetworkMode::kNone},
                {"init", spec.init},
                {"read_only_root", spec.read_only_root},
                {"drop_capabilities", !spec.drop_capabilities.empty()},
                {"add_capabilities", !spec.add_capabilities.empty()},
                {"log_driver", !spec.log_driver.empty()},
                {"log_options", !spec.log_options.empty()},
                {"log_limit_bytes", spec.log_limit_bytes.has_value()}};
  for (const auto& one : absent)
    if (one.set) return unsupported(one.field);
  return {};
}

}  // namespace

Error imageNotFound(const std::string& reference) {
  return {.code = ErrorCode::kImageNotFound,
          .message = "no image '" + reference + "': the one there is is '" + kImage + "'"};
}

Result<void> checkSpec(const ContainerSpec& spec) {
  std::vector<std::string> words = spec.entrypoint;
  words.insert(words.end(), spec.command.begin(), spec.command.end());
  if (auto checked = checkName(spec.name); !checked) return checked;
  if (spec.image.empty()) return invalid(std::string("image: use '") + kImage + "'");
  if (spec.image != kImage) return imageNotFound(spec.image);
  if (auto checked = checkCommand(words); !checked) return checked;
  if (auto checked = checkEnvironment(spec.environment); !checked) return checked;
  if (auto checked = checkDirectory(spec.working_directory); !checked) return checked;
  if (spec.stop_signal && (spec.stop_signal->number < 1 || spec.stop_signal->number > 64))
    return invalid("stop_signal: use 1 to 64");
  if (spec.stop_timeout && *spec.stop_timeout < Duration::zero())
    return invalid("stop_timeout: use 0 or more");
  if (!spec.engine_options.empty())
    return invalid("engine option '" + spec.engine_options.begin()->first +
                   "' is unknown: this engine has none");
  return checkAbilities(spec);
}

Result<void> checkExec(const ExecSpec& spec) {
  if (auto checked = checkCommand(spec.command); !checked) return checked;
  if (auto checked = checkEnvironment(spec.environment); !checked) return checked;
  if (auto checked = checkDirectory(spec.working_directory); !checked) return checked;
  if (spec.tty) return unsupported("tty");
  if (!spec.user.empty()) return unsupported("user");
  return {};
}

}  // namespace process_engine
