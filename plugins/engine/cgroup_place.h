#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libcontrol/result.h>

#include "engine/host_roots.h"

namespace control::engine {

/// The directory of one controller of one container, in the hierarchy that has the controller.
struct CgroupPlace {
  std::string directory;
  bool unified = false;  ///< cgroup v2
};

/// Where the cgroups of one container are, on v1, v2 and hybrid hosts.
class CgroupPlaces {
 public:
  /// kNotFound: no such process, or its cgroups are not this container's.
  /// kUnsupported: the cgroup file systems of the container are not visible from here.
  static Result<CgroupPlaces> find(int pid, std::string_view container_id, const HostRoots& roots);

  /// Nothing when the controller's hierarchy is not mounted, or the container has no cgroup in it.
  /// On a v2 host any name gives the one directory; a controller that is not enabled has no files.
  std::optional<CgroupPlace> of(std::string_view controller) const;

 private:
  struct Entry {
    std::vector<std::string> controllers;  ///< none: the v2 hierarchy
    std::string directory;
  };
  std::vector<Entry> entries_;
};

/// kNotFound unless process `pid` exists and is in the container's cgroups.
Result<void> checkContainerOf(int pid, std::string_view container_id, const HostRoots& roots);

}  // namespace control::engine
