#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <libcontrol/result.h>
#include <libcontrol/types.h>

namespace control {

/// What an entry's container is to be made anew from.
struct NextSpec {
  ContainerSpec spec{};
  /// The container that one made from it replaces. Where there is another it has been made.
  ContainerId replaces{};
  /// The ports are those that `replaces` was asked to have: the engine shows them as bound while it
  /// runs.
  bool keeps_ports = false;
  /// That of `replaces`, set before that is taken away: to go back to.
  std::optional<ContainerSpec> previous{};
};

/// The text of a file, with its version in the first line and a checksum in the last.
std::string nextSpecToText(const NextSpec& next);
/// kUnsupported: of a newer version. kInvalidArgument: damaged.
Result<NextSpec> nextSpecFromText(std::string_view text);

/// The directory that keeps them beyond the life of this process, a file for each entry that has
/// one, readable by its owner alone.
///
/// Threads:  any, for different entries.
/// Blocking: all.
class NextSpecs {
 public:
  /// An empty path: nothing is read or kept. `tell` gets what cannot be read or removed.
  NextSpecs(std::string directory, std::function<void(const std::string&)> tell)
      : directory_(std::move(directory)), tell_(std::move(tell)) {}

  /// Those that were kept. A file that cannot be understood is told, and put aside under another
  /// name.
  std::map<std::string, NextSpec> read() const;
  /// Returns when it is on disk. An error says where and why it is not; what was there stays.
  Result<void> set(const std::string& entry, const NextSpec& next) const;
  void erase(const std::string& entry) const;

 private:
  std::string pathOf(const std::string& entry) const;

  const std::string directory_;
  const std::function<void(const std::string&)> tell_;
};

}  // namespace control
