// What an agent does with the commands that the agent before it had begun.

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/panel/command.h"
#include "agent/panel/dedup.h"
#include "agent/panel/journal.h"
#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

class Inherited : public AgentOnMock {
 protected:
  static std::string text(const std::string& id, const std::string& action,
                          const std::string& server, const std::string& payload) {
    return R"({"id":")" + id + R"(","type":"command","action":")" + action + R"(","serverId":")" +
           server + R"(","payload":)" + payload + "}";
  }
  /// Writes down what an agent that was killed would have.
  void died(const std::string& message, bool accepted, std::optional<Outcome> outcome = {}) {
    const Command command = decodeCommand(*readJsonObject(message).value, "node-1");
    CommandJournal journal(config_.state_dir);
    ASSERT_TRUE(journal.open());
    ASSERT_TRUE(journal.begin({.id = command.id,
                               .action = command.action,
                               .server_id = command.server_id,
                               .fingerprint = fingerprintOf(command.content())}));
    if (accepted) journal.accepted(command.id);
    if (outcome) journal.end(command.id, *outcome);
  }
  std::size_t containers() { return runtime_->list({}, soon())->size(); }

  const std::string create_ = text("c1", "create_server", "s1", R"({"image":"game:1"})");
};

TEST_F(Inherited, AnUnknownOutcomeIsToldAndNotExecutedAgain) {
  died(create_, true);
  open();
  const Json told = panel_.completed("c1");
  EXPECT_EQ(at(told, "data.success"), "false");
  EXPECT_EQ(at(told, "data.error.code"), "OUTCOME_UNKNOWN");
  EXPECT_EQ(at(told, "data.serverId"), "s1");
  const std::size_t from = panel_.count();
  agent_->onMessage(create_);
  const Json answer = panel_.response("c1", from);
  EXPECT_EQ(at(answer, "error.code"), "OUTCOME_UNKNOWN");
  EXPECT_EQ(at(answer, "data"), R"({"serverId":"s1","status":"deleted"})");
  EXPECT_EQ(containers(), 0U);
}

TEST_F(Inherited, ACommandThatWasNeverAnsweredIsAnsweredUnasked) {
  died(create_, false);
  open();
  EXPECT_EQ(at(panel_.response("c1"), "error.code"), "OUTCOME_UNKNOWN");
}

TEST_F(Inherited, AKnownOutcomeIsToldOnceMore) {
  open();
  agent_->onMessage(create_);
  panel_.completed("c1");
  open();
  const std::size_t from = panel_.count();
  agent_->onMessage(create_);
  const Json answer = panel_.response("c1", from);
  EXPECT_EQ(at(answer, "success"), "true");
  EXPECT_EQ(at(answer, "data"), R"({"serverId":"s1","status":"creating"})");
  const Json told =
      panel_.waitFor([](const Json& m) { return at(m, "event") == "command_completed"; }, from);
  EXPECT_EQ(at(told, "data.commandId"), "c1");
  EXPECT_EQ(at(told, "data.success"), "true");
  EXPECT_NE(at(told, "data.durationMs"), "-");
  EXPECT_EQ(containers(), 1U);
}

TEST_F(Inherited, AnEndInFailureIsToldAgain) {
  died(create_, true, Outcome{.code = "PORT_CONFLICT", .message = "port 1 is taken"});
  open();
  agent_->onMessage(create_);
  EXPECT_EQ(at(panel_.response("c1"), "data.status"), "creating");
  EXPECT_EQ(at(panel_.completed("c1"), "data.error"),
            R"({"code":"PORT_CONFLICT","message":"port 1 is taken"})");
  EXPECT_EQ(containers(), 0U);
}

TEST_F(Inherited, ARefusalIsAnsweredAgain) {
  died(create_, false, Outcome{.code = "PORT_CONFLICT", .message = "port 1 is taken"});
  open();
  agent_->onMessage(create_);
  const Json answer = panel_.response("c1");
  EXPECT_EQ(at(answer, "error"), R"({"code":"PORT_CONFLICT","message":"port 1 is taken"})");
  EXPECT_EQ(containers(), 0U);
}

TEST_F(Inherited, AnIdWithOtherContentIsAConflict) {
  died(create_, true, Outcome{.success = true});
  open();
  agent_->onMessage(text("c1", "create_server", "s2", R"({"image":"game:1"})"));
  EXPECT_EQ(at(panel_.response("c1"), "error.code"), "ID_CONFLICT");
  EXPECT_EQ(containers(), 0U);
}

TEST_F(Inherited, TheLast4096AreRememberedAndOlderOnesForTenMinutes) {
  const control::WallTime now = runtime_->clock().wallNow();
  const auto write = [&](int first, int last, control::WallTime at) {
    CommandJournal journal(config_.state_dir);
    ASSERT_TRUE(journal.open());
    for (int i = first; i < last; ++i) {
      const std::string id = "old-" + std::to_string(i);
      ASSERT_TRUE(journal.begin({.id = id, .action = "kill_server", .server_id = "s", .at = at}));
      // One of them never ended.
      if (i != 2) journal.end(id, {.success = true, .at = at});
    }
  };
  const auto answer = [&](int i) {
    const std::size_t from = panel_.count();
    agent_->onMessage(text("old-" + std::to_string(i), "kill_server", "s", "{}"));
    // One that is remembered had other content.
    return at(panel_.response("old-" + std::to_string(i), from), "error.code");
  };
  write(0, 5000, now - std::chrono::minutes(11));
  open();
  EXPECT_EQ(answer(0), "SERVER_NOT_FOUND");
  EXPECT_EQ(answer(902), "SERVER_NOT_FOUND");
  EXPECT_EQ(answer(2), "ID_CONFLICT");
  EXPECT_EQ(answer(910), "ID_CONFLICT");
  EXPECT_EQ(answer(4999), "ID_CONFLICT");
  agent_->close();
  write(5000, 11'000, now);
  open();
  EXPECT_EQ(answer(4999), "SERVER_NOT_FOUND");
  EXPECT_EQ(answer(5000), "ID_CONFLICT");
  EXPECT_EQ(answer(10'999), "ID_CONFLICT");
}

TEST_F(Inherited, AnUnknownOutcomeIsToldOnceAndRemembered) {
  died(create_, true);
  open();
  agent_->greeting();
  panel_.completed("c1");
  const std::size_t from = panel_.count();
  open();
  agent_->onMessage(create_);
  EXPECT_EQ(at(panel_.response("c1", from), "error.code"), "OUTCOME_UNKNOWN");
  const std::vector<Json> all = panel_.all();
  for (std::size_t i = from; i < all.size(); ++i)
    EXPECT_NE(at(all[i], "event"), "command_completed");
  EXPECT_EQ(containers(), 0U);
}

TEST_F(Inherited, AnUnknownOutcomeThatNoPanelWasThereToHearIsToldByTheNextAgent) {
  died(create_, true);
  open();
  panel_.completed("c1");
  const std::size_t from = panel_.count();
  open();
  EXPECT_EQ(at(panel_.completed("c1", from), "data.error.code"), "OUTCOME_UNKNOWN");
}

TEST_F(Inherited, WithoutAJournalNothingIsMadeThatCouldHappenTwice) {
  config_.state_dir = "/proc/no/such";
  open();
  agent_->onMessage(create_);
  const Json answer = panel_.response("c1");
  EXPECT_EQ(at(answer, "error.code"), "INSUFFICIENT_RESOURCES");
  EXPECT_EQ(at(answer, "error.message").find("/proc/no"), std::string::npos);
  EXPECT_EQ(containers(), 0U);
  agent_->onMessage(R"({"id":"l1","type":"command","action":"list_servers"})");
  EXPECT_EQ(at(panel_.response("l1"), "success"), "true");
}

TEST_F(Inherited, AnEndMayBeLostWithItsConnectionAndIsToldAgainOnTheNext) {
  open();
  agent_->greeting();
  agent_->onMessage(create_);
  panel_.completed("c1");
  const auto ends = [this](std::size_t from) {
    const std::vector<Json> all = panel_.all();
    return std::count_if(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(),
                         [](const Json& m) { return at(m, "event") == "command_completed"; });
  };
  std::size_t from = panel_.count();
  agent_->onMessage(create_);
  EXPECT_EQ(ends(from), 0) << "it was told on this connection";
  agent_->greeting();
  from = panel_.count();
  agent_->onMessage(create_);
  EXPECT_EQ(at(panel_.response("c1", from), "data.status"), "creating");
  EXPECT_EQ(ends(from), 1);
  agent_->onMessage(create_);
  EXPECT_EQ(ends(from), 1);
  EXPECT_EQ(containers(), 1U);
}

TEST_F(Inherited, TheGreetingNamesCommandsInProgress) {
  open();
  agent_->onMessage(text("c1", "create_server", "s1",
                         R"({"image":"game:1","startup":"sleep 9","start":true,)"
                         R"("labels":{"mock.ignore_signals":"TERM"}})"));
  panel_.completed("c1");
  const auto commands = [this] {
    return at(*readJsonObject(agent_->greeting().front()).value, "data.commandsInProgress");
  };
  EXPECT_EQ(commands(), "[]");
  agent_->onMessage(text("c2", "stop_server", "s1", R"({"timeout":3600})"));
  EXPECT_EQ(commands(), R"([{"commandId":"c2","action":"stop_server","serverId":"s1"}])");
}

}  // namespace
}  // namespace agent
