#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/runtime.h>

namespace control::mock {

// What the journal says of a call that succeeded.

inline std::string_view outcomeOf(const Result<void>&) { return "done"; }
inline std::string_view outcomeOf(const Result<RuntimeInfo>& info) { return info->version; }
inline std::string_view outcomeOf(const Result<CreatedContainer>& created) {
  return created->id.value;
}
inline std::string_view outcomeOf(const Result<StartOutcome>& start) {
  return *start == StartOutcome::kStarted ? "started" : "already running";
}
inline std::string_view outcomeOf(const Result<SignalOutcome>& signal) {
  return *signal == SignalOutcome::kDelivered ? "delivered" : "not running";
}
inline std::string_view outcomeOf(const Result<RemoveOutcome>& remove) {
  return *remove == RemoveOutcome::kRemoved ? "removed" : "absent";
}
inline std::string_view outcomeOf(const Result<ContainerInfo>& info) { return info->raw_state; }
inline std::string outcomeOf(const Result<std::vector<ContainerSummary>>& rows) {
  return std::to_string(rows->size());
}
inline std::string_view outcomeOf(const Result<StatsSample>&) { return "read"; }
inline std::string_view outcomeOf(const Result<ImageInfo>& image) { return image->id; }
template <class Stream>
std::string_view outcomeOf(const Result<std::unique_ptr<Stream>>&) {
  return "open";
}

}  // namespace control::mock
