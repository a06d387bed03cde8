#include "agent/files/copy_bytes.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "agent/files/beneath.h"
#include "agent/files/extents.h"
#include "agent/files/staging.h"

namespace agent::files {
namespace {

/// Between two looks at whether it is to stop, and at whether there is room.
constexpr std::int64_t kAtOnce = 8 * 1024 * 1024;
constexpr std::size_t kBuffer = 256 * 1024;

class ExtentCopy {
 public:
  ExtentCopy(int from, int to, const std::string& shown, const CopyWork& work)
      : from_(from), to_(to), shown_(shown), work_(work) {}

  void run(Extent extent) {
    while (extent.begin < extent.end) {
      work_.patience.check();
      const std::int64_t part = std::min(kAtOnce, extent.end - extent.begin);
      work_.before_writing(part);
      const std::int64_t copied = in_kernel_ ? inKernel(extent.begin, part) : 0;
      extent.begin += copied > 0 ? copied : throughMemory(extent);
      if (cut_) return;
    }
  }

 private:
  std::int64_t inKernel(std::int64_t offset, std::int64_t size) {
    off_t in = offset;
    off_t out = offset;
    const ssize_t copied =
        ::copy_file_range(from_, &in, to_, &out, static_cast<std::size_t>(size), 0);
    if (copied > 0) return copied;
    if (copied < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || errno == EIO))
      refuseErrno(errno, shown_);
    in_kernel_ = false;  // not offered between these files, or at its end
    return 0;
  }

  std::int64_t throughMemory(Extent extent) {
    buffer_.resize(kBuffer);
    const auto most = std::min<std::int64_t>(kBuffer, extent.end - extent.begin);
    ssize_t got = 0;
    do {
      got = ::pread(from_, buffer_.data(), static_cast<std::size_t>(most), extent.begin);
    } while (got < 0 && errno == EINTR);
    if (got < 0) refuseErrno(errno, shown_);
    cut_ = got == 0;  // it was made shorter meanwhile
    writeAll(to_, buffer_.data(), static_cast<std::size_t>(got), extent.begin, shown_);
    return got;
  }

  const int from_;
  const int to_;
  const std::string& shown_;
  const CopyWork& work_;
  bool in_kernel_ = true;
  bool cut_ = false;
  std::vector<char> buffer_{};
};

}  // namespace

std::int64_t copyBytes(int from, int to, const std::string& shown, const CopyWork& work) {
  const std::int64_t size = statusOf(from).st_size;
  if (::ioctl(to, FICLONE, from) == 0) return size;
  if (::ftruncate(to, size) != 0) refuseErrno(errno, shown);
  ExtentCopy copying(from, to, shown, work);
  for (std::int64_t offset = 0; offset < size;) {
    const Extent extent = nextData(from, offset, size);
    copying.run(extent);
    offset = extent.end;
    if (extent.begin >= extent.end) break;
  }
  return size;
}

}  // namespace agent::files
