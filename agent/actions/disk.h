#pragma once

#include <cstdint>
#include <string>

#include "agent/actions/services.h"
#include "agent/disk/disk_watch.h"
#include "agent/disk/host_reserve.h"

namespace agent {

/// Before `bytes` are written to a server's files. DISK_FULL (Refusal): with what is `to_come`
/// after them they would pass its limit, for which it is measured anew, or eat what is the host's.
void requireRoom(Services& services, const std::string& server_id, std::int64_t bytes,
                 std::int64_t to_come = 0);
/// How much may be written to them now: as far as its limit goes, and the host's reserve.
std::int64_t limitRoomOf(Services& services, const std::string& server_id);
std::int64_t roomOf(Services& services, const std::string& server_id);
/// Before a directory takes the place of the server's. DISK_FULL (Refusal): it holds more than the
/// server may have.
void requireWithinLimit(Services& services, const std::string& server_id, int directory);

/// Tells the panel and does what the policy says to a server beyond its limit. False: it does not
/// run.
bool onDiskExceeded(Services& services, const std::string& server_id, const DiskUse& use,
                    bool is_new);

/// What the watch measures unasked: all that run.
std::vector<std::string> serversThatRun(const control::Supervisor& supervisor);

}  // namespace agent
