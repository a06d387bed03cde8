#include "agent/files/left_overs.h"

#include "agent/files/backup.h"
#include "agent/files/beneath.h"
#include "agent/files/replacement.h"
#include "agent/files/staging.h"

namespace agent::files {

void removeLeftOvers(const LeftOverPlaces& places, const std::string& server_id,
                     const Patience& patience) {
  if (const Descriptor all = openOwnDirectory(places.data_dir))
    removeUnfinishedRestores(all.get(), places.quota, server_id, patience);
  if (const Descriptor server = openServerDirectory(places.data_dir, server_id))
    sweepStaging(server.get(), patience);
  if (const Descriptor all = openOwnDirectory(places.backup_dir))
    if (const Descriptor backups = openDirectoryIn(all.get(), server_id.c_str()))
      removeUnfinishedBackups(backups.get());
}

}  // namespace agent::files
