// On a kernel, or under a filter, without openat2. A program of its own: the filter stays.

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include <cerrno>
#include <filesystem>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/files/file_agent.h"
#include "unit/agent/files/samples.h"

namespace agent {
namespace {

bool takeAwayOpenat2() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  const sock_fprog program{.len = std::size(code), .filter = code};
  return ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

TEST(WithoutOpenat2, FilesAreRefusedAndTheRestWorks) {
  ASSERT_TRUE(takeAwayOpenat2());
  FileAgent agent;
  writeFileAt(agent.root() + "/f", "kept");
  for (const Sample& sample : samples()) {
    const Json refused = agent.ask(std::string(sample.action), payloadFor(sample, "f"));
    EXPECT_EQ(outcome(refused), "PERMISSION_DENIED") << sample.action;
    EXPECT_THAT(refused.write(), testing::HasSubstr("openat2"));
  }
  EXPECT_EQ(readFileAt(agent.root() + "/f"), "kept");
  EXPECT_EQ(outcome(agent.ask("get_status", "{}")), "ok");
  const std::string id = agent.send("delete_server", R"({"removeData":true})");
  EXPECT_EQ(at(agent.completed(id), "data.success"), "true");
  EXPECT_FALSE(std::filesystem::exists(agent.root()));
}

}  // namespace
}  // namespace agent
