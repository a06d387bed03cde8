#include "support/disk_calls.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <mutex>
#include <system_error>

namespace test_support {
namespace {

struct Noted {
  std::mutex mutex;
  std::vector<std::string> calls;
};

Noted& noted() {
  static Noted* const kNoted = new Noted;  // for threads that outlive everything else
  return *kNoted;
}

void note(std::string call) {
  const std::lock_guard lock(noted().mutex);
  noted().calls.push_back(std::move(call));
}

int synced(long number, int fd) {
  std::error_code unknown;
  std::string what =
      "sync " +
      std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd), unknown).string();
  struct stat status {};
  if (::fstat(fd, &status) == 0)
    what += S_ISDIR(status.st_mode) ? "/" : ' ' + std::to_string(status.st_size);
  const auto result = static_cast<int>(::syscall(number, fd));
  const int error = errno;
  if (result == 0) note(std::move(what));
  errno = error;
  return result;
}

}  // namespace

std::vector<std::string> diskCalls() {
  const std::lock_guard lock(noted().mutex);
  return noted().calls;
}

void forgetDiskCalls() {
  const std::lock_guard lock(noted().mutex);
  noted().calls.clear();
}

}  // namespace test_support

// In the place of the C library's, for the shared libraries of the program too.
#pragma GCC visibility push(default)
extern "C" {

int fsync(int fd) { return test_support::synced(SYS_fsync, fd); }

int fdatasync(int fd) { return test_support::synced(SYS_fdatasync, fd); }

int rename(const char* from, const char* to) noexcept {
  const auto result = static_cast<int>(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0));
  const int error = errno;
  if (result == 0) test_support::note(std::string("rename ") + to);
  errno = error;
  return result;
}
}
#pragma GCC visibility pop
