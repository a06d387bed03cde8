#include "agent/actions/server_files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>

#include "agent/descriptor.h"
#include "agent/files/beneath.h"
#include "agent/files/server_root.h"
#include "agent/files/tree.h"
#include "agent/log.h"
#include "agent/panel/refusal.h"

namespace agent {
namespace {

constexpr int kOpenDirectory = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;

control::Error failure(int error, const std::string& doing) {
  using control::ErrorCode;
  ErrorCode code = ErrorCode::kInternal;
  if (error == EACCES || error == EPERM || error == EROFS || error == ELOOP || error == ENOTDIR)
    code = ErrorCode::kPermissionDenied;
  if (error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE || error == ENOMEM)
    code = ErrorCode::kResourceExhausted;
  std::string reason = std::generic_category().message(error);
  if (error == ELOOP || error == ENOTDIR) reason = "it is not a directory";
  if (error == EXDEV || error == EBUSY) reason = "something is mounted in it; unmount it first";
  return {code, control::Effect::kUnknown, "cannot " + doing + " the server's directory: " + reason,
          std::to_string(error)};
}

/// The server's whole directory goes, on a kernel without openat2 too: names of directories alone
/// are opened, no link is followed and no other file system entered.
Descriptor openByName(int directory, const char* name) noexcept {
  if (files::canOpenBeneath()) return files::openDirectoryIn(directory, name);
  Descriptor opened(::openat(directory, name, kOpenDirectory));
  struct stat above {};
  struct stat below {};
  if (!opened || ::fstat(directory, &above) != 0 || ::fstat(opened.get(), &below) != 0)
    return Descriptor();
  if (above.st_dev == below.st_dev) return opened;
  errno = EXDEV;
  return Descriptor();
}

}  // namespace

control::Result<void> ServerFiles::create(const std::string& server_id,
                                          std::int64_t disk_bytes) const {
  std::error_code ignored;  // the open that follows tells
  std::filesystem::create_directories(std::filesystem::path(root_).parent_path(), ignored);
  ::mkdir(root_.c_str(), 0700);
  const Descriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return failure(errno, "make");
  const int error = quota().make(root.get(), server_id.c_str());
  if (error != 0 && error != EEXIST) return failure(error, "make");
  const Descriptor made(::openat(root.get(), server_id.c_str(), kOpenDirectory));
  if (!made) return failure(errno, "open");
  struct stat status {};
  if (::fstat(made.get(), &status) != 0) return failure(errno, "look at");
  // As it is made: by an agent, perhaps, that was killed before it came to this.
  const bool is_new = (status.st_mode & 07777) == 0700 && status.st_uid == ::geteuid();
  // What the file system does not limit is measured.
  if (disk_bytes > 0) (void)quota().limit(made.get(), disk_bytes);
  if (is_new && ::fchmod(made.get(), files::modeForServers(root.get())) != 0)
    return failure(errno, "open up");
  return {};
}

control::Result<void> ServerFiles::remove(const std::string& server_id,
                                          const files::Patience& patience) const {
  const Descriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return errno == ENOENT ? control::Result<void>() : failure(errno, "remove");
  if (quota().remove(root.get(), server_id.c_str()) == 0) return {};
  {
    const Descriptor top(::openat(root.get(), server_id.c_str(), kOpenDirectory));
    if (!top) return errno == ENOENT ? control::Result<void>() : failure(errno, "remove");
    try {
      if (const int error = files::emptyDirectory(top.get(), patience, openByName); error != 0)
        return failure(error, "remove");
    } catch (const Refusal&) {
      return control::Error{control::ErrorCode::kCancelled, control::Effect::kUnknown,
                            "the agent is being shut down; the next one goes on"};
    }
  }
  if (::unlinkat(root.get(), server_id.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT)
    return failure(errno, "remove");
  return {};
}

Descriptor ServerFiles::open(const std::string& server_id) const noexcept {
  const Descriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return Descriptor();
  return Descriptor(::openat(root.get(), server_id.c_str(), kOpenDirectory));
}

const DiskQuota& ServerFiles::quota() const {
  static const std::unique_ptr<DiskQuota> none = noDiskQuota();
  const std::lock_guard lock(mutex_);
  if (quota_) return *quota_;
  const Descriptor root(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!root) return *none;
  ChosenQuota chosen = chooseDiskQuota(root.get());
  log::info("disk", chosen.reason);
  quota_ = std::move(chosen.quota);
  return *quota_;
}

std::vector<std::string> ServerMarks::all() const {
  std::vector<std::string> marked;
  const Descriptor directory(::open(directory_.c_str(), kOpenDirectory));
  if (directory)
    files::forEachName(directory.get(), [&](const char* name) {
      marked.emplace_back(name);
      return true;
    });
  return marked;
}

bool ServerMarks::contains(const std::string& server_id) const {
  return ::access((directory_ + '/' + server_id).c_str(), F_OK) == 0;
}

control::Result<void> ServerMarks::add(const std::string& server_id) const {
  std::error_code ignored;  // the open that follows tells
  std::filesystem::create_directories(directory_, ignored);
  const Descriptor marker(::open((directory_ + '/' + server_id).c_str(),
                                 O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (marker) {
    ::fsync(marker.get());
    const Descriptor directory(::open(directory_.c_str(), kOpenDirectory));
    ::fsync(directory.get());
    return {};
  }
  return control::Error{
      control::ErrorCode::kPermissionDenied, control::Effect::kNone,
      "cannot keep the mark of a server: " + std::generic_category().message(errno)};
}

void ServerMarks::remove(const std::string& server_id) const {
  ::unlink((directory_ + '/' + server_id).c_str());
}

}  // namespace agent
