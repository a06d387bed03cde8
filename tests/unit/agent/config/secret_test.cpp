#include "agent/secret.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "support/temp_dir.h"

namespace agent {
namespace {

using testing::HasSubstr;

class SecretFile : public testing::Test {
 protected:
  std::string problem(const std::string& path, SecretPlace place = SecretPlace::kFile) {
    const auto secret = readSecretFile(path, place);
    return secret ? "(none)" : secret.error().message;
  }
  std::string problemOfMode(unsigned mode, SecretPlace place = SecretPlace::kFile) {
    return problem(files_.write("secret", "s3cret\n", std::filesystem::perms(mode)), place);
  }
  test_support::TempDir files_;
};

TEST_F(SecretFile, GivesTheSecretWithoutTheLineEnd) {
  for (const char* content : {"s3cret", "s3cret\n", "s3cret\r\n"})
    EXPECT_EQ(*readSecretFile(files_.write("secret", content), SecretPlace::kFile), "s3cret");
}

TEST_F(SecretFile, MustBeForItsOwnerAlone) {
  for (const unsigned mode : {0640u, 0604u, 0620u, 0644u, 0666u})
    EXPECT_THAT(problemOfMode(mode), HasSubstr("chmod 0600")) << std::oct << mode;
  for (const unsigned mode : {0600u, 0400u})
    EXPECT_EQ(problemOfMode(mode), "(none)") << std::oct << mode;
}

TEST_F(SecretFile, MayBeReadByTheGroupAsSystemdCredential) {
  EXPECT_EQ(problemOfMode(0440, SecretPlace::kSystemdCredential), "(none)");
  EXPECT_THAT(problemOfMode(0444, SecretPlace::kSystemdCredential), HasSubstr("everybody"));
}

TEST_F(SecretFile, MustBelongToUsOrRoot) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can give a file away";
  const std::string path = files_.write("secret", "s3cret\n");
  ASSERT_EQ(::chown(path.c_str(), 12345, 12345), 0);
  EXPECT_THAT(problem(path), HasSubstr("belongs to user 12345"));
}

TEST_F(SecretFile, MustHoldOneSecret) {
  for (const std::string& content :
       {std::string(), std::string("\n"), std::string("two\nlines\n"), std::string("a b"),
        std::string("tab\t"), std::string("\xC3\xA4"), std::string(5000, 'x'),
        std::string("a\0b", 3)})
    EXPECT_THAT(problem(files_.write("secret", content)), HasSubstr("does not hold a secret"));
}

TEST_F(SecretFile, MustBeARegularFile) {
  ASSERT_EQ(::mkfifo(files_.path("fifo").c_str(), 0600), 0);
  EXPECT_THAT(problem(files_.path("fifo")), HasSubstr("not a regular file"));
  EXPECT_THAT(problem(files_.path()), HasSubstr("not a regular file"));
  EXPECT_THAT(problem(files_.path("absent")), HasSubstr("No such file"));
}

TEST(Environment, ForgetsAVariableAndItsText) {
  ASSERT_EQ(::setenv("AGENT_TEST_SECRET", "hunter2", 1), 0);
  const char* text = std::getenv("AGENT_TEST_SECRET");
  eraseFromEnvironment("AGENT_TEST_SECRET");
  EXPECT_EQ(std::getenv("AGENT_TEST_SECRET"), nullptr);
  EXPECT_STREQ(text, "");
}

}  // namespace
}  // namespace agent
