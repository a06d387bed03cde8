#include "agent/probes/source_query.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/probes/game_peer.h"

namespace agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;
using namespace std::string_view_literals;

constexpr std::string_view kInfoQuestion = "\xFF\xFF\xFF\xFFTSource Engine Query\0"sv;

class SourceQueryTest : public testing::Test {
 protected:
  SourceQueryTest() { EXPECT_EQ(query_.takeOutput(), kInfoQuestion); }

  /// "more", "complete", or why not.
  std::string take(std::string_view datagram) {
    const auto complete = query_.take(datagram);
    if (!complete) return complete.error().message;
    return *complete ? "complete" : "more";
  }

  SourceQuery query_;
};

TEST_F(SourceQueryTest, AsksAgainWithTheChallengeAndThenWhoPlays) {
  EXPECT_EQ(take(sourceChallenge("abcd")), "more");
  EXPECT_EQ(query_.takeOutput(), std::string(kInfoQuestion) + "abcd");
  EXPECT_FALSE(query_.patience());
  EXPECT_EQ(take(sourceInfo(2, 32)), "more");
  EXPECT_EQ(query_.takeOutput(), "\xFF\xFF\xFF\xFFUabcd");
  EXPECT_EQ(take(sourcePlayers({"Ann", "Bob"})), "complete");
  EXPECT_EQ(query_.answer().players,
            (Players{.online = 2, .max = 32, .list = std::vector<std::string>{"Ann", "Bob"}}));
}

TEST_F(SourceQueryTest, OlderServersGiveTheChallengeForPlayersAlone) {
  EXPECT_EQ(take(sourceInfo(1, 8)), "more");
  EXPECT_EQ(query_.takeOutput(), "\xFF\xFF\xFF\xFFU\xFF\xFF\xFF\xFF");
  EXPECT_EQ(take(sourceChallenge("wxyz")), "more");
  EXPECT_EQ(query_.takeOutput(), "\xFF\xFF\xFF\xFFUwxyz");
  EXPECT_EQ(take(sourcePlayers({"Ann"})), "complete");
}

TEST_F(SourceQueryTest, HowManyPlayIsEnoughWhenWhoIsNotSaid) {
  EXPECT_EQ(take(sourceInfo(200, 255)), "more");
  EXPECT_EQ(query_.patience(), SourceQuery::kListTime);
  EXPECT_EQ(query_.answer().players, (Players{.online = 200, .max = 255}));
}

TEST_F(SourceQueryTest, JoinsPartsInAnyOrder) {
  std::vector<std::string> names;
  for (int i = 0; i < 100; ++i) names.push_back("player number " + std::to_string(i));
  const std::string whole = sourcePlayers(names);
  EXPECT_EQ(take(sourceInfo(100, 128)), "more");
  EXPECT_EQ(take(sourcePart(7, 3, 2, whole.substr(2000))), "more");
  EXPECT_EQ(take(sourcePart(7, 3, 0, whole.substr(0, 1000))), "more");
  EXPECT_EQ(take(sourcePart(7, 3, 0, "the same once more")), "more");
  EXPECT_EQ(take(sourcePart(7, 3, 1, whole.substr(1000, 1000))), "complete");
  EXPECT_EQ(query_.answer().players->list, names);
}

TEST_F(SourceQueryTest, PartsOfAnotherAnswerAreNotMixedIn) {
  const std::string info = sourceInfo(3, 9);
  EXPECT_EQ(take(sourcePart(1, 2, 0, "old")), "more");
  EXPECT_EQ(take(sourcePart(2, 2, 1, info.substr(10))), "more");
  EXPECT_EQ(take(sourcePart(2, 2, 0, info.substr(0, 10))), "more");
  EXPECT_EQ(query_.answer().players->online, 3);
}

TEST_F(SourceQueryTest, RefusesPartsThatCannotBe) {
  EXPECT_THAT(take("\xFE\xFF\xFF\xFF\x01"), HasSubstr("cut off"));
  EXPECT_THAT(take(sourcePart(0x80000001, 2, 0, "x")), HasSubstr("compressed"));
  EXPECT_THAT(take(sourcePart(1, 0, 0, "x")), HasSubstr("part 0 of 0"));
  EXPECT_THAT(take(sourcePart(1, 2, 2, "x")), HasSubstr("part 2 of 2"));
  EXPECT_THAT(take(sourcePart(1, 255, 0, "x")), HasSubstr("part 0 of 255"));
  EXPECT_THAT(take(sourcePart(1, 1, 0, "no header")), HasSubstr("make up none"));
  EXPECT_THAT(take(sourcePart(1, 1, 0, sourcePart(2, 1, 0, "x"))), HasSubstr("make up none"));
  const std::string part(60'000, 'x');
  EXPECT_EQ(take(sourcePart(3, 3, 0, part)), "more");
  EXPECT_THAT(take(sourcePart(3, 3, 1, part)), HasSubstr("too long"));
}

TEST_F(SourceQueryTest, RefusesWhatIsNoAnswer) {
  EXPECT_THAT(take(""), HasSubstr("another protocol"));
  EXPECT_THAT(take("hello"), HasSubstr("another protocol"));
  EXPECT_THAT(take("\xFF\xFF\xFF\xFF"), HasSubstr("empty"));
  EXPECT_THAT(take("\xFF\xFF\xFF\xFFZ"), HasSubstr("something else"));
  EXPECT_THAT(take(sourceChallenge("abc")), HasSubstr("cut off"));
  EXPECT_THAT(take(sourcePlayers({})), HasSubstr("nobody asked"));
  const std::string info = sourceInfo(1, 2);
  // Up to the counts, an answer that is cut off anywhere is none.
  for (std::size_t size = 5; size < info.find("dl") - 1; ++size)
    EXPECT_THAT(take(info.substr(0, size)), HasSubstr("cut off")) << size;
}

TEST_F(SourceQueryTest, ChallengesWithoutEndAreRefused) {
  for (int i = 0; i < 4; ++i) EXPECT_EQ(take(sourceChallenge()), "more");
  EXPECT_THAT(take(sourceChallenge()), HasSubstr("one challenge after the other"));
}

TEST_F(SourceQueryTest, AListThatIsCutOffGivesWhatCame) {
  EXPECT_EQ(take(sourceInfo(2, 8)), "more");
  const std::string players = sourcePlayers({"Ann", "Bob"});
  EXPECT_EQ(take(players.substr(0, players.size() - 3)), "complete");
  EXPECT_THAT(*query_.answer().players->list, ElementsAre("Ann"));
}

}  // namespace
}  // namespace agent
