#include "engine/memory.h"

#include <gtest/gtest.h>

#include <string>

namespace control::engine {
namespace {

ContainerInfo exited(const std::string& id, int run) {
  ContainerInfo info;
  info.id.value = id;
  info.state = ContainerState::kExited;
  info.exit = ExitStatus{.run = {info.id, WallTime(std::chrono::seconds(run))}};
  return info;
}

TEST(EngineMemory, TellsTheKernelsKillsOfThatRunOnly) {
  Memory memory;
  memory.oomSeen({{"a"}, WallTime(std::chrono::seconds(1))}, true);
  ContainerInfo same = exited("a", 1);
  memory.complete(same);
  EXPECT_EQ(same.oom_killed, true);
  EXPECT_EQ(same.exit->oom_killed, true);
  ContainerInfo next = exited("a", 2);
  memory.complete(next);
  EXPECT_FALSE(next.oom_killed);
  ContainerInfo other = exited("b", 1);
  memory.complete(other);
  EXPECT_FALSE(other.oom_killed);
}

TEST(EngineMemory, TellsWhyTheLastStartFailedUntilOneDoesNot) {
  Memory memory;
  memory.startFailed("a", "no such program");
  ContainerInfo info;
  info.id.value = "a";
  info.state = ContainerState::kCreated;
  memory.complete(info);
  EXPECT_EQ(info.error, "no such program");
  memory.started("a");
  info.error.clear();
  memory.complete(info);
  EXPECT_TRUE(info.error.empty());
}

TEST(EngineMemory, KnowsOfAKillBeforeTheEngineDoes) {
  Memory memory;
  memory.oomSeen({{"a"}, WallTime(std::chrono::seconds(1))}, true);
  ContainerInfo info = exited("a", 1);
  info.oom_killed = false;
  info.exit->oom_killed = false;
  memory.complete(info);
  EXPECT_EQ(info.oom_killed, true);
  EXPECT_EQ(info.exit->oom_killed, true);
}

TEST(EngineMemory, NeverOverridesTheEngine) {
  Memory memory;
  memory.startFailed("a", "ours");
  memory.oomSeen({{"a"}, WallTime(std::chrono::seconds(1))}, false);
  ContainerInfo info = exited("a", 1);
  info.error = "the engine's";
  info.oom_killed = true;
  memory.complete(info);
  EXPECT_EQ(info.error, "the engine's");
  EXPECT_EQ(info.oom_killed, true);
}

std::string startError(Memory& memory, const std::string& id) {
  ContainerInfo info;
  info.id.value = id;
  memory.complete(info);
  return info.error;
}

TEST(EngineMemory, ForgetsTheOldestAndWhatIsGone) {
  Memory memory;
  memory.startFailed("first", "words");
  for (int i = 0; i < 2000; ++i) memory.startFailed("c" + std::to_string(i), "words");
  EXPECT_EQ(startError(memory, "first"), "");
  EXPECT_EQ(startError(memory, "c1999"), "words");
  memory.forget("c1999");
  EXPECT_EQ(startError(memory, "c1999"), "");
}

}  // namespace
}  // namespace control::engine
