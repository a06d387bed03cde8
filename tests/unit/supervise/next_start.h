#pragma once

#include <algorithm>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "kept_state.h"

namespace control::test {

using testing::CallPhase;
using testing::Primitive;

/// Changes that wait for the next start.
class NextStart : public KeptState {
 protected:
  NextStart() { open(); }

  static EntryUpdate change(const std::string& name, const std::string& value) {
    EntryUpdate update;
    update.respec = [name, value](ContainerSpec spec) -> Result<ContainerSpec> {
      spec.environment.emplace_back(name, value);
      return spec;
    };
    return update;
  }
  /// Lets time pass where the operation waits for it.
  std::optional<Error> endOf(const std::string& operation) {
    EXPECT_TRUE(passUntil([&] { return observer_.endsOf(operation) > 0; })) << operation;
    const auto end = observer_.waitForEnd(operation);
    EXPECT_TRUE(end) << operation;
    return end ? end->error : std::nullopt;
  }
  void update(const std::string& name, const EntryUpdate& update, const std::string& operation) {
    ASSERT_TRUE(supervisor_->update(name, update, operation));
    const auto error = endOf(operation);
    ASSERT_FALSE(error) << error->message;
  }
  void restart(const std::string& name, const std::string& operation = "restart") {
    ASSERT_TRUE(supervisor_->restart(name, {}, operation));
    const auto error = endOf(operation);
    ASSERT_FALSE(error) << error->message;
  }

  /// The next call of that primitive has no end.
  void hangNext(Primitive primitive, CallPhase phase) {
    ASSERT_TRUE(
        control().inject({.when = {.primitive = primitive, .times = 1}, .then = {.hang = phase}}));
  }
  bool isWaitedFor(Primitive primitive) const {
    return eventually([&] {
      const auto all = control().journal();
      return std::any_of(all.begin(), all.end(), [&](const testing::JournalEntry& one) {
        return one.primitive == primitive && !one.finished;
      });
    });
  }
  ContainerSpec specOf(const std::string& name) const {
    const auto info = engine_->inspect({"control-" + name}, {});
    return info ? info->spec : ContainerSpec{};
  }
  std::string valueOf(const std::string& server, const std::string& name) const {
    for (const auto& [key, value] : specOf(server).environment)
      if (key == name) return value;
    return "";
  }
  std::size_t containers() const { return engine_->list({}, {})->size(); }
  std::vector<std::string> filesKept() const {
    std::vector<std::string> names;
    std::error_code none;
    for (const auto& one :
         std::filesystem::directory_iterator(directory_ / "state" / "servers.next", none))
      names.push_back(one.path().filename());
    return names;
  }
};

}  // namespace control::test
