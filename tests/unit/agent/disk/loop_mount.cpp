#include "unit/agent/disk/loop_mount.h"

#include <fcntl.h>
#include <linux/loop.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "agent/descriptor.h"
#include "support/own_mounts.h"

namespace agent {
namespace {

constexpr std::uintmax_t kSize = std::uintmax_t{512} << 20;  // sparse; XFS takes no less than 300

bool kernelKnows(const std::string& type) {
  std::ifstream known("/proc/filesystems");
  for (std::string word; known >> word;)
    if (word == type) return true;
  return false;
}

bool run(const std::vector<std::string>& command) {
  std::vector<char*> arguments;
  for (const std::string& argument : command)
    arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int error =
      ::posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  int status = 0;
  return error == 0 && ::waitpid(child, &status, 0) == child && status == 0;
}

/// The device's path; it is gone once nothing uses it.
std::string attach(int file, Descriptor& device) {
  const Descriptor control(::open("/dev/loop-control", O_RDWR | O_CLOEXEC));
  for (int attempt = 0; control && attempt < 16; ++attempt) {
    const int number = ::ioctl(control.get(), LOOP_CTL_GET_FREE);
    if (number < 0) break;
    std::string path = "/dev/loop" + std::to_string(number);
    device = Descriptor(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    struct loop_config config {};
    config.fd = static_cast<std::uint32_t>(file);
    config.info.lo_flags = LO_FLAGS_AUTOCLEAR;
    if (device && ::ioctl(device.get(), LOOP_CONFIGURE, &config) == 0) return path;
    if (!device || errno != EBUSY) break;  // else somebody else took it meanwhile
  }
  return {};
}

}  // namespace

std::unique_ptr<LoopMount> LoopMount::make(const std::string& type,
                                           const std::vector<std::string>& mkfs_options,
                                           const std::string& mount_options, std::string& reason) {
  std::unique_ptr<LoopMount> made(new LoopMount);
  const auto missing = [&reason](const std::string& what) {
    reason = what;
    return nullptr;
  };
  if (::geteuid() != 0) return missing("only root mounts file systems");
  if (!kernelKnows(type)) return missing("the kernel has no " + type);
  const std::string image = made->directory_.write("image", "");
  std::filesystem::resize_file(image, kSize);
  std::vector<std::string> mkfs = {"mkfs." + type, "-q"};
  mkfs.insert(mkfs.end(), mkfs_options.begin(), mkfs_options.end());
  mkfs.push_back(image);
  if (!run(mkfs)) return missing("mkfs." + type + " is not there or does not work");
  if (const std::string why = test_support::ownMounts(); !why.empty()) return missing(why);
  const Descriptor file(::open(image.c_str(), O_RDWR | O_CLOEXEC));
  Descriptor device;
  const std::string path = attach(file.get(), device);
  if (path.empty()) return missing("there is no loop device");
  std::filesystem::create_directory(made->path());
  if (::mount(path.c_str(), made->path().c_str(), type.c_str(), 0, mount_options.c_str()) != 0)
    return missing("the kernel does not mount " + type + " with '" + mount_options +
                   "': " + std::generic_category().message(errno));
  made->mounted_ = true;
  return made;
}

LoopMount::~LoopMount() {
  if (mounted_) ::umount2(path().c_str(), MNT_DETACH);
}

}  // namespace agent
