#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "agent/files/archive.h"
#include "agent/files/read.h"
#include "agent/files/replacement.h"

namespace agent::files {

struct BackupInfo {
  std::string id{};
  std::string name{};  ///< as the panel called it
  std::int64_t created_ns = 0;
  std::int64_t size = 0;  ///< of the backup
  std::string sha256{};   ///< likewise
  std::int64_t bytes = 0;
  std::int64_t entries = 0;
  std::int64_t skipped = 0;
  std::int64_t taken = 0;  ///< on the server's disk, at least; 0: it was not written down
};

struct BackupOptions {
  std::string id{};    ///< empty: one is made of the time
  std::string name{};  ///< one line
  /// Globs. With a slash they match the path from the server's directory, without one any name;
  /// one that ends with a slash matches directories only.
  std::vector<std::string> ignore{};
  std::int64_t bytes_per_second = 0;  ///< 0: no limit
};

/// Removes what agents before this one had begun and not finished in the directory of a server's
/// backups.
void removeUnfinishedBackups(int directory);

/// The backups of one server: `<id>.tar.zst` with `<id>.info` beside it, in a directory that no
/// server reaches. A backup is there when both are; they get these names when they are whole.
///
/// Threads: any; what changes it, one at a time. Errors: Refusal; messages name no host path.
class Backups {
 public:
  /// Their directory is made with the first of them.
  Backups(const std::string& backup_dir, const std::string& server_id);

  /// Oldest first.
  std::vector<BackupInfo> list() const;
  /// FILE_NOT_FOUND.
  BackupInfo find(const std::string& id) const;
  /// Everything in the server's directory, symbolic links as links. `before_reading` is called once
  /// there is where to write it to. FILE_EXISTS: the id is taken.
  BackupInfo create(const ServerRoot& root, const BackupOptions& options, const ArchiveWork& work,
                    const std::function<void()>& before_reading);
  void remove(const std::string& id);
  /// Removes the oldest until there are no more than `most`, as far as that can be done; 0: keeps
  /// all. `spared` stays: it was made just now.
  void keepNewest(std::size_t most, const std::string& spared);
  Piece read(const std::string& id, std::int64_t offset, std::int64_t length) const;
  /// Unpacks a backup, whose checksum must be right, beside the server's directory and exchanges
  /// the two; what was there is left to `to.replaced`. The server must not run: `before_exchange`,
  /// given what was unpacked, is called last and refuses when it does, and nothing is changed then.
  /// DISK_FULL: it takes more than the server may; told before it is unpacked, or on the way.
  Archived restore(const std::string& id, const RestoreTo& to, const ArchiveWork& work,
                   const std::function<void(int directory)>& before_exchange);

 private:
  Descriptor open(const std::string& id) const;

  const std::string backup_dir_;
  const std::string server_id_;
  Descriptor directory_;
};

}  // namespace agent::files
