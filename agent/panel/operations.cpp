#include "agent/panel/operations.h"

#include <algorithm>

#include "agent/panel/refusal.h"

namespace agent {

std::string Operations::begin(Operation operation) {
  const std::lock_guard lock(mutex_);
  if (operations_.size() >= kMost)
    throw Refusal("BUSY", std::to_string(kMost) + " commands are in progress; try again later");
  std::string id = "op-" + std::to_string(++last_);
  operations_.emplace(id, std::move(operation));
  return id;
}

std::optional<Operation> Operations::find(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto found = operations_.find(id);
  return found == operations_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Operation> Operations::inProgress() const {
  const std::lock_guard lock(mutex_);
  std::vector<Operation> all;
  all.reserve(operations_.size());
  for (const auto& [id, operation] : operations_) all.push_back(operation);
  return all;
}

bool Operations::isInProgress(const std::string& command_id) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(operations_.begin(), operations_.end(),
                     [&](const auto& one) { return one.second.command_id == command_id; });
}

void Operations::noteTold(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (const auto found = operations_.find(id); found != operations_.end())
    found->second.told = true;
}

void Operations::noteFailure(const std::string& id, std::string code) {
  const std::lock_guard lock(mutex_);
  const auto found = operations_.find(id);
  if (found != operations_.end()) found->second.failure_code = std::move(code);
}

std::optional<Operation> Operations::take(const std::string& id) {
  const std::lock_guard lock(mutex_);
  auto node = operations_.extract(id);
  return node.empty() ? std::nullopt : std::optional(std::move(node.mapped()));
}

}  // namespace agent
