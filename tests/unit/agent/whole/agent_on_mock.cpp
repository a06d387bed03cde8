#include "unit/agent/whole/agent_on_mock.h"

#include <atomic>
#include <stdexcept>

#include <libcontrol/loader.h>
#include <unistd.h>

#include "mock/mock_plugin.h"

namespace agent {

std::shared_ptr<control::ContainerRuntime> mockRuntime() {
  static std::atomic<int> last{0};
  static const control::PluginDescriptor* const kLinked[] = {&control::mock::descriptor()};
  control::LoadOptions options;
  options.linked_plugins = kLinked;
  auto runtime = control::loadRuntime(
      "mock:///agent-" + std::to_string(::getpid()) + '-' + std::to_string(++last), options);
  if (!runtime) throw std::runtime_error(runtime.error().message);
  return *runtime;
}

AgentOnMock::AgentOnMock(std::shared_ptr<control::ContainerRuntime> runtime)
    : runtime_(std::move(runtime)) {
  config_.node_id = "node-1";
  config_.data_dir = directory_.path("data");
  config_.state_dir = directory_.path("state");
  config_.container_data_path = "/home/container";
  config_.panel_legacy_events = true;
}

AgentOnMock::~AgentOnMock() {
  if (agent_) agent_->close();
}

void AgentOnMock::open() {
  agent_.reset();
  agent_ = std::make_unique<Agent>(
      config_, runtime_, [this](const Outbound& message) { panel_.receive(message.text); },
      [] { return std::size_t{0}; });
  agent_->open();
}

std::string AgentOnMock::send(const std::string& action, const std::string& members) {
  const std::string id = "cmd_" + std::to_string(++last_id_);
  agent_->onMessage(R"({"id":")" + id + R"(","type":"command","action":")" + action + '"' +
                    (members.empty() ? "" : "," + members) + "}");
  return id;
}

Json AgentOnMock::ask(const std::string& action, const std::string& members) {
  return panel_.response(send(action, members));
}

Json AgentOnMock::finish(const std::string& action, const std::string& members) {
  const std::string id = send(action, members);
  EXPECT_EQ(at(panel_.response(id), "success"), "true") << panel_.response(id).write();
  return panel_.completed(id);
}

}  // namespace agent
