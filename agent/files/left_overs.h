#pragma once

#include <string>

#include "agent/disk/disk_quota.h"
#include "agent/files/patience.h"

namespace agent::files {

struct LeftOverPlaces {
  const std::string& data_dir;
  const DiskQuota& quota;
  const std::string& backup_dir;
};

/// Removes what agents before this one had in the making for a server when they were killed. Only
/// the agent whose server it is may call it, and may make things for it meanwhile; an upload stays
/// for a day, so that it can go on. What cannot be removed stays as well.
void removeLeftOvers(const LeftOverPlaces& places, const std::string& server_id,
                     const Patience& patience);

}  // namespace agent::files
