#include "agent/files/replacement.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "agent/files/beneath.h"
#include "agent/files/mounts.h"
#include "agent/files/server_root.h"
#include "agent/files/staging.h"
#include "agent/files/temporary_name.h"
#include "agent/files/tree.h"

namespace agent::files {
namespace {

/// The server's id and a '-' follow.
const std::string kRestoring = ".restoring-";

void removeTree(int directory, const DiskQuota& quota, const std::string& name,
                const Patience& patience) {
  if (quota.remove(directory, name.c_str()) != 0) removeEntry(directory, name.c_str(), patience);
}

}  // namespace

void removeReplaced(const std::string& data_dir, const DiskQuota& quota, const std::string& name,
                    const Patience& patience) {
  if (const Descriptor all = openOwnDirectory(data_dir))
    removeTree(all.get(), quota, name, patience);
}

void removeUnfinishedRestores(int data_dir, const DiskQuota& quota, const std::string& server_id,
                              const Patience& patience) {
  for (const std::string& name : namesLeftOver(data_dir, kRestoring + server_id + '-'))
    removeTree(data_dir, quota, name, patience);
}

Replacement::Replacement(const RestoreTo& to, const std::string& server_id,
                         const Patience& patience)
    : to_(to), server_id_(server_id), all_(openOwnDirectory(to.data_dir)) {
  if (!all_) refuseErrno(errno, "/");
  refuseMounts();
  removeUnfinishedRestores(all_.get(), to_.quota, server_id_, patience);
  name_ = temporaryName(kRestoring + server_id_ + '-');
  if (const int error = to_.quota.make(all_.get(), name_.c_str()); error != 0)
    refuseErrno(error, "/");
  made_ = openDirectoryIn(all_.get(), name_.c_str());
  if (!made_) refuseErrno(errno, "/");
  if (to_.limit_bytes > 0 && to_.quota.limit(made_.get(), to_.limit_bytes) != 0)
    most_ = to_.limit_bytes;
}

Replacement::~Replacement() { to_.replaced(name_); }

void Replacement::exchange() {
  refuseMounts();
  struct stat before {};
  const bool there = statusIn(all_.get(), server_id_.c_str(), before);
  if (there) {
    if (::fchown(fd(), before.st_uid, before.st_gid) != 0 && errno != EPERM)
      refuseErrno(errno, "/");
    if (::fchmod(fd(), before.st_mode & 0777) != 0) refuseErrno(errno, "/");
  } else if (::fchmod(fd(), modeForServers(all_.get())) != 0) {
    refuseErrno(errno, "/");
  }
  if (::syncfs(fd()) != 0) refuseErrno(errno, "/");
  const unsigned flags = there ? RENAME_EXCHANGE : RENAME_NOREPLACE;
  if (::renameat2(all_.get(), name_.c_str(), all_.get(), server_id_.c_str(), flags) != 0)
    refuseErrno(errno, "/");
  syncDirectory(all_.get());
}

/// They would go along with what is replaced.
void Replacement::refuseMounts() const {
  if (hasMounts(all_.get(), server_id_))
    throw Refusal("PATH_FORBIDDEN",
                  "something is mounted in the server's folder; unmount it first");
}

}  // namespace agent::files
