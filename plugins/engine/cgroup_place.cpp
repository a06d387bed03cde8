#include "engine/cgroup_place.h"

#include <algorithm>
#include <memory>
#include <mutex>

#include "engine/cgroup_text.h"
#include "engine/descriptor.h"

namespace control::engine {
namespace {

constexpr std::string_view kUsualRoot = "/sys/fs/cgroup";

std::string processName(int pid) { return "process " + std::to_string(pid); }

Result<std::string> readProcCgroup(int pid, const HostRoots& roots) {
  if (pid <= 0)
    return Error{ErrorCode::kInvalidArgument, Effect::kNone,
                 std::to_string(pid) + " is no process id"};
  FileText file = readFile(roots.proc + "/" + std::to_string(pid) + "/cgroup");
  // Reading the file of a process that has just ended gives ESRCH.
  if (file.error != 0) return systemError(file.error, "cgroups of " + processName(pid));
  return std::move(file.text);
}

Error notTheContainers(int pid, std::string_view container_id) {
  return {ErrorCode::kNotFound, Effect::kNone,
          processName(pid) + " is not in a cgroup of container " + std::string(container_id) +
              ": the process has been replaced by another, or the engine makes no cgroups"};
}

bool below(std::string_view path, std::string_view root) {
  return path.starts_with(root) && (path.size() == root.size() || path[root.size()] == '/');
}

bool serves(const CgroupMount& mount, const CgroupLine& line) {
  if (mount.unified || line.unified) return mount.unified == line.unified;
  return std::all_of(line.controllers.begin(), line.controllers.end(), [&](std::string_view name) {
    return std::find(mount.controllers.begin(), mount.controllers.end(), name) !=
           mount.controllers.end();
  });
}

/// The mount's place in our view: as it is below the given root, else moved there.
std::string mountPoint(const CgroupMount& mount, const HostRoots& roots) {
  if (!below(mount.mount_point, roots.cgroup) && below(mount.mount_point, kUsualRoot))
    return roots.cgroup + mount.mount_point.substr(kUsualRoot.size());
  return mount.mount_point;
}

using Mounts = std::shared_ptr<const std::vector<CgroupMount>>;

Result<Mounts> readMounts(const HostRoots& roots) {
  const FileText mountinfo = readFile(roots.proc + "/self/mountinfo");
  if (mountinfo.error != 0) return systemError(mountinfo.error, roots.proc + "/self/mountinfo");
  return std::make_shared<const std::vector<CgroupMount>>(parseCgroupMounts(mountinfo.text));
}

/// The host's own are read once: its table of mounts is long where many containers run, and
/// hierarchies of cgroups do not come and go.
Result<Mounts> cgroupMounts(const HostRoots& roots) {
  static std::mutex mutex;
  static Mounts hosts;  // guarded by mutex
  if (roots.proc != HostRoots{}.proc) return readMounts(roots);
  {
    const std::lock_guard lock(mutex);
    if (hosts) return hosts;
  }
  const auto mounts = readMounts(roots);
  if (!mounts || (*mounts)->empty()) return mounts;
  const std::lock_guard lock(mutex);
  return hosts = *mounts;
}

/// Bind mounts of parts of a hierarchy stand in mountinfo as well; the whole is preferred.
std::optional<std::string> directoryOf(const CgroupLine& line, std::string_view path,
                                       const std::vector<CgroupMount>& mounts,
                                       const HostRoots& roots) {
  std::optional<std::string> found;
  for (const CgroupMount& mount : mounts) {
    if (!serves(mount, line)) continue;
    if (mount.root == "/") return mountPoint(mount, roots) + std::string(path);
    if (!found && below(path, mount.root))
      found = mountPoint(mount, roots) + std::string(path.substr(mount.root.size()));
  }
  return found;
}

}  // namespace

Result<CgroupPlaces> CgroupPlaces::find(int pid, std::string_view container_id,
                                        const HostRoots& roots) {
  const Result<std::string> text = readProcCgroup(pid, roots);
  if (!text) return text.error();
  const auto mounts = cgroupMounts(roots);
  if (!mounts) return mounts.error();

  CgroupPlaces places;
  bool named = false;
  for (const CgroupLine& line : parseProcCgroup(*text)) {
    const std::optional<std::string_view> path = cutAtContainer(line.path, container_id);
    named = named || path;
    if (!path) continue;
    if (std::optional<std::string> directory = directoryOf(line, *path, **mounts, roots))
      places.entries_.push_back(
          {{line.controllers.begin(), line.controllers.end()}, std::move(*directory)});
  }
  if (!named) return notTheContainers(pid, container_id);
  if (places.entries_.empty())
    return Error{ErrorCode::kUnsupported, Effect::kNone,
                 "no cgroup file system of the host is mounted here; mount the host's "
                 "/sys/fs/cgroup"};
  return places;
}

std::optional<CgroupPlace> CgroupPlaces::of(std::string_view controller) const {
  for (const Entry& entry : entries_)
    if (std::find(entry.controllers.begin(), entry.controllers.end(), controller) !=
        entry.controllers.end())
      return CgroupPlace{entry.directory, false};
  // A controller that belongs to v1 has no files in the v2 hierarchy of a hybrid host.
  for (const Entry& entry : entries_)
    if (entry.controllers.empty()) return CgroupPlace{entry.directory, true};
  return std::nullopt;
}

Result<void> checkContainerOf(int pid, std::string_view container_id, const HostRoots& roots) {
  const Result<std::string> text = readProcCgroup(pid, roots);
  if (!text) return text.error();
  for (const CgroupLine& line : parseProcCgroup(*text))
    if (cutAtContainer(line.path, container_id)) return {};
  return notTheContainers(pid, container_id);
}

}  // namespace control::engine
