#pragma once

#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "agent/files/read.h"

namespace agent::files {

struct Page {
  std::vector<EntryInfo> entries{};
  std::size_t total = 0;  ///< names in the directory
  std::size_t offset = 0;
};

/// Directories in pages. The names of the last one of which more is to follow are kept until they
/// change, so that the pages of a large directory cost reading and sorting it once.
///
/// Threads: any.
class Listing {
 public:
  static constexpr std::size_t kMostNameBytes = 64 * 1024 * 1024;
  /// Of the names that are kept.
  static constexpr std::size_t kMostKeptBytes = 4 * 1024 * 1024;

  /// Names of a directory in byte order from the `offset`th on, at most `limit`, and no more than
  /// make a page of kMostContent. FILE_TOO_LARGE: they take more than kMostNameBytes.
  Page page(const ServerRoot& root, const CheckedPath& path, std::size_t offset, std::size_t limit,
            const Patience& patience);

  bool keepsNames() const;

 private:
  class Names;

  /// A directory between two changes of its names.
  struct Version {
    dev_t device = 0;
    ino_t inode = 0;
    std::int64_t changed_ns = 0;
    bool operator==(const Version&) const = default;
  };
  static Names read(int directory, const CheckedPath& path, const Patience& patience);

  std::shared_ptr<const Names> kept(const Version& version) const;
  void keep(const Version& version, std::shared_ptr<const Names> names);
  void forget(const Version& version);

  mutable std::mutex mutex_;
  Version version_{};
  std::shared_ptr<const Names> names_;  ///< in their order
};

}  // namespace agent::files
