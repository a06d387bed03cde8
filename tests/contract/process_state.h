#pragma once

#include <array>
#include <bitset>
#include <csignal>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace control::conform {

/// What belongs to the host in a process, and a plugin has to leave as it is.
struct ProcessState {
  struct Disposition {
    const void* handler = nullptr;
    int flags = 0;
    bool operator==(const Disposition&) const = default;
  };
  /// Which file a descriptor is: device, inode.
  using File = std::pair<unsigned long, unsigned long>;

  std::map<int, Disposition> signals{};
  std::bitset<NSIG> blocked{};  ///< in the calling thread
  std::map<std::string, std::string> environment{};
  std::string folder{};
  std::string umask{};
  std::string locale{};
  std::array<File, 3> standard_files{};

  static ProcessState now();

  /// A sentence for each difference: what is changed, and what would be right.
  std::vector<std::string> changesSince(const ProcessState& earlier) const;
};

/// The descriptors that are not close-on-exec, and what they are.
std::map<int, std::string> inheritedDescriptors();

}  // namespace control::conform
