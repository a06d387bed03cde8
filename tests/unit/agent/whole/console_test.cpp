#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <libcontrol/testing/mock_control.h>

#include <chrono>
#include <random>
#include <thread>

#include "unit/agent/whole/agent_on_mock.h"

namespace agent {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

/// An agent with one server, "a", that prints what it reads.
class ConsoleAgentTest : public AgentOnMock {
 protected:
  void run(const std::string& more = "") {
    const std::string id =
        send("create_server", R"({"image":"game:1","startup":"cat",)"
                              R"("start":true,"tty":false,"stop":{"timeout":0})" +
                                  more + "}");
    ASSERT_EQ(at(panel_.response(id), "success"), "true");
    ASSERT_EQ(at(panel_.completed(id), "data.success"), "true");
  }
  std::string send(const std::string& action, const std::string& payload = "{}") {
    return AgentOnMock::send(action, R"("serverId":"a","payload":)" + payload);
  }
  Json ask(const std::string& action, const std::string& payload = "{}") {
    return panel_.response(send(action, payload));
  }
  void print(const std::string& text) {
    const auto info = runtime_->inspect({"ctrl-alt-play-a"}, {});
    ASSERT_TRUE(info);
    ASSERT_TRUE(runtime_->extension<control::testing::MockControl>()->print(info->id, text));
  }
  /// The first event of that name whose data has `member` like `value`.
  Json event(const std::string& name, const std::string& member, const std::string& value) {
    return panel_.waitFor([&](const Json& message) {
      return at(message, "event") == name && at(message, "data." + member) == value;
    });
  }
  /// The messages of lines that get_server_logs gives, once `text` is one of them.
  std::vector<std::string> logs(const std::string& payload = "{}") {
    const Json answer = ask("get_server_logs", payload);
    std::vector<std::string> messages;
    const Json* data = answer.find("data");
    const Json* lines = data == nullptr ? nullptr : data->find("lines");
    if (lines == nullptr) return {answer.write()};
    for (const Json& line : *lines->elements()) messages.push_back(at(line, "message"));
    return messages;
  }
};

class RunningConsole : public ConsoleAgentTest {
 protected:
  RunningConsole() {
    open();
    run();
  }
  void printLines(int first, int last) {
    std::string text;
    for (int i = first; i <= last; ++i) text += "line " + std::to_string(i) + "\n";
    print(text);
    ASSERT_FALSE(event("server_log", "seq", std::to_string(last)).isNull());
  }
};

TEST_F(RunningConsole, SendsWhatIsWritten) {
  print("hello\nworld\n");
  const Json first = event("server_log", "seq", "1");
  EXPECT_EQ(at(first, "data.message"), "hello");
  EXPECT_EQ(at(first, "data.serverId"), "a");
  EXPECT_EQ(at(first, "data.logLevel"), "INFO");
  EXPECT_EQ(at(event("server_log", "seq", "2"), "data.message"), "world");
  const Json legacy =
      panel_.waitFor([](const Json& message) { return at(message, "type") == "server_output"; });
  EXPECT_THAT(at(legacy, "data.output"), HasSubstr("hello"));
  EXPECT_EQ(at(legacy, "data.serverId"), "a");
}

TEST_F(ConsoleAgentTest, SaysWhatIsAnError) {
  open();
  run(R"(,"labels":{"mock.stderr":"bad\\n"})");
  const Json error = event("server_log", "message", "bad");
  EXPECT_EQ(at(error, "data.stream"), "stderr");
  EXPECT_EQ(at(error, "data.logLevel"), "ERROR");
}

TEST_F(RunningConsole, CommandsReachStdinAndComeBack) {
  const Json answer = ask("send_command", R"({"command":"say hi"})");
  EXPECT_EQ(at(answer, "success"), "true");
  EXPECT_EQ(at(answer, "data.sent"), "true");
  EXPECT_EQ(at(event("server_log", "message", "say hi"), "data.serverId"), "a");
  EXPECT_EQ(at(ask("send_command", R"({"command":"a\tb"})"), "success"), "true");
  EXPECT_FALSE(event("server_log", "message", "a\tb").isNull());
  // Its own end of a line is taken for what it is.
  EXPECT_EQ(at(ask("send_server_command", R"({"command":"bye\r\n"})"), "success"), "true");
  EXPECT_FALSE(event("server_log", "message", "bye").isNull());
}

TEST_F(RunningConsole, CommandsArriveInTheirOrder) {
  for (int i = 1; i <= 60; ++i)
    send("send_command", R"({"command":")" + std::to_string(i) + R"("})");
  ASSERT_FALSE(event("server_log", "seq", "60").isNull());
  const std::vector<std::string> lines = logs();
  ASSERT_EQ(lines.size(), 60U);
  for (std::size_t i = 0; i < 60; ++i) EXPECT_EQ(lines[i], std::to_string(i + 1));
}

TEST_F(RunningConsole, RefusesWhatIsNoLine) {
  for (const char* payload :
       {R"({"command":"a\nstop"})", R"({"command":"a\rstop\n"})", R"({"command":"\u0003"})",
        R"({"command":"a\u0085stop"})", R"({"command":7})", R"({})"}) {
    const Json answer = ask("send_command", payload);
    EXPECT_EQ(at(answer, "error.code"), "INVALID_PAYLOAD") << payload;
    EXPECT_THAT(at(answer, "error.message"), HasSubstr("payload.command")) << payload;
  }
  const Json answer = ask("send_command", R"({"command":")" + std::string(5000, 'x') + R"("})");
  EXPECT_THAT(at(answer, "error.message"), HasSubstr("longer than 4095 bytes"));
}

TEST_F(RunningConsole, CommandsAreForWhatRuns) {
  const std::string stop = send("kill_server");
  ASSERT_EQ(at(panel_.completed(stop), "data.success"), "true");
  EXPECT_EQ(at(ask("send_command", R"({"command":"x"})"), "error.code"), "INVALID_STATE");
  agent_->onMessage(R"({"id":"other","type":"command","serverId":"b","action":"send_command",)"
                    R"("payload":{"command":"x"}})");
  EXPECT_EQ(at(panel_.response("other"), "error.code"), "SERVER_NOT_FOUND");
  // What it wrote is still there.
  EXPECT_EQ(at(ask("get_server_logs"), "success"), "true");
}

TEST_F(RunningConsole, ARepeatedCommandIsNotSentTwice) {
  const std::string command = R"({"id":"once","type":"command","serverId":"a",)"
                              R"("action":"send_command","payload":{"command":"once"}})";
  agent_->onMessage(command);
  ASSERT_EQ(at(panel_.response("once"), "success"), "true");
  const std::size_t before = panel_.count();
  agent_->onMessage(command);
  ASSERT_EQ(at(panel_.response("once", before), "success"), "true");
  ASSERT_EQ(at(ask("send_command", R"({"command":"after"})"), "success"), "true");
  ASSERT_FALSE(event("server_log", "message", "after").isNull());
  EXPECT_THAT(logs(), ElementsAre("once", "after"));
}

TEST_F(RunningConsole, LegacyCommandsReachStdin) {
  agent_->onMessage(
      R"({"type":"server_command","data":{"serverId":"a","command":"old"},"messageId":"m1"})");
  const Json answer =
      panel_.waitFor([](const Json& message) { return at(message, "messageId") == "m1"; });
  EXPECT_EQ(at(answer, "type"), "server_status");
  EXPECT_EQ(at(answer, "data.status"), "running");
  EXPECT_FALSE(event("server_log", "message", "old").isNull());
  agent_->onMessage(
      R"({"type":"server_command","data":{"serverId":"a","command":"x\ny"},"messageId":"m2"})");
  const Json refused =
      panel_.waitFor([](const Json& message) { return at(message, "messageId") == "m2"; });
  EXPECT_EQ(at(refused, "type"), "error");
}

TEST_F(RunningConsole, GivesTheLatestLinesOrThoseSince) {
  printLines(1, 9);
  EXPECT_THAT(logs(R"({"lines":2})"), ElementsAre("line 8", "line 9"));
  EXPECT_THAT(logs(R"({"lines":2,"since":3})"), ElementsAre("line 4", "line 5"));
  EXPECT_THAT(logs(R"({"since":9})"), ElementsAre());
  const Json answer = ask("get_server_logs", R"({"lines":2,"since":3})");
  EXPECT_EQ(at(answer, "data.firstSeq"), "1");
  EXPECT_EQ(at(answer, "data.lastSeq"), "9");
  EXPECT_EQ(at(answer, "data.hasMore"), "true");
  EXPECT_EQ(at(answer, "data.nextSince"), "5");
}

TEST_F(RunningConsole, SearchesLines) {
  print("[INFO] Player Ann joined\nx\n[WARN] lag\ny\nz\n[INFO] player Bob left\n");
  ASSERT_FALSE(event("server_log", "seq", "6").isNull());
  EXPECT_THAT(logs(R"({"search":"player"})"),
              ElementsAre("[INFO] Player Ann joined", "[INFO] player Bob left"));
  EXPECT_THAT(logs(R"({"search":"player","case":true})"), ElementsAre("[INFO] player Bob left"));
  EXPECT_THAT(logs(R"({"search":"[WARN]"})"), ElementsAre("[WARN] lag"));
  EXPECT_THAT(logs(R"({"search":"player \\w+ (joined|left)$","regex":true})"),
              ElementsAre("[INFO] Player Ann joined", "[INFO] player Bob left"));
  EXPECT_THAT(logs(R"({"search":"lag","before":1,"after":2})"),
              ElementsAre("x", "[WARN] lag", "y", "z"));
  EXPECT_THAT(logs(R"({"search":"player","before":1,"after":1})"),
              ElementsAre("[INFO] Player Ann joined", "x", "z", "[INFO] player Bob left"));
  EXPECT_THAT(logs(R"({"search":"player","lines":1})"), ElementsAre("[INFO] player Bob left"));
  // So many that match; what stands around them comes on top.
  EXPECT_THAT(logs(R"({"search":"player","lines":1,"before":1})"),
              ElementsAre("z", "[INFO] player Bob left"));
  const Json first = ask("get_server_logs", R"({"search":"player","lines":1,"after":5,"since":0})");
  EXPECT_EQ(at(first, "data.hasMore"), "true");
  EXPECT_EQ(at(first, "data.nextSince"), "1");
  EXPECT_THAT(logs(R"({"search":"player","lines":1,"since":1})"),
              ElementsAre("[INFO] player Bob left"));
  EXPECT_THAT(logs(R"({"search":"nothing like it"})"), ElementsAre());
  const Json answer = ask("get_server_logs", R"({"search":"(","regex":true})");
  EXPECT_EQ(at(answer, "error.code"), "INVALID_PAYLOAD");
  EXPECT_THAT(at(answer, "error.message"), HasSubstr("payload.search is no regular expression"));
}

TEST_F(RunningConsole, SearchTakesNoLongerForAnEvilExpression) {
  print(std::string(15'000, 'a') + "b\n");
  ASSERT_FALSE(event("server_log", "seq", "1").isNull());
  EXPECT_THAT(logs(R"({"search":"^(a+)+$","regex":true})"), ElementsAre());
}

TEST_F(ConsoleAgentTest, ACostlySearchIsGivenUpAndHoldsUpNobody) {
  config_.console_bytes = std::size_t{16} * 1024 * 1024;
  open();
  run();
  std::string minutes;
  std::minstd_rand random(1);  // NOLINT(cert-msc51-cpp): the same each time
  for (int i = 1; i <= 700 * 15'000; ++i)
    minutes += i % 15'000 == 0 ? '\n' : random() % 2 == 0 ? 'a' : 'b';
  print(minutes + "the end\n");
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (logs(R"({"lines":1})") != std::vector<std::string>{"the end"})
    ASSERT_LT(std::chrono::steady_clock::now(), until);
  const std::string costly = R"({"search":"(a|b)*a(a|b){900}c","regex":true})";
  const std::string first = send("get_server_logs", costly);
  for (int i = 0; i < 20; ++i) send("get_server_logs", costly);
  // More than there are workers, each of which would search for minutes.
  EXPECT_EQ(at(AgentOnMock::ask("get_status", R"("serverId":"a")"), "success"), "true");
  EXPECT_THAT(logs(R"({"search":"THE END"})"), ElementsAre("the end"));
  EXPECT_EQ(at(ask("list_files"), "success"), "true");
  const Json answer = panel_.response(first);
  EXPECT_EQ(at(answer, "error.code"), "TIMEOUT") << answer.write();
  EXPECT_THAT(at(answer, "error.message"),
              AllOf(HasSubstr("longer than 5 s"), HasSubstr("payload.since")));
}

TEST_F(RunningConsole, RefusesOtherQuestions) {
  for (const char* payload :
       {R"({"lines":0})", R"({"lines":5001})", R"({"since":-1})", R"({"since":"x"})",
        R"({"before":101})", R"({"search":7})", R"({"regex":"yes"})"})
    EXPECT_EQ(at(ask("get_server_logs", payload), "error.code"), "INVALID_PAYLOAD") << payload;
}

TEST_F(RunningConsole, AnswersWithNoMoreThanAMessageHolds) {
  std::string text;
  for (int i = 0; i < 40; ++i) text += std::string(16'000, '\x01') + "\n";
  print(text);
  const auto shown = [&] { return at(ask("get_server_logs", R"({"lines":1})"), "data.lastSeq"); };
  while (shown() != "40") std::this_thread::yield();
  const Json answer = ask("get_server_logs", R"({"lines":5000})");
  EXPECT_LT(answer.write().size(), 1024U * 1024);
  EXPECT_EQ(at(answer, "data.hasMore"), "true");
}

TEST_F(RunningConsole, AFloodIsToldWithGapsAndCounted) {
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += "a line of the flood, as long as they are\n";
  print(text);
  const Json gap =
      panel_.waitFor([](const Json& message) { return at(message, "event") == "server_log_gap"; });
  ASSERT_FALSE(gap.isNull());
  EXPECT_EQ(at(gap, "data.serverId"), "a");
  print("the end\n");
  ASSERT_FALSE(event("server_log", "message", "the end").isNull());
  // Each number comes once, or is within a gap.
  std::uint64_t next = 1;
  std::uint64_t dropped = 0;
  for (const Json& message : panel_.all()) {
    const std::string name = at(message, "event");
    if (name != "server_log" && name != "server_log_gap") continue;
    const std::uint64_t seq = std::stoull(at(message, "data.seq"));
    if (name == "server_log_gap") {
      const std::uint64_t lines = std::stoull(at(message, "data.dropped"));
      EXPECT_EQ(seq, next + lines - 1);
      dropped += lines;
    } else {
      EXPECT_EQ(seq, next);
    }
    next = seq + 1;
  }
  EXPECT_EQ(next, 20'002U);
  EXPECT_EQ(agent_->status().console_lines_dropped, dropped);
}

/// Control characters take six times their room in a message.
TEST_F(RunningConsole, AFloodTakesNoMoreThanAMebibyteASecond) {
  const auto began = std::chrono::steady_clock::now();
  const auto passed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  std::string text;
  for (int i = 0; i < 250; ++i) text += std::string(1000, '\x01') + "\n";
  while (passed() < 1.5) {
    print(text);
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const Json gap =
      panel_.waitFor([](const Json& message) { return at(message, "event") == "server_log_gap"; });
  EXPECT_FALSE(gap.isNull());
  double sent = 0;
  for (const Json& message : panel_.all())
    if (at(message, "event") == "server_log" || at(message, "type") == "server_output")
      sent += static_cast<double>(message.write().size());
  // Beside it what may be sent at once after a pause, and what one turn takes on credit.
  constexpr double kMebibyte = 1024 * 1024;
  EXPECT_LT(sent, (passed() + 1.75) * kMebibyte);
}

TEST_F(ConsoleAgentTest, LegacyOutputCanBeTurnedOff) {
  config_.panel_legacy_events = false;
  open();
  run();
  print("hello\n");
  ASSERT_FALSE(event("server_log", "seq", "1").isNull());
  for (const Json& message : panel_.all()) EXPECT_NE(at(message, "type"), "server_output");
}

TEST_F(ConsoleAgentTest, GoesOnAfterARestartWithoutSayingItAllAgain) {
  open();
  run();
  print("one\ntwo\n");
  ASSERT_FALSE(event("server_log", "seq", "2").isNull());
  agent_->close();
  print("three\n");
  const std::size_t before = panel_.count();
  open();
  const Json third = panel_.waitFor(
      [](const Json& message) { return at(message, "event") == "server_log"; }, before);
  EXPECT_EQ(at(third, "data.message"), "three");
  EXPECT_EQ(at(third, "data.seq"), "3");
  EXPECT_THAT(logs(), ElementsAre("one", "two", "three"));
}

TEST_F(ConsoleAgentTest, AServerOfTheSameNameBeginsAnew) {
  open();
  run();
  print("one\ntwo\nthree\n");
  ASSERT_FALSE(event("server_log", "seq", "3").isNull());
  ASSERT_EQ(at(panel_.completed(send("delete_server")), "data.success"), "true");
  const std::size_t before = panel_.count();
  run();
  print("new\n");
  const Json first = panel_.waitFor(
      [](const Json& message) { return at(message, "event") == "server_log"; }, before);
  EXPECT_EQ(at(first, "data.message"), "new");
  EXPECT_EQ(at(first, "data.seq"), "1");
}

}  // namespace
}  // namespace agent
