#include "agent/actions/errors.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

std::string shown(const std::string& message) {
  return withoutHostPaths(message, "a", {"/srv/games", "/srv/state", "/home/container"});
}

TEST(ErrorText, NamesTheServersOwnDirectoryAsItsContainerSeesIt) {
  EXPECT_EQ(shown("no space in /srv/games/a/world"), "no space in /home/container/world");
}

TEST(ErrorText, HidesEveryOtherPathOfTheHost) {
  EXPECT_EQ(shown("'/srv/games/b/x' and /srv/state/y"), "'<path>' and <path>");
  EXPECT_EQ(shown("read /var/lib/docker/x: no"), "read <path>: no");
  EXPECT_EQ(shown("no engine listens at /var/run/docker.sock (gone)"),
            "no engine listens at <path> (gone)");
}

TEST(ErrorText, HidesTheEnginesSocketWhereverItIs) {
  EXPECT_EQ(shown("no engine listens at /opt/e/docker.sock (gone); /home/u/p.sock too"),
            "no engine listens at <path> (gone); <path> too");
}

TEST(ErrorText, KeepsWhatIsNoPathOfTheHost) {
  EXPECT_EQ(shown("exec: \"/bin/sh\": not found; a.sock"), "exec: \"/bin/sh\": not found; a.sock");
}

}  // namespace
}  // namespace agent
