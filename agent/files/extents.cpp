#include "agent/files/extents.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace agent::files {

Extent nextData(int fd, std::int64_t offset, std::int64_t size) noexcept {
  const off_t begin = ::lseek(fd, offset, SEEK_DATA);
  if (begin < 0 && errno == ENXIO) return {size, size};
  if (begin < 0) return {offset, size};
  const off_t end = ::lseek(fd, begin, SEEK_HOLE);
  return {std::min<std::int64_t>(begin, size), end < 0 ? size : std::min<std::int64_t>(end, size)};
}

std::vector<Extent> dataOf(int fd, std::int64_t size, std::size_t most) {
  std::vector<Extent> all;
  for (std::int64_t at = 0; at < size;) {
    const Extent data = nextData(fd, at, size);
    if (data.begin == data.end) break;
    if (all.size() == most) return {{0, size}};
    all.push_back(data);
    at = data.end;
  }
  return all;
}

}  // namespace agent::files
