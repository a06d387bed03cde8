// A container that an engine left half removed, when it was killed over that.

#include "next_start.h"

namespace control {
namespace {

using test::NextStart;
using ::testing::IsEmpty;

class LeftHalfRemoved : public NextStart {
 protected:
  /// While the container of "a" is made anew.
  void update() {
    create("a");
    runtime_->leaveHalfRemoved();
    ASSERT_TRUE(supervisor_->update("a", change("MODE", "hard"), "change"));
    EXPECT_EQ(endOf("change")->code, ErrorCode::kUnavailable);
  }
  void expectMade() {
    EXPECT_TRUE(becomesInTime("a", EntryState::kCreated));
    EXPECT_EQ(valueOf("a", "MODE"), "hard");
    EXPECT_EQ(containers(), 1U);
    EXPECT_THAT(filesKept(), IsEmpty());
  }
};

TEST_F(LeftHalfRemoved, ServerIsMadeOnceTheEngineAnswers) {
  update();
  expectMade();
}

TEST_F(LeftHalfRemoved, ServerIsMadeOnceTheEngineIsBack) {
  update();
  control().engineDown(true);
  EXPECT_TRUE(becomesInTime("a", EntryState::kUnknown));
  control().engineDown(false);
  expectMade();
}

TEST_F(LeftHalfRemoved, ServerIsMadeByTheNextProcess) {
  update();
  kill();
  open();
  expectMade();
}

}  // namespace
}  // namespace control
