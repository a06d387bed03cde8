#pragma once

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <string>
#include <system_error>

namespace test_support {

/// What this thread, and those that it starts from now on, mount is seen by no other process and
/// goes with this one. Why it cannot be so; empty: it is.
inline std::string ownMounts() {
  static const std::string missing = [] {
    if (::geteuid() != 0) return std::string("only root mounts file systems");
    if (::unshare(CLONE_NEWNS) == 0 &&
        ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0)
      return std::string();
    return "this process gets no mounts of its own: " + std::generic_category().message(errno);
  }();
  return missing;
}

/// A file or directory that is seen at another place as well, wherever that is moved to, until this
/// ends. Only after ownMounts().
class BindMount {
 public:
  BindMount(const std::string& what, const std::string& where) {
    if (::mount(what.c_str(), where.c_str(), nullptr, MS_BIND, nullptr) != 0)
      throw std::system_error(errno, std::generic_category(), "mount " + where);
    top_ = ::open(where.c_str(), O_PATH | O_CLOEXEC);
  }
  ~BindMount() {
    ::umount2(("/proc/self/fd/" + std::to_string(top_)).c_str(), MNT_DETACH);
    ::close(top_);
  }
  BindMount(const BindMount&) = delete;
  BindMount& operator=(const BindMount&) = delete;

 private:
  int top_ = -1;
};

}  // namespace test_support
