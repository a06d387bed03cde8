#pragma once

#include <cstdint>
#include <vector>

namespace agent::files {

/// A stretch of a file, from `begin` to before `end`.
struct Extent {
  std::int64_t begin = 0;
  std::int64_t end = 0;
};

/// The next stretch of data from `offset` of a file of `size` bytes; empty, at the end, when only a
/// hole follows. Where a file system does not tell, all is data.
Extent nextData(int fd, std::int64_t offset, std::int64_t size) noexcept;

/// All of them; the whole file when there are more than `most`.
std::vector<Extent> dataOf(int fd, std::int64_t size, std::size_t most);

}  // namespace agent::files
