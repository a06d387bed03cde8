#include "agent/files/beneath.h"

#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "agent/panel/refusal.h"

namespace agent::files {
namespace {

constexpr int kDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW;
constexpr std::uint64_t kWithinMount = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV;

int openat2(int directory, const char* path, int flags, mode_t mode, std::uint64_t resolve) {
  struct open_how how {};
  how.flags = static_cast<std::uint64_t>(flags) | O_CLOEXEC;
  how.mode = mode;
  how.resolve = resolve;
  // EAGAIN: something on the way was renamed at this moment.
  for (int attempt = 0; attempt < 64; ++attempt) {
    const long fd = ::syscall(SYS_openat2, directory, path, &how, sizeof how);
    if (fd >= 0 || (errno != EAGAIN && errno != EINTR)) return static_cast<int>(fd);
  }
  return -1;
}

struct Words {
  int error;
  const char* code;
  const char* text;
};

constexpr Words kWords[] = {
    {ENOENT, "FILE_NOT_FOUND", "does not exist"},
    {ENOTDIR, "NOT_A_DIRECTORY", "is not a directory, or leads through what is not one"},
    {EISDIR, "IS_A_DIRECTORY", "is a directory"},
    {EEXIST, "FILE_EXISTS", "exists already"},
    {ENOTEMPTY, "FILE_EXISTS", "is a directory that is not empty"},
    {ELOOP, "PATH_FORBIDDEN", "is or leads through a symbolic link that is not followed"},
    {EXDEV, "PATH_FORBIDDEN", "leads out of the server's directory or to another mount"},
    {ENXIO, "PATH_FORBIDDEN", "is neither a regular file nor a directory"},
    {ENODEV, "PATH_FORBIDDEN", "is neither a regular file nor a directory"},
    {EBUSY, "PATH_FORBIDDEN", "is in use as a mount point"},
    {ENAMETOOLONG, "PATH_FORBIDDEN", "has a name that is too long for the file system"},
    {EACCES, "PERMISSION_DENIED", "is not open to the agent's user"},
    {EPERM, "PERMISSION_DENIED", "may not be changed by the agent's user"},
    {EROFS, "PERMISSION_DENIED", "is on a file system that is read-only"},
    {ETXTBSY, "PERMISSION_DENIED", "is being executed"},
    {ENOSPC, "DISK_FULL",
     "cannot be written: the disk is full; remove files, or ask the host's operator for room"},
    {EDQUOT, "DISK_FULL",
     "cannot be written: the disk quota is used up; remove files, or raise limits.disk"},
    {EFBIG, "DISK_FULL", "cannot be written: it would become larger than files may be"},
    {EINVAL, "INVALID_PAYLOAD", "cannot be used like that"},
    {EMLINK, "INVALID_PAYLOAD", "would lie in a directory that is full"},
    {EMFILE, "BUSY", "cannot be opened: too many files are open; try again later"},
    {ENFILE, "BUSY", "cannot be opened: too many files are open; try again later"},
    {ENOMEM, "BUSY", "cannot be opened: memory is short; try again later"},
    {EAGAIN, "BUSY", "is being moved about; try again"},
};

}  // namespace

bool canOpenBeneath() noexcept {
  // Opening "/" can fail for nobody: a filter may answer EPERM where a kernel answers ENOSYS.
  static const bool can = [] {
    const Descriptor probe(openat2(AT_FDCWD, "/", O_PATH | O_DIRECTORY, 0, 0));
    return static_cast<bool>(probe);
  }();
  return can;
}

void requireOpenBeneath() {
  if (!canOpenBeneath())
    throw Refusal("PERMISSION_DENIED",
                  "files cannot be reached safely on this host: the kernel, or a filter, does not "
                  "offer the system call openat2 (Linux 5.6)");
}

Descriptor openBeneath(int directory, const char* path, int flags, Links links,
                       mode_t mode) noexcept {
  const std::uint64_t resolve =
      kWithinMount | (links == Links::kNone ? std::uint64_t{RESOLVE_NO_SYMLINKS} : 0);
  // A FIFO or a device must neither block nor become a terminal; O_PATH opens nothing and takes
  // neither flag.
  const int harmless = (flags & O_PATH) != 0 ? 0 : O_NONBLOCK | O_NOCTTY;
  return Descriptor(openat2(directory, path, flags | O_NOFOLLOW | harmless, mode, resolve));
}

Descriptor openDirectoryIn(int directory, const char* name) noexcept {
  return openBeneath(directory, name, kDirectory, Links::kNone);
}

Descriptor openFarBelow(int top, std::string_view path) {
  Descriptor opened = openAgain(top);
  while (opened && !path.empty()) {
    const std::size_t end = path.size() < PATH_MAX ? path.size() : path.rfind('/', PATH_MAX - 1);
    const std::string part(path.substr(0, end));
    opened = openDirectoryIn(opened.get(), part.c_str());
    path.remove_prefix(std::min(part.size() + 1, path.size()));
  }
  return opened;
}

Descriptor openAgain(int directory) noexcept {
  return Descriptor(::openat(directory, ".", kDirectory | O_CLOEXEC));
}

Descriptor openServerDirectory(const std::string& data_dir, const std::string& server_id) noexcept {
  const Descriptor all = openOwnDirectory(data_dir);
  if (!all) return Descriptor();
  return Descriptor(openat2(all.get(), server_id.c_str(), kDirectory, 0,
                            RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS));
}

Descriptor openOwnDirectory(const std::string& path) noexcept {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Descriptor createFileIn(int directory, const char* name, mode_t mode) noexcept {
  return openBeneath(directory, name, O_RDWR | O_CREAT | O_EXCL, Links::kNone, mode);
}

struct stat statusOf(int fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) throw std::system_error(errno, std::generic_category(), "fstat");
  return status;
}

bool isRegular(const struct stat& status) noexcept { return S_ISREG(status.st_mode); }
bool isDirectory(const struct stat& status) noexcept { return S_ISDIR(status.st_mode); }

std::int64_t takenBy(const struct stat& status, std::int64_t content) noexcept {
  return std::min(static_cast<std::int64_t>(status.st_blocks) * 512, content);
}

void refuseErrno(int error, const std::string& shown) {
  for (const Words& words : kWords)
    if (words.error == error) throw Refusal(words.code, '\'' + shown + "' " + words.text);
  throw Refusal("INTERNAL_ERROR", '\'' + shown + "': " + std::generic_category().message(error));
}

}  // namespace agent::files
