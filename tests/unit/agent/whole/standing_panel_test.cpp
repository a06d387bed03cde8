// A panel that asks and does not read: what waits for it stays below a bound.

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include <gtest/gtest.h>

#include "agent/panel/outbox.h"
#include "unit/agent/whole/open_agent.h"

namespace agent {
namespace {

constexpr std::size_t kMiB = 1024 * 1024;
/// Outgoing::kMostUnsent, and what is read by that time.
constexpr std::size_t kBound = 32 * kMiB;
constexpr int kServers = 16;
constexpr int kReads = 64;  ///< of each server

/// An agent whose messages wait in an outbox until the panel reads.
class StandingPanel : public AgentOnMock {
 protected:
  StandingPanel() {
    config_.rate_limit = 0;
    agent_ = std::make_unique<Agent>(
        config_, runtime_,
        [this](Outbound message) {
          const std::lock_guard lock(mutex_);
          if (message.delivery == Delivery::kResult) ++results_;
          outbox_.push(std::move(message));
          most_ = std::max(most_, outbox_.keptBytes());
          waits_.notify_all();
        },
        [this] { return outbox_.keptBytes(); });
    agent_->open();
    for (int i = 0; i < kServers; ++i) {
      const std::string server = serverOf(i);
      const std::string id =
          send("create_server",
               R"("serverId":")" + server +
                   R"(","payload":{"image":"game:1","start":true,"startup":"sleep 9"})");
      EXPECT_TRUE(reads([&] { return ends_.contains(id); }));
      std::ofstream(config_.data_dir + '/' + server + "/world") << std::string(kMiB / 2, 'x');
    }
    const std::lock_guard lock(mutex_);
    results_ = 0;
    most_ = 0;
  }
  ~StandingPanel() override { agent_->close(); }

  static std::string serverOf(int i) { return "s" + std::to_string(i); }

  std::string readWorld(const std::string& server) {
    return send("read_file", R"("serverId":")" + server + R"(","payload":{"path":"world"})");
  }
  /// Reads until it is so, at most 60 s.
  template <class Condition>
  bool reads(Condition condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    for (;;) {
      while (const auto message = outbox_.take()) keep(*readJsonObject(message->text).value);
      if (condition()) return true;
      if (std::chrono::steady_clock::now() > deadline) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }
  bool readsAnswers(std::size_t count) {
    return reads([&] { return answers_.size() >= count; });
  }
  /// Does not read, until so many answers wait for it.
  bool stands(std::size_t count) {
    std::unique_lock lock(mutex_);
    return waits_.wait_for(lock, std::chrono::seconds(60), [&] { return results_ >= count; });
  }

  /// "ok" or the error's code.
  std::string answerTo(const std::string& id) {
    const auto answer = answers_.find(id);
    return answer == answers_.end() ? "none" : answer->second;
  }

  Outbox outbox_;
  std::mutex mutex_;
  std::condition_variable waits_;
  std::size_t results_ = 0;
  std::size_t most_ = 0;
  std::map<std::string, std::string> answers_;
  std::map<std::string, std::string> ends_;

 private:
  void keep(const Json& message) {
    if (at(message, "type") == "response")
      answers_[at(message, "id")] =
          at(message, "success") == "true" ? "ok" : at(message, "error.code");
    if (at(message, "event") == "command_completed")
      ends_[at(message, "data.commandId")] = at(message, "data.success");
  }
};

TEST_F(StandingPanel, IsReadNoMoreForThanABound) {
  answers_.clear();
  std::vector<std::string> asked;
  for (int read = 0; read < kReads; ++read)
    for (int i = 0; i < kServers; ++i) asked.push_back(readWorld(serverOf(i)));
  ASSERT_TRUE(stands(asked.size()));
  EXPECT_LT(most_, kBound);
  // What changes something is done as ever.
  const std::string stopped = send("stop_server", R"("serverId":"s0","payload":{"timeout":0})");
  const std::string written =
      send("write_file", R"("serverId":"s1","payload":{"path":"new","content":"x"})");
  ASSERT_TRUE(reads([&] { return ends_.contains(stopped) && answers_.contains(written); }));
  EXPECT_EQ(ends_[stopped], "true");
  EXPECT_EQ(answerTo(written), "ok");
  ASSERT_TRUE(readsAnswers(asked.size() + 2));
  const auto answered = [&](const char* how) {
    return std::count_if(asked.begin(), asked.end(),
                         [&](const std::string& id) { return answerTo(id) == how; });
  };
  EXPECT_GE(answered("ok"), 31);
  EXPECT_EQ(answered("ok") + answered("BUSY"), kServers * kReads);
  // Under its id it may come again.
  const auto busy = std::find_if(asked.begin(), asked.end(),
                                 [&](const std::string& id) { return answerTo(id) == "BUSY"; });
  ASSERT_NE(busy, asked.end());
  const auto again = static_cast<int>(busy - asked.begin());
  agent_->onMessage(R"({"id":")" + *busy +
                    R"(","type":"command","action":"read_file","serverId":")" +
                    serverOf(again % kServers) + R"(","payload":{"path":"world"}})");
  EXPECT_TRUE(reads([&] { return answerTo(*busy) == "ok"; }));
}

TEST_F(StandingPanel, IsToldThatWhateverReadsIsBusyAndStopsItsServers) {
  for (int read = 0; read < 3; ++read)
    for (int i = 0; i < kServers; ++i) (void)readWorld(serverOf(i));
  ASSERT_TRUE(stands(3 * kServers));
  const std::vector<std::string> reading = {
      send("get_server_logs", R"("serverId":"s0")"), send("get_status", R"("serverId":"s0")"),
      send("list_servers"), send("list_files", R"("serverId":"s0","payload":{"path":"/"})")};
  const std::vector<std::string> acting = {
      send("kill_server", R"("serverId":"s0")"),
      send("stop_server", R"("serverId":"s1","payload":{"timeout":0})"),
      send("restart_server", R"("serverId":"s2","payload":{"timeout":0})")};
  ASSERT_TRUE(stands(3 * kServers + reading.size() + acting.size()));
  ASSERT_TRUE(reads([&] {
    return std::all_of(acting.begin(), acting.end(),
                       [&](const std::string& id) { return ends_.contains(id); });
  }));
  for (const std::string& id : acting) EXPECT_EQ(ends_[id], "true");
  for (const std::string& id : reading) EXPECT_EQ(answerTo(id), "BUSY");
  const std::string logs = send("get_server_logs", R"("serverId":"s0")");
  ASSERT_TRUE(reads([&] { return answers_.contains(logs); }));
  EXPECT_EQ(answerTo(logs), "ok");
}

TEST_F(StandingPanel, GetsNoMoreOfRepeatsThanABoundEither) {
  const std::string id = readWorld("s0");
  ASSERT_TRUE(reads([&] { return answers_.contains(id); }));
  for (int i = 0; i < 200; ++i)
    agent_->onMessage(R"({"id":")" + id +
                      R"(","type":"command","action":"read_file","serverId":"s0",)"
                      R"("payload":{"path":"world"}})");
  EXPECT_LT(most_, kBound);
  EXPECT_GT(most_, 15 * kMiB);
}

TEST_F(StandingPanel, ThatReadsPieceByPieceIsToldNothingOfIt) {
  answers_.clear();
  std::size_t asked = 0;
  for (int round = 0; round < 10; ++round) {
    for (int i = 0; i < 20; ++i, ++asked) (void)readWorld(serverOf(i % kServers));
    ASSERT_TRUE(readsAnswers(asked));
  }
  for (const auto& [id, answer] : answers_) EXPECT_EQ(answer, "ok");
}

}  // namespace
}  // namespace agent
