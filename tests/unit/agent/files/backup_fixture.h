#pragma once

#include <string>

#include <gtest/gtest.h>

#include "unit/agent/files/file_agent_fixture.h"

namespace agent {

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

}  // namespace agent
