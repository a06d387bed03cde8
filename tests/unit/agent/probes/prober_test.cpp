#include "agent/probes/prober.h"

#include <condition_variable>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/probes/minecraft_ping.h"
#include "unit/agent/probes/game_peer.h"

namespace agent {
namespace {

using namespace std::chrono_literals;

/// Asks each server for what its script says.
class Servers : public Prober::Client {
 public:
  Prober::Turn turn(const std::string& server, std::uint64_t) override {
    const std::lock_guard lock(mutex_);
    ++turns_[server];
    changed_.notify_all();
    if (!ports_.contains(server)) return {.pause = pause_};
    const ProbeAddress address{"127.0.0.1", ports_.at(server)};
    return {.exchange = std::make_unique<MinecraftPing>(address.ip, address.port),
            .address = address};
  }
  Prober::Pause answered(const std::string& server, std::uint64_t ticket,
                         const control::Result<ProbeAnswer>& answer) override {
    const std::lock_guard lock(mutex_);
    answers_[server].push_back({ticket, answer ? "" : answer.error().message});
    changed_.notify_all();
    return pause_;
  }

  struct Answer {
    std::uint64_t ticket = 0;
    std::string problem{};
  };
  Answer awaitAnswer(const std::string& server, std::size_t index = 0) {
    std::unique_lock lock(mutex_);
    const bool came = changed_.wait_for(lock, 10s, [&] { return answers_[server].size() > index; });
    EXPECT_TRUE(came) << server;
    return came ? answers_[server][index] : Answer{};
  }
  void awaitTurns(const std::string& server, int count) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(changed_.wait_for(lock, 10s, [&] { return turns_[server] >= count; })) << server;
  }
  void rest(Prober::Pause pause) {
    const std::lock_guard lock(mutex_);
    pause_ = pause;
  }
  std::size_t answers(const std::string& server) {
    const std::lock_guard lock(mutex_);
    return answers_[server].size();
  }

  std::map<std::string, std::uint16_t> ports_;  // before start

 private:
  Prober::Pause pause_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, int> turns_;
  std::map<std::string, std::vector<Answer>> answers_;
};

class ProberTest : public testing::Test {
 protected:
  ~ProberTest() override { prober_.stop(); }

  const GamePeer good_{GamePeer::Kind::kTcp, minecraftServer(R"({"players":{"online":1}})")};
  const GamePeer silent_;
  Servers servers_;
  Prober prober_{servers_};
};

TEST_F(ProberTest, AsksWhoeverIsWatched) {
  servers_.ports_ = {{"a", good_.port()}};
  prober_.start();
  prober_.watch("a", 7);
  const auto answer = servers_.awaitAnswer("a");
  EXPECT_EQ(answer.problem, "");
  EXPECT_EQ(answer.ticket, 7u);
}

TEST_F(ProberTest, OneThatHangsHoldsUpNobody) {
  for (int i = 0; i < 100; ++i) servers_.ports_["hangs " + std::to_string(i)] = silent_.port();
  servers_.ports_["good"] = good_.port();
  servers_.rest(1ms);
  prober_.start();
  for (const auto& [server, port] : servers_.ports_) prober_.watch(server, 1);
  EXPECT_EQ(servers_.awaitAnswer("good", 20).problem, "");
}

TEST_F(ProberTest, AsksAgainWhenThePauseIsOverOrItIsWoken) {
  servers_.ports_ = {{"often", good_.port()}};
  servers_.rest(1ms);
  prober_.start();
  prober_.watch("often", 1);
  servers_.awaitAnswer("often", 5);
  prober_.forget("often");
  servers_.rest(std::nullopt);
  prober_.watch("woken", 1);
  servers_.awaitTurns("woken", 1);
  prober_.wake("woken");
  servers_.awaitTurns("woken", 2);
  prober_.wake("nobody");
}

TEST_F(ProberTest, WhoIsForgottenIsAskedNoMore) {
  servers_.ports_ = {{"a", silent_.port()}, {"b", good_.port()}};
  prober_.start();
  prober_.watch("a", 1);
  servers_.awaitTurns("a", 1);
  prober_.forget("a");
  prober_.watch("a", 2);
  servers_.awaitTurns("a", 2);
  prober_.watch("b", 1);
  servers_.awaitAnswer("b");
  EXPECT_EQ(servers_.answers("a"), 0u);
}

TEST_F(ProberTest, StopsInTheMidstOfQuestions) {
  servers_.ports_ = {{"a", silent_.port()}};
  prober_.start();
  prober_.watch("a", 1);
  servers_.awaitTurns("a", 1);
  prober_.stop();
  EXPECT_EQ(servers_.answers("a"), 0u);
}

}  // namespace
}  // namespace agent
