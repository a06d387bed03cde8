#include "engine/definition.h"

#include "engine/files.h"

namespace process_engine {

std::string encodeDefinition(const Definition& definition) {
  const control::ContainerSpec& spec = definition.spec;
  std::string text = encode(
      {"container", definition.id, spec.name, spec.image, std::to_string(definition.created_at)});
  for (const std::string& one : spec.entrypoint) text += encode({"entrypoint", one});
  for (const std::string& one : spec.command) text += encode({"command", one});
  for (const auto& [name, value] : spec.environment) text += encode({"environment", name, value});
  for (const auto& [key, value] : spec.labels) text += encode({"label", key, value});
  if (!spec.working_directory.empty())
    text += encode({"working_directory", spec.working_directory});
  if (spec.open_stdin) text += encode({"open_stdin"});
  if (spec.no_new_privileges) text += encode({"no_new_privileges"});
  if (spec.network == control::NetworkMode::kHost) text += encode({"network_host"});
  if (spec.stop_signal) text += encode({"stop_signal", std::to_string(spec.stop_signal->number)});
  if (spec.stop_timeout)
    text += encode({"stop_timeout", std::to_string(spec.stop_timeout->count())});
  return text;
}

std::optional<Definition> decodeDefinition(const std::string& text) {
  Definition definition;
  control::ContainerSpec& spec = definition.spec;
  bool complete = false;
  for (const Line& line : decode(text)) {
    const std::string& key = line[0];
    if (key == "container" && line.size() == 5) {
      definition.id = line[1];
      spec.name = line[2];
      spec.image = line[3];
      definition.created_at = toNumber(line[4]).value_or(0);
      complete = true;
    } else if (line.size() == 3 && key == "environment") {
      spec.environment.emplace_back(line[1], line[2]);
    } else if (line.size() == 3 && key == "label") {
      spec.labels.emplace(line[1], line[2]);
    } else if (line.size() == 2 && key == "entrypoint") {
      spec.entrypoint.push_back(line[1]);
    } else if (line.size() == 2 && key == "command") {
      spec.command.push_back(line[1]);
    } else if (line.size() == 2 && key == "working_directory") {
      spec.working_directory = line[1];
    } else if (line.size() == 2 && key == "stop_signal") {
      spec.stop_signal = control::Signal{static_cast<int>(toNumber(line[1]).value_or(15))};
    } else if (line.size() == 2 && key == "stop_timeout") {
      spec.stop_timeout = control::Duration(toNumber(line[1]).value_or(0));
    } else if (key == "open_stdin") {
      spec.open_stdin = true;
    } else if (key == "no_new_privileges") {
      spec.no_new_privileges = true;
    } else if (key == "network_host") {
      spec.network = control::NetworkMode::kHost;
    }
  }
  return complete ? std::optional(std::move(definition)) : std::nullopt;
}

}  // namespace process_engine
