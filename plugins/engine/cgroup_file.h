#pragma once

#include <array>
#include <string>
#include <string_view>

#include "engine/descriptor.h"

namespace control::engine {

/// A share of the descriptors that files of cgroups may keep open between reads: all of this
/// program together at most half of its limit of open files.
class KeptDescriptors {
 public:
  /// Counts `most`, or `least` where there is no room for them.
  KeptDescriptors(int most, int least);
  ~KeptDescriptors();
  KeptDescriptors(const KeptDescriptors&) = delete;
  KeptDescriptors& operator=(const KeptDescriptors&) = delete;

  /// Whether it was `most`.
  bool generous() const noexcept { return generous_; }

 private:
  bool generous_ = false;
  int count_ = 0;
};

/// Longer than any of the files on hosts with hundreds of devices or interfaces.
using CgroupBuffer = std::array<char, 16384>;

/// A file's text in the buffer it was read to, or the errno value.
struct CgroupText {
  std::string_view text;
  int error = 0;
};

/// One file of a cgroup that is read again and again.
///
/// Threads: read() on any, at a time.
class CgroupFile {
 public:
  explicit CgroupFile(std::string path) : path_(std::move(path)) {}

  const std::string& path() const noexcept { return path_; }
  /// Looks whether it is there; kept open, a read costs a fifth, and is of this cgroup and never of
  /// the next one of its name. The errno value, or 0.
  int open(bool keep);
  /// Files of cgroups come whole with one call.
  CgroupText read(CgroupBuffer& buffer) const;

 private:
  std::string path_;
  Descriptor kept_{};
};

/// Of an errno value: the cgroup is gone, or the file never was.
bool isGone(int error) noexcept;
/// Of an errno value: there are no more descriptors to be had.
bool isExhausted(int error) noexcept;

}  // namespace control::engine
