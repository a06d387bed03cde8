#include "agent/panel/dedup.h"

#include <set>

#include <gtest/gtest.h>

namespace agent {
namespace {

using Verdict = AnsweredIds::Verdict;

control::TimePoint at(int seconds) { return control::TimePoint(std::chrono::seconds(seconds)); }

TEST(AnsweredIds, GivesTheSameResponseAgain) {
  AnsweredIds ids;
  EXPECT_EQ(ids.check("a", "start", at(0)).verdict, Verdict::kNew);
  EXPECT_EQ(ids.answered("a", "done"), 0U);
  const AnsweredIds::Check again = ids.check("a", "start", at(1));
  EXPECT_EQ(again.verdict, Verdict::kRepeat);
  EXPECT_EQ(again.response, "done");
}

TEST(AnsweredIds, TellsOtherContentUnderTheSameId) {
  AnsweredIds ids;
  (void)ids.check("a", "start", at(0));
  EXPECT_EQ(ids.check("a", "stop", at(0)).verdict, Verdict::kConflict);
}

TEST(AnsweredIds, CountsRepeatsOfWhatStillExecutes) {
  AnsweredIds ids;
  (void)ids.check("a", "status", at(0));
  EXPECT_EQ(ids.check("a", "status", at(0)).verdict, Verdict::kInFlight);
  EXPECT_EQ(ids.check("a", "status", at(0)).verdict, Verdict::kInFlight);
  EXPECT_EQ(ids.answered("a", "done"), 2U);
  EXPECT_EQ(ids.answered("a", "done"), 0U);
}

TEST(AnsweredIds, AnswersAFewRepeatsOfWhatStillExecutesHoweverManyThereAre) {
  AnsweredIds ids;
  (void)ids.check("a", "status", at(0));
  for (int i = 0; i < 10'000; ++i)
    EXPECT_EQ(ids.check("a", "status", at(0)).verdict, Verdict::kInFlight);
  EXPECT_EQ(ids.answered("a", "done"), 4U);
}

TEST(AnsweredIds, TellsContentsApartWhateverByteTheyDifferIn) {
  for (std::size_t size = 1; size < 40; ++size) {
    const std::string content(size, 'x');
    std::set<std::uint64_t> fingerprints{fingerprintOf(content), fingerprintOf(content + 'x'),
                                         fingerprintOf(content + '\0')};
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = content;
      other[i] = 'y';
      fingerprints.insert(fingerprintOf(other));
    }
    EXPECT_EQ(fingerprints.size(), size + 3);
  }
}

TEST(AnsweredIds, ForgetsWhatWasTurnedAway) {
  AnsweredIds ids;
  (void)ids.check("a", "start", at(0));
  ids.forget("a");
  EXPECT_EQ(ids.check("a", "stop", at(0)).verdict, Verdict::kNew);
}

void answer(AnsweredIds& ids, const std::string& id, control::TimePoint now) {
  ASSERT_EQ(ids.check(id, "x", now).verdict, Verdict::kNew);
  ids.answered(id, "done");
}

TEST(AnsweredIds, KeepsTheLast4096HoweverOld) {
  AnsweredIds ids;
  for (int i = 0; i < 4096; ++i) answer(ids, std::to_string(i), at(0));
  EXPECT_EQ(ids.check("0", "x", at(100'000)).verdict, Verdict::kRepeat);
}

TEST(AnsweredIds, KeepsTenMinutesWorthHoweverMany) {
  AnsweredIds ids;
  for (int i = 0; i < 20'000; ++i) answer(ids, std::to_string(i), at(0));
  EXPECT_EQ(ids.check("0", "x", at(599)).verdict, Verdict::kRepeat);
  (void)ids.check("new", "x", at(601));
  EXPECT_EQ(ids.size(), 4096U);
}

TEST(AnsweredIds, KeepsWhatHasNotEndedHoweverOld) {
  bool restarts = true;
  AnsweredIds ids([&](const std::string& id) { return restarts && id == "restart"; });
  answer(ids, "restart", at(0));
  (void)ids.check("unanswered", "x", at(0));
  for (int i = 0; i < 200'000; ++i) answer(ids, std::to_string(i), at(i));
  EXPECT_EQ(ids.check("restart", "x", at(200'000)).verdict, Verdict::kRepeat);
  EXPECT_EQ(ids.check("unanswered", "x", at(200'000)).verdict, Verdict::kInFlight);
  restarts = false;
  for (int i = 200'000; i < 210'000; ++i) answer(ids, std::to_string(i), at(i));
  EXPECT_EQ(ids.check("restart", "x", at(210'000)).verdict, Verdict::kNew);
}

TEST(AnsweredIds, KeepsAnIdThatCameAgainAfterItWasForgotten) {
  AnsweredIds ids;
  (void)ids.check("a", "x", at(0));
  ids.forget("a");
  for (int i = 0; i < 4095; ++i) answer(ids, std::to_string(i), at(0));
  (void)ids.check("a", "x", at(1000));
  (void)ids.check("b", "x", at(1000));
  EXPECT_EQ(ids.check("a", "x", at(1000)).verdict, Verdict::kInFlight);
}

TEST(AnsweredIds, ReadsAgainWhatTookTooMuchMemoryToKeep) {
  AnsweredIds ids;
  const std::string response(1024 * 1024, 'x');
  for (int i = 0; i < 50; ++i) {
    ASSERT_EQ(ids.check(std::to_string(i), "list", at(0)).verdict, Verdict::kNew);
    ids.answered(std::to_string(i), response, true);
  }
  EXPECT_EQ(ids.check("49", "list", at(1)).verdict, Verdict::kRepeat);
  EXPECT_EQ(ids.check("0", "kill", at(1)).verdict, Verdict::kConflict);
  EXPECT_EQ(ids.check("0", "list", at(1)).verdict, Verdict::kNew);
  EXPECT_EQ(ids.check("0", "list", at(1)).verdict, Verdict::kInFlight);
  EXPECT_EQ(ids.answered("0", "anew", true), 1U);
  EXPECT_EQ(ids.check("0", "list", at(1)).response, "anew");
}

TEST(AnsweredIds, KeepsNoReadingOfAnIdThatItNoLongerKnows) {
  AnsweredIds ids;
  for (int i = 0; i < 40'000; ++i) {
    (void)ids.check(std::to_string(i), "status", at(i));
    ids.answered(std::to_string(i), "running", true);
  }
  EXPECT_EQ(ids.readings(), AnsweredIds::kIds);
  EXPECT_EQ(ids.check("39999", "status", at(40'000)).response, "running");
}

TEST(AnsweredIds, KeepsTheResponsesOfWhatWasDoneBesideManyReadings) {
  AnsweredIds ids;
  (void)ids.check("kill", "kill", at(0));
  ids.answered("kill", "killed");
  for (int i = 0; i < 50; ++i) {
    (void)ids.check(std::to_string(i), "list", at(0));
    ids.answered(std::to_string(i), std::string(1024 * 1024, 'x'), true);
  }
  EXPECT_EQ(ids.check("kill", "kill", at(1)).response, "killed");
}

}  // namespace
}  // namespace agent
