#pragma once

#include <string>

#include "unit/agent/whole/agent_on_mock.h"

namespace agent {

class AgentTest : public AgentOnMock {
 protected:
  /// Creates and starts a server that ends at once when it is stopped: as process 1 its program has
  /// no handler for SIGTERM.
  void run(const std::string& server, const std::string& more = R"(,"stop":{"timeout":0})") {
    const std::string payload = R"("serverId":")" + server + R"(","payload":{"image":"game:1",)" +
                                R"("startup":"sleep 1000","start":true)" + more + "}";
    ASSERT_EQ(at(finish("create_server", payload), "data.success"), "true");
  }
};

class OpenAgent : public AgentTest {
 protected:
  OpenAgent() { open(); }
};

}  // namespace agent
