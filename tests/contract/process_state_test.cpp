// Each thing that a plugin may change in a process is seen, and named.

#include "contract/process_state.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <clocale>
#include <cstdlib>
#include <filesystem>

namespace control::conform {
namespace {

/// The only difference since then begins like this.
void expectOneChange(const ProcessState& earlier, const std::string& words) {
  const auto changes = ProcessState::now().changesSince(earlier);
  ASSERT_EQ(changes.size(), 1U) << ::testing::PrintToString(changes);
  EXPECT_TRUE(changes.front().starts_with(words)) << changes.front();
}

TEST(ProcessState, NothingChangesByItself) {
  const ProcessState before = ProcessState::now();
  EXPECT_EQ(ProcessState::now().changesSince(before), std::vector<std::string>{});
  EXPECT_FALSE(before.umask.empty());
  EXPECT_FALSE(before.folder.empty());
}

TEST(ProcessState, Dispositions) {
  const ProcessState before = ProcessState::now();
  ASSERT_NE(::signal(SIGPIPE, SIG_IGN), SIG_ERR);
  expectOneChange(before, "SIGPIPE is ignored, it was left to the default");
  ::signal(SIGPIPE, [](int) {});
  expectOneChange(before, "SIGPIPE is handled, it was left to the default");
  const ProcessState handled = ProcessState::now();
  ::signal(SIGPIPE, [](int number) { ::_exit(number); });
  expectOneChange(handled, "SIGPIPE is handled by another handler");
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGRTMIN + 2, SIG_IGN);
  expectOneChange(before, "SIGRTMIN+2 is ignored");
  ::signal(SIGRTMIN + 2, SIG_DFL);
}

TEST(ProcessState, SignalMask) {
  const ProcessState before = ProcessState::now();
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, SIGUSR1);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
  expectOneChange(before, "SIGUSR1 is blocked in the thread that called");
  const ProcessState blocked = ProcessState::now();
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  expectOneChange(blocked, "SIGUSR1 is no longer blocked");
}

TEST(ProcessState, Environment) {
  ::unsetenv("CONFORM_TEST");
  const ProcessState before = ProcessState::now();
  ::setenv("CONFORM_TEST", "secret", 1);
  expectOneChange(before, "the environment has got a variable CONFORM_TEST: ");
  const ProcessState set = ProcessState::now();
  ::setenv("CONFORM_TEST", "other", 1);
  expectOneChange(set, "the environment's variable CONFORM_TEST has another value: ");
  ::unsetenv("CONFORM_TEST");
  expectOneChange(set, "the environment has lost its variable CONFORM_TEST: ");
}

TEST(ProcessState, FolderUmaskAndLocale) {
  const ProcessState before = ProcessState::now();
  const auto folder = std::filesystem::current_path();
  std::filesystem::current_path("/");
  expectOneChange(before, "the working directory is '/', it was '" + folder.string() + "'");
  std::filesystem::current_path(folder);
  const mode_t mask = ::umask(0123);
  expectOneChange(before, "the umask is 0123, it was 0");
  ::umask(mask);
  const std::string locale = std::setlocale(LC_ALL, nullptr);
  ASSERT_NE(std::setlocale(LC_CTYPE, "C.UTF-8"), nullptr);
  expectOneChange(before, "the locale is 'LC_CTYPE=C.UTF-8");
  std::setlocale(LC_ALL, locale.c_str());
}

TEST(ProcessState, StandardFiles) {
  const ProcessState before = ProcessState::now();
  const int kept = ::fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  ::dup2(ends[0], STDIN_FILENO);
  expectOneChange(before, "stdin is closed or another file");
  ::close(STDIN_FILENO);
  expectOneChange(before, "stdin is closed or another file");
  if (kept >= 0) ::dup2(kept, STDIN_FILENO);
  for (const int fd : {kept, ends[0], ends[1]}) ::close(fd);
}

TEST(ProcessState, DescriptorsThatArePassedOn) {
  const auto before = inheritedDescriptors();
  const int kept = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  EXPECT_EQ(inheritedDescriptors(), before);
  const int passed_on = ::open("/dev/null", O_RDONLY);
  auto expected = before;
  expected[passed_on] = "/dev/null";
  EXPECT_EQ(inheritedDescriptors(), expected);
  ::close(passed_on);
  ::close(kept);
}

}  // namespace
}  // namespace control::conform
