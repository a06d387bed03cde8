#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/testing/mock_control.h>

#include "mock/mock_random.h"

namespace control::mock {

/// kInvalidArgument: a rule that can never act, or contradicts itself.
Result<void> checkRule(const testing::Rule& rule);

/// As "pull -> unavailable".
std::string wordsOf(const testing::Rule& rule);

/// `glob` with `*` and `?` fits all of `text`.
bool globMatches(std::string_view glob, std::string_view text);

/// What a call or an event is about. Borrows everything.
struct RuleSubject {
  std::string_view name{};
  std::string_view id{};
  const std::map<std::string, std::string>* labels = nullptr;
};

/// The rules of an engine, in their order.
class Rules {
 public:
  explicit Rules(std::uint64_t seed) : random_(seed) {}

  struct Match {
    testing::RuleAction action;
    std::string origin;
  };

  /// `origin` is how unused() names it, before what it does.
  void add(testing::Rule rule, std::string origin);
  bool empty() const noexcept { return rules_.empty(); }
  std::optional<Match> matchCall(testing::Primitive primitive, const RuleSubject& subject);
  std::optional<Match> matchEvent(EventType type, const RuleSubject& subject);
  std::vector<std::string> unused() const;
  /// unused() no longer names those that it names now.
  void forgetUnused();
  /// Of the rules added by inject().
  std::string nextOrigin() { return "injected rule " + std::to_string(++injected_); }

 private:
  struct Entry {
    testing::Rule rule;
    std::string origin;
    std::uint64_t seen = 0;
    std::uint64_t acted = 0;
    bool forgotten = false;
  };
  bool acts(Entry& entry);

  std::vector<Entry> rules_;
  Random random_;
  std::uint64_t injected_ = 0;
};

}  // namespace control::mock
