#pragma once

#include <sys/stat.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "agent/files/patience.h"

namespace agent::files {

enum class ArchiveFormat { kZip, kTar, kTarGz, kTarZst };

/// By the ending of a file's name; absent: none of them.
std::optional<ArchiveFormat> formatOfName(std::string_view name);

/// Writes an archive as a stream. Nothing in it opens a path: it takes descriptors and bytes.
///
/// Threads: one. Errors: Refusal; what the sink throws.
class ArchiveWriter {
 public:
  using Sink = std::function<void(const void* bytes, std::size_t size)>;

  ArchiveWriter(ArchiveFormat format, Sink sink);
  ~ArchiveWriter();
  ArchiveWriter(const ArchiveWriter&) = delete;
  ArchiveWriter& operator=(const ArchiveWriter&) = delete;

  void addDirectory(const std::string& path, const struct stat& status);
  /// As many bytes as `status` says, zeros where the file has become shorter. `each` is told of
  /// every piece.
  void addFile(const std::string& path, const struct stat& status, int fd,
               const std::function<void(std::size_t bytes)>& each);
  void addSymlink(const std::string& path, const struct stat& status, const std::string& target);
  /// Without it the archive is not whole.
  void finish();
  /// Bytes of content that it holds: without holes where the format keeps them.
  std::int64_t stored() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

struct ArchiveEntry {
  enum class Type { kFile, kDirectory, kSymlink, kOther };
  Type type = Type::kOther;
  std::string path{};     ///< as the archive names it
  std::string target{};   ///< of a symbolic link
  std::int64_t size = 0;  ///< as the archive says, which need not be true; -1: it does not
  mode_t permissions = 0;
  std::int64_t user = 0;
  std::int64_t group = 0;
  std::optional<timespec> modified{};
};

/// Reads an archive of any ArchiveFormat from a descriptor.
///
/// Threads: one. Errors: INVALID_PAYLOAD: it is no archive, or is damaged or encrypted;
/// FILE_TOO_LARGE: on the way to an entry more than kMostBetween is read, or unpacked; those of
/// Patience.
class ArchiveReader {
 public:
  /// Bytes of the archive that next() reads at most: a zip's directory is read whole by the first.
  static constexpr std::int64_t kMostBetween = 32 * 1024 * 1024;

  /// `fd` and `patience` are borrowed; `shown` names it in messages.
  ArchiveReader(int fd, std::string shown, const Patience& patience);
  ~ArchiveReader();
  ArchiveReader(const ArchiveReader&) = delete;
  ArchiveReader& operator=(const ArchiveReader&) = delete;

  /// Absent: that was all.
  std::optional<ArchiveEntry> next();
  struct Block {
    const void* bytes = nullptr;
    std::size_t size = 0;
    std::int64_t offset = 0;  ///< in the entry; what was left out is zeros
  };
  /// The next piece of the entry's content; absent at its end.
  std::optional<Block> nextBlock();
  /// Bytes of the archive that were read so far.
  std::int64_t consumed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace agent::files
