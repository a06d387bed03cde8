#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace agent {

/// What is left free of the host's disks, whatever servers' files want: the operator's figure, else
/// 1 GiB or a twentieth of the file system, whichever is less.
///
/// Threads: any. Blocking: as the file system does.
class HostReserve {
 public:
  explicit HostReserve(std::optional<std::int64_t> bytes) : bytes_(bytes) {}

  /// How much may be written where `path` lies; very much when it cannot be asked.
  std::int64_t room(const std::string& path) const;
  /// DISK_FULL (Refusal): `bytes` more would leave less than the reserve.
  void require(const std::string& path, std::int64_t bytes) const;

 private:
  const std::optional<std::int64_t> bytes_;
};

/// Asks for the reserve again after each few MiB of work that goes on.
class ReserveMeter {
 public:
  ReserveMeter(const HostReserve& reserve, std::string path)
      : reserve_(reserve), path_(std::move(path)) {}

  /// `bytes` were written by now. DISK_FULL (Refusal).
  void passed(std::int64_t bytes);

 private:
  static constexpr std::int64_t kBetweenLooks = 8 * 1024 * 1024;

  const HostReserve& reserve_;
  const std::string path_;
  std::int64_t next_look_ = 0;
};

}  // namespace agent
