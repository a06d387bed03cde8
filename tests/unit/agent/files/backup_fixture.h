#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "agent/files/backup.h"
#include "unit/agent/files/file_agent_fixture.h"

namespace agent {

/// For the server's directory below `data_dir`, which must live on.
inline files::RestoreTo placeIn(const std::string& data_dir, std::int64_t limit_bytes = 0) {
  static const std::unique_ptr<DiskQuota> none = noDiskQuota();
  return {.data_dir = data_dir,
          .quota = *none,
          .limit_bytes = limit_bytes,
          .replaced = [&data_dir](const std::string& name) {
            files::removeReplaced(data_dir, *none, name, {});
          }};
}

/// Makes and restores backups of the server.
class Backups : public OnFilesOfA {
 protected:
  /// Accepts a long action and returns its end.
  Json finish(const std::string& action, const std::string& payload) {
    const std::string id = agent_.send(action, payload);
    const Json accepted = agent_.response(id);
    EXPECT_EQ(outcome(accepted), "ok") << accepted.write();
    return agent_.completed(id);
  }
  Json create(const std::string& payload = "{}") { return finish("create_backup", payload); }
};

class BackupsOfAWorld : public Backups {
 protected:
  BackupsOfAWorld() {
    std::filesystem::create_directories(path("world/region"));
    writeFileAt(path("world/region/r.0.0"), std::string(300'000, 'r'));
    writeFileAt(path("world/session.lock"), "lock");
    writeFileAt(path("server.properties"), "motd=before");
    ::chmod(path("server.properties").c_str(), 0640);
    std::filesystem::create_symlink("world/region", path("link"));
    std::filesystem::create_symlink(agent_.outside(), path("world/out"));
  }
};

}  // namespace agent
