// A Podman service to break, and what can happen to Podman's containers alone.

#include <Poco/JSON/Array.h>
#include <Poco/JSON/Object.h>
#include <Poco/JSON/Parser.h>

#include "engines/private_engine.h"
#include "faults/engine_faults.h"

namespace control::test {

const char* const kDaemon = "podman";

const EngineUnderTest& engineUnderTest() {
  static const PrivateEngine own({"podman", "CONTROL_TEST_PODMAN_OWN", "podman.sh", ""});
  static const EngineUnderTest podman{.name = "podman", .uri = own.uri(), .socket = own.socket()};
  return podman;
}

void EngineFaults::liveRestore(bool on) {
  ASSERT_TRUE(on) << "its containers have monitors of their own and live on";
}

namespace {

namespace fs = std::filesystem;

/// Podman's storage keeps a list of containers of its own. 4.3 drops some of it on a busy host.
fs::path storageList(const std::string& engine_directory) {
  for (const auto& entry : fs::directory_iterator(fs::path(engine_directory) / "data"))
    if (fs::exists(entry.path() / "containers.json")) return entry.path() / "containers.json";
  throw std::runtime_error("no containers.json below " + engine_directory);
}

void loseStorage(const fs::path& list, const std::string& id) {
  std::ifstream file(list);
  const auto all = Poco::JSON::Parser().parse(file).extract<Poco::JSON::Array::Ptr>();
  Poco::JSON::Array kept;
  for (const auto& one : *all)
    if (one.extract<Poco::JSON::Object::Ptr>()->getValue<std::string>("id") != id) kept.add(one);
  ASSERT_EQ(kept.size() + 1, all->size());
  std::ofstream out(list);
  kept.stringify(out);
}

TEST_F(EngineFaults, ServerWhoseStorageTheEngineLostIsWatchedAndStoppedAndRemoved) {
  const ContainerInfo running = *runtime_->inspect(*supervisor_->status("b")->container, soon());
  daemon_.signal(SIGTERM);
  daemon_.awaitEnd();
  const fs::path list = storageList(directory_);
  for (const auto* name : {"b", "off"})
    loseStorage(list, supervisor_->status(name)->container->value);
  daemon_.start();
  expectAgreementInTwoSeconds();
  EXPECT_EQ(runtime_->inspect(running.id, soon())->pid, running.pid);
  EXPECT_EQ(rawRequest(engineUnderTest().socket, "GET",
                       "/v4.0.0/libpod/containers/" + running.id.value + "/json")
                .status,
            500)
      << "it is not lost";
  EXPECT_EQ(supervisor_->status("b")->restarts, 0);

  ASSERT_TRUE(supervisor_->start("off", "start"));
  const auto started = observer_.waitForEnd("start");
  ASSERT_TRUE(started && started->error);
  EXPECT_EQ(started->error->code, ErrorCode::kStartFailed);
  EXPECT_NE(started->error->message.find("create it anew"), std::string::npos)
      << started->error->message;

  ASSERT_TRUE(supervisor_->kill("b", "kill-b"));
  EXPECT_FALSE(observer_.waitForEnd("kill-b")->error);
  EXPECT_TRUE(eventually([this] { return agrees(); }));
  for (const std::string name : {"b", "off"}) {
    ASSERT_TRUE(supervisor_->remove(name, "remove-" + name));
    EXPECT_FALSE(observer_.waitForEnd("remove-" + name)->error);
  }
  EXPECT_EQ(runtime_->list({.labels = {{"faults", std::to_string(count_)}}}, soon())->size(), 1U);
}

}  // namespace
}  // namespace control::test
