// Limits of the disk against servers that write and panels that write for them.

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

using testing::HasSubstr;

constexpr std::int64_t kMebibyte = 1024 * 1024;

class AgentWithFullDisks : public AgentOnMock {
 protected:
  AgentWithFullDisks() { config_.backup_dir = directory_.path("backups"); }

  void create(const std::string& limits) {
    finish("create_server",
           R"("serverId":"a","payload":{"image":"game:1","limits":)" + limits + "}");
  }
  /// As a server would.
  void grow(std::int64_t bytes) {
    std::ofstream(root() + "/grown") << std::string(static_cast<std::size_t>(bytes), 'x');
  }
  Json on(const std::string& action, const std::string& payload) {
    return ask(action, R"("serverId":"a","payload":)" + payload);
  }
  std::string write(const std::string& name, std::int64_t bytes) {
    return outcomeOf(on("write_file", R"({"path":")" + name + R"(","content":")" +
                                          std::string(static_cast<std::size_t>(bytes), 'x') +
                                          "\"}"));
  }
  static std::string outcomeOf(const Json& response) {
    return at(response, "success") == "true" ? "ok" : at(response, "error.code");
  }
  /// The end of a backup's making or restoring.
  std::string endOf(const std::string& action) {
    const std::string id = send(action, R"("serverId":"a","payload":{"backupId":"b"})");
    const Json end = panel_.completed(id);
    return at(end, "data.success") == "true" ? "ok" : at(end, "data.error.code");
  }
  Json exceeded(std::size_t from = 0) {
    return panel_.waitFor(
        [](const Json& message) { return at(message, "event") == "disk_limit_exceeded"; }, from);
  }
  bool isThere(const std::string& name) { return std::filesystem::exists(root() + '/' + name); }
  std::string root() const { return config_.data_dir + "/a"; }
};

TEST_F(AgentWithFullDisks, TellsOfAServerThatTakesMoreThanItsLimitAndLetsItRun) {
  open();
  create(R"({"disk":"300k"})");
  grow(2 * kMebibyte);
  finish("start_server", R"("serverId":"a")");
  const Json event = exceeded();
  EXPECT_EQ(at(event, "data.serverId"), "a");
  EXPECT_GE(std::stoll(at(event, "data.usedBytes")), 2 * kMebibyte);
  EXPECT_EQ(at(event, "data.limitBytes"), std::to_string(300 * 1024));
  EXPECT_EQ(at(event, "data.action"), "event");
  EXPECT_EQ(at(on("get_status", "{}"), "data.status"), "running");
  EXPECT_GE(std::stoll(at(on("get_status", "{}"), "data.resources.disk.usedBytes")), 2 * kMebibyte);

  const std::size_t before = panel_.count();
  EXPECT_EQ(outcomeOf(on("delete_file", R"({"path":"grown"})")), "ok");
  EXPECT_EQ(write("small", 1000), "ok");
  grow(2 * kMebibyte);
  EXPECT_EQ(write("small", 400'000), "DISK_FULL");  // measured for it
  const Json first = on("upload_file", R"({"path":"large","content":"AAAA","size":400000})");
  EXPECT_EQ(outcomeOf(first), "DISK_FULL") << "before the rest of it is sent";
  EXPECT_FALSE(exceeded(before).isNull());
}

TEST_F(AgentWithFullDisks, StopsItWhereThePolicySaysSo) {
  config_.policy = *parsePolicy(R"({"disk":{"onExceeded":"stop"}})");
  open();
  create(R"({"disk":"1m"})");
  grow(2 * kMebibyte);
  finish("start_server", R"("serverId":"a")");
  EXPECT_EQ(at(exceeded(), "data.action"), "stop");
  EXPECT_FALSE(panel_.change("a", "stopped").isNull());
}

TEST_F(AgentWithFullDisks, WritesNothingThatWouldPassTheLimit) {
  open();
  create(R"({"disk":"1m"})");
  EXPECT_EQ(write("half", kMebibyte / 2), "ok");
  for (int i = 0; i < 5; ++i) EXPECT_EQ(write("half", kMebibyte / 2 - 50'000), "ok");  // replaced
  const Json refused =
      on("write_file", R"({"path":"more","content":")" + std::string(400'000, 'x') + "\"}");
  EXPECT_EQ(outcomeOf(refused), "ok");
  EXPECT_EQ(write("too-much", 300'000), "DISK_FULL");
  EXPECT_EQ(outcomeOf(on("copy_file", R"({"source":"half","destination":"copy"})")), "DISK_FULL");
  const std::string piece(300'000, 'A');
  EXPECT_EQ(outcomeOf(on("upload_file", R"({"path":"up","content":")" + piece + piece + "\"}")),
            "DISK_FULL");
  for (const char* name : {"too-much", "copy", "up", ".ctrl-alt-play"}) EXPECT_FALSE(isThere(name));
  EXPECT_EQ(outcomeOf(on("delete_file", R"({"path":"half"})")), "ok");
  EXPECT_EQ(write("now", 300'000), "ok");
}

TEST_F(AgentWithFullDisks, LimitsOfAnotherNodesServerOfThatNameAreNotOurs) {
  open();
  create(R"({"disk":"1m"})");
  for (const char* name : {"aaa-of-another", "zzz-of-another"}) {
    control::ContainerSpec theirs;
    theirs.name = name;
    theirs.image = "game:1";
    theirs.labels = {{"ctrl-alt-play.managed", "true"},
                     {"ctrl-alt-play.server-id", "a"},
                     {"ctrl-alt-play.node", "node-2"},
                     {"ctrl-alt-play.disk", "1"}};
    ASSERT_TRUE(runtime_->create(theirs, soon()));
  }
  open();
  // Its own is known again once a file that is too large for it is refused.
  for (int tries = 0; tries < 500 && write("large", 3 * kMebibyte / 4) == "ok"; ++tries)
    if (write("larger", 3 * kMebibyte / 4) == "DISK_FULL") break;
  EXPECT_EQ(write("small", 1000), "ok");
}

TEST_F(AgentWithFullDisks, UnpacksNothingThatWouldPassTheLimit) {
  open();
  create(R"({"disk":"1m"})");
  EXPECT_EQ(write("half", kMebibyte / 2), "ok");
  EXPECT_EQ(outcomeOf(on("create_archive", R"({"path":"half","destination":"x.zip"})")), "ok");
  EXPECT_EQ(write("more", 300'000), "ok");
  EXPECT_EQ(outcomeOf(on("extract_archive", R"({"path":"x.zip","destination":"out"})")),
            "FILE_TOO_LARGE");
  EXPECT_FALSE(isThere("out"));
}

TEST_F(AgentWithFullDisks, RestoresNoBackupThatIsLargerThanTheLimit) {
  open();
  create(R"({"disk":"4m"})");
  grow(2 * kMebibyte);
  EXPECT_EQ(endOf("create_backup"), "ok");
  finish("update_server", R"("serverId":"a","payload":{"limits":{"disk":"1m"}})");
  std::filesystem::remove(root() + "/grown");
  EXPECT_EQ(endOf("restore_backup"), "DISK_FULL");
  EXPECT_FALSE(isThere("grown"));
  finish("update_server", R"("serverId":"a","payload":{"limits":{"disk":"3m"}})");
  EXPECT_EQ(endOf("restore_backup"), "ok");
  EXPECT_TRUE(isThere("grown"));
}

TEST_F(AgentWithFullDisks, NeverEatsTheHostsReserve) {
  open();
  create("{}");
  EXPECT_EQ(write("small", 1000), "ok");
  EXPECT_EQ(outcomeOf(on("create_archive", R"({"path":"small","destination":"x.zip"})")), "ok");
  EXPECT_EQ(endOf("create_backup"), "ok");
  config_.policy = *parsePolicy(R"({"disk":{"reserve":"900000g"}})");
  open();
  const Json refused = on("write_file", R"({"path":"more","content":"x"})");
  EXPECT_EQ(outcomeOf(refused), "DISK_FULL");
  EXPECT_THAT(at(refused, "error.message"), HasSubstr("kept for the host"));
  EXPECT_EQ(outcomeOf(on("upload_file", R"({"path":"more","content":"AAAA"})")), "DISK_FULL");
  EXPECT_EQ(outcomeOf(on("copy_file", R"({"source":"small","destination":"more"})")), "DISK_FULL");
  EXPECT_EQ(outcomeOf(on("create_archive", R"({"path":"small","destination":"more.zip"})")),
            "DISK_FULL");
  EXPECT_EQ(outcomeOf(on("extract_archive", R"({"path":"x.zip","destination":"more"})")),
            "DISK_FULL");
  EXPECT_EQ(endOf("restore_backup"), "DISK_FULL");
  EXPECT_EQ(outcomeOf(on("delete_backup", R"({"backupId":"b"})")), "ok");
  EXPECT_EQ(endOf("create_backup"), "DISK_FULL");
  for (const char* name : {"more", "more.zip", ".ctrl-alt-play"}) EXPECT_FALSE(isThere(name));
  EXPECT_EQ(outcomeOf(on("delete_file", R"({"path":"small"})")), "ok");
}

/// It counts at once, and is in the label of the container that is made next.
TEST_F(AgentWithFullDisks, AChangeOutlivesTheAgentThatTookIt) {
  open();
  create(R"({"disk":"1m"})");
  finish("start_server", R"("serverId":"a")");
  finish("update_server", R"("serverId":"a","payload":{"limits":{"disk":"3m"}})");
  grow(900 * 1024);
  const auto becomes_writable = [this] {
    std::string outcome;
    const auto give_up = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (outcome != "ok" && std::chrono::steady_clock::now() < give_up)
      outcome = write("large", 500 * 1024);
    return outcome == "ok";
  };
  open();
  EXPECT_TRUE(becomes_writable());
  finish("restart_server", R"("serverId":"a","payload":{"timeout":0})");
  open();
  EXPECT_TRUE(becomes_writable());
}

}  // namespace
}  // namespace agent
