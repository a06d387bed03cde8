#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "podman/podman_json.h"

namespace control::podman {
namespace {

/// Of Podman 4.3 on a host without systemd, which runs checks when somebody asks for one.
TEST(PodmanInspect, ReadsWhatTheHealthCheckSays) {
  const auto health = [](const std::string& name) {
    const std::ifstream file(std::string(CONTROL_TEST_FIXTURES) + "/replies/podman-4/" + name);
    std::ostringstream text;
    text << file.rdbuf();
    const auto read = parseInspect(text.str());
    return read ? read->health : std::nullopt;
  };
  const auto never_run = health("inspect_health_never_run.json");
  ASSERT_TRUE(never_run);
  EXPECT_EQ(never_run->state, Health::State::kStarting);
  EXPECT_FALSE(never_run->checked);
  EXPECT_EQ(never_run->interval, std::chrono::seconds(1));
  const auto healthy = health("inspect_health_healthy.json");
  ASSERT_TRUE(healthy);
  EXPECT_EQ(healthy->state, Health::State::kHealthy);
  EXPECT_TRUE(healthy->checked);
  EXPECT_FALSE(health("inspect_running.json"));
}

}  // namespace
}  // namespace control::podman
