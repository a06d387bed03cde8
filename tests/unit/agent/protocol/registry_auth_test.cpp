#include "agent/actions/registry_auth.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "agent/files/base64.h"
#include "support/temp_dir.h"

namespace agent {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string authsOf(const std::string& members) { return R"({"auths":{)" + members + "}}"; }
std::string entry(const std::string& name, const std::string& user) {
  return "\"" + name + R"(":{"auth":")" + encodeBase64(user + ":pass:word") + "\"}";
}
/// The user for an image; "-": none.
std::string userFor(const std::string& text, const std::string& image) {
  const auto found = findCredentials(text, image);
  if (!found) return found.error().message;
  return *found ? (*found)->username : "-";
}

TEST(RegistryAuth, BelongsToTheRegistryOfTheImage) {
  const std::string text = authsOf(
      entry("https://index.docker.io/v1/", "hub") + "," + entry("registry.example:5000", "all") +
      "," + entry("registry.example:5000/team/games", "games") + "," +
      R"("plain.example":{"username":"plain","password":"secret"},"helped.example":{})");
  EXPECT_EQ(userFor(text, "nginx"), "hub");
  EXPECT_EQ(userFor(text, "someone/game:1"), "hub");
  EXPECT_EQ(userFor(text, "registry.example:5000/other:1"), "all");
  EXPECT_EQ(userFor(text, "registry.example:5000/team/games/craft@sha256:" + std::string(64, 'a')),
            "games");
  EXPECT_EQ(userFor(text, "registry.example:5000/team/gamesome"), "all");
  EXPECT_EQ(userFor(text, "registry.example/other:1"), "-");
  EXPECT_EQ(userFor(text, "registry.example.evil/other:1"), "-");
  EXPECT_EQ(userFor(text, "plain.example/a"), "plain");
  EXPECT_THAT(userFor(text, "helped.example/a"), HasSubstr("helped.example has neither"));

  const auto found = *findCredentials(text, "registry.example:5000/team/games:2");
  EXPECT_EQ(found->server, "registry.example:5000");
  EXPECT_EQ(found->password, "pass:word");
}

TEST(RegistryAuth, AFileThatIsNoneIsRefusedWithoutQuotingIt) {
  EXPECT_THAT(userFor("not json", "a/b"), HasSubstr("no JSON object"));
  EXPECT_THAT(userFor("{}", "a/b"), HasSubstr("auths"));
  EXPECT_THAT(userFor(R"({"auths":[]})", "a/b"), HasSubstr("auths"));
  const std::string broken = userFor(authsOf(R"("docker.io":{"auth":"c2VjcmV0"})"), "a/b");
  EXPECT_THAT(broken, HasSubstr("base64 form of user:password"));
  EXPECT_THAT(broken, Not(HasSubstr("c2VjcmV0")));
}

TEST(RegistryAuth, IsReadAnewEachTimeAndOnlyFromAPrivateFile) {
  const test_support::TempDir directory;
  const std::string file = directory.path() + "/config.json";
  EXPECT_FALSE(readCredentials(file, "a/b"));
  EXPECT_FALSE(*readCredentials("", "a/b"));
  std::ofstream(file) << authsOf(entry("docker.io", "one"));
  EXPECT_THAT(readCredentials(file, "a/b").error().message, HasSubstr("chmod 0600"));
  ASSERT_EQ(::chmod(file.c_str(), 0600), 0);
  EXPECT_EQ((*readCredentials(file, "a/b"))->username, "one");
  std::ofstream(file) << authsOf(entry("docker.io", "two"));
  EXPECT_EQ((*readCredentials(file, "a/b"))->username, "two");
  std::ofstream(file) << std::string((1 << 20) + 1, ' ');
  EXPECT_THAT(readCredentials(file, "a/b").error().message, HasSubstr("larger than"));
}

}  // namespace
}  // namespace agent
