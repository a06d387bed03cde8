#include "engine/cgroup_file.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>

namespace control::engine {
namespace {

std::atomic<int> kept_descriptors{0};

}  // namespace

KeptDescriptors::KeptDescriptors(int most, int least) {
  rlimit limit{};
  const bool known = ::getrlimit(RLIMIT_NOFILE, &limit) == 0;
  const rlim_t half = known ? limit.rlim_cur / 2 : 512;
  generous_ = static_cast<rlim_t>(kept_descriptors.load() + most) <= half;
  count_ = generous_ ? most : least;
  kept_descriptors += count_;
}

KeptDescriptors::~KeptDescriptors() { kept_descriptors -= count_; }

int CgroupFile::open(bool keep) {
  Descriptor opened(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  if (!opened) return errno;
  if (keep) kept_ = std::move(opened);
  return 0;
}

CgroupText CgroupFile::read(CgroupBuffer& buffer) const {
  const Descriptor opened(kept_ ? -1 : ::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  const int file = kept_ ? kept_.get() : opened.get();
  if (file < 0) return {{}, errno};
  ssize_t count = -1;
  do count = ::pread(file, buffer.data(), buffer.size(), 0);
  while (count < 0 && errno == EINTR);
  if (count < 0) return {{}, errno};
  const auto size = static_cast<std::size_t>(count);
  if (size == buffer.size()) return {{}, EFBIG};  // a part of a file is no figure
  return {{buffer.data(), size}, 0};
}

bool isGone(int error) noexcept { return error == ENODEV || error == ENOENT; }
bool isExhausted(int error) noexcept {
  return error == EMFILE || error == ENFILE || error == ENOMEM;
}

}  // namespace control::engine
