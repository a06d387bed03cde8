#include "launch.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <csignal>

#include "engine/layout.h"

namespace process_engine {

using control::CallContext;
using control::Effect;
using control::Error;
using control::ErrorCode;
using control::Result;

namespace {

/// posix_spawn's attributes and file actions.
class SpawnPlan {
 public:
  SpawnPlan(int report, int folder) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_addopen(&actions_, 0, "/dev/null", O_RDWR, 0);
    ::posix_spawn_file_actions_adddup2(&actions_, 0, 1);
    ::posix_spawn_file_actions_adddup2(&actions_, 0, 2);
    ::posix_spawn_file_actions_adddup2(&actions_, report, kReportFd);
    ::posix_spawn_file_actions_adddup2(&actions_, folder, kFolderFd);
    // What the host does with signals is not what a container starts with.
    sigset_t all;
    ::sigfillset(&all);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  int spawn(const std::string& program, const std::string& argument, pid_t& pid) const {
    char* arguments[] = {const_cast<char*>(kKeeperProgram), const_cast<char*>(argument.c_str()),
                         nullptr};
    char* environment[] = {nullptr};
    return ::posix_spawn(&pid, program.c_str(), &actions_, &attributes_, arguments, environment);
  }

 private:
  posix_spawn_file_actions_t actions_;
  posix_spawnattr_t attributes_;
};

Result<Line> firstWord(const Engine& engine, const Fd& report, const CallContext& context) {
  Bell bell(*engine.monitor);
  std::string text;
  const auto take = [&]() -> std::optional<Result<Line>> {
    char buffer[1024];
    const ssize_t size = ::read(report.get(), buffer, sizeof buffer);
    if (size == 0)
      return Error{.code = ErrorCode::kInternal,
                   .effect = Effect::kUnknown,
                   .message = std::string(kKeeperProgram) + " ended without a word"};
    if (size > 0) text.append(buffer, static_cast<std::size_t>(size));
    const auto lines = decode(text);
    if (lines.empty()) return std::nullopt;
    return lines.front();
  };
  return bell.waitFor<Line>(context, *engine.clock, take, report.get(), POLLIN);
}

}  // namespace

Result<Launched> launchKeeper(const Engine& engine, int folder, pid_t master,
                              const CallContext& context) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return systemError(errno, "cannot make a pipe");
  Fd read(ends[0]);
  Fd write(ends[1]);
  // Above the numbers that they become, so that none is overwritten on the way.
  Fd report(::fcntl(write.get(), F_DUPFD_CLOEXEC, kFolderFd + 1));
  const Fd given(::fcntl(folder, F_DUPFD_CLOEXEC, kFolderFd + 1));
  if (!report || !given) return systemError(errno, "cannot copy a descriptor");
  pid_t pid = 0;
  const int failed = SpawnPlan(report.get(), given.get())
                         .spawn(engine.keeper_program, std::to_string(master), pid);
  if (failed != 0) return systemError(failed, "cannot run " + engine.keeper_program);
  write.reset();
  report.reset();
  auto word = firstWord(engine, read, context);
  // It has left its work to a child of its own and ends at once. The host may have waited for it.
  ::waitpid(pid, nullptr, 0);
  if (word) return Launched{.word = std::move(*word), .report = std::move(read)};
  Error error = std::move(word).error();
  error.effect = Effect::kUnknown;
  return error;
}

}  // namespace process_engine
