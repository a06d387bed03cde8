#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include "agent/actions/create_payload.h"
#include "unit/agent/protocol/refused.h"

namespace agent::payloads {

inline constexpr std::int64_t kMiB = 1024 * 1024;

inline Json json(std::string_view text) {
  const JsonReading reading = readJsonObject(text);
  if (!reading.value) throw std::runtime_error("the test's own JSON is wrong: " + reading.problem);
  return *reading.value;
}

inline control::EntrySpec created(std::string_view text) {
  const Json payload = json(text);
  return readCreatePayload(Fields(&payload, "payload"), {"/data/s1", "/home/container"});
}

inline std::string refusalOf(std::string_view text) {
  return refused([&] { created(text); });
}

inline control::EntrySpec withLimits(const std::string& limits) {
  return created(R"({"image":"game:1","limits":)" + limits + "}");
}

inline std::string limitsRefusal(const std::string& limits) {
  return refused([&] { withLimits(limits); });
}

inline std::string with(const std::string& members) {
  return R"({"image":"game:1",)" + members + "}";
}

}  // namespace agent::payloads
