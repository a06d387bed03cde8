#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <libcontrol/types.h>

namespace process_engine {

/// What a container was created from, as its spec file keeps it.
struct Definition {
  std::string id{};  ///< empty: a process beside process 1, of which no events tell
  std::int64_t created_at = 0;
  control::ContainerSpec spec{};
};

std::string encodeDefinition(const Definition& definition);
/// nullopt: the text is not one.
std::optional<Definition> decodeDefinition(const std::string& text);

}  // namespace process_engine
