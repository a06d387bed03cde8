#include "agent/actions/services.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

TEST(ServerNotes, KeepTheMarkOfTheDeleteThatGoesOnWhenASecondOneIsRefused) {
  ServerNotes notes;
  notes.markRemoving("a");
  notes.markRemoving("a");
  notes.endRemoving("a");
  EXPECT_TRUE(notes.isRemoving("a"));
  notes.endRemoving("a");
  EXPECT_FALSE(notes.isRemoving("a"));
  notes.endRemoving("a");
  EXPECT_FALSE(notes.isRemoving("a"));
}

}  // namespace
}  // namespace agent
