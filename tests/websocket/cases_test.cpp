// What a server on raw sockets sends, against the two programs that are made of the link: RFC 6455
// case by case, each at once and byte by byte.

#include "websocket/cases.h"

#include <gtest/gtest.h>

#include "support/ws_peer.h"
#include "websocket/subject.h"

namespace websocket_test {
namespace {

using test_support::wsClose;
using test_support::WsConnection;
using test_support::WsPeer;

struct Run {
  Case what;
  bool program = false;  ///< ws_echo; otherwise the link
  bool byte_by_byte = false;
};

std::string nameOf(const Run& run) {
  return run.what.name + (run.program ? "_Echo" : "_Link") + (run.byte_by_byte ? "_Bytes" : "");
}
void PrintTo(const Run& run, std::ostream* out) { *out << nameOf(run); }

std::vector<Run> runsOf(const std::vector<Case>& cases) {
  // A write for each byte of more would only take time.
  constexpr std::size_t kMostBytes = 3000;
  std::vector<Run> runs;
  for (const Case& one : cases)
    for (const bool program : {true, false}) {
      if (one.for_program_only && !program) continue;
      runs.push_back({one, program, false});
      if (one.bytes.size() <= kMostBytes) runs.push_back({one, program, true});
    }
  return runs;
}

class WebSocketCase : public testing::TestWithParam<Run> {
 protected:
  void send(WsConnection& connection) {
    const std::string& bytes = GetParam().what.bytes;
    if (!GetParam().byte_by_byte) return connection.write(bytes);
    for (std::size_t at = 0; at < bytes.size(); ++at) connection.write(bytes.substr(at, 1));
  }

  static void expectAnswer(WsConnection& connection, const Answer& answer) {
    const auto frame = connection.read();
    ASSERT_TRUE(frame) << "nothing came";
    EXPECT_TRUE(frame->masked);
    ASSERT_EQ(frame->first_byte, answer.first_byte) << frame->payload.substr(0, 100);
    if (frame->opcode() == 8)
      EXPECT_EQ(frame->closeCode(), answer.code);
    else
      EXPECT_TRUE(frame->payload == answer.payload) << frame->payload.substr(0, 100);
  }

  WsPeer peer_;
};

TEST_P(WebSocketCase, IsAnsweredAsItMust) {
  const Case& what = GetParam().what;
  const auto subject = GetParam().program ? echoProgram() : panelLink();
  const bool lenient = !subject->isStrict() && !what.lenient.empty();
  const bool goes_on = subject->isStrict() ? what.goes_on : what.lenient_goes_on;
  subject->connect(peer_.url());
  auto connection = peer_.next();
  ASSERT_TRUE(connection);
  connection->accept();
  send(*connection);
  for (const Answer& answer : lenient ? what.lenient : what.answers)
    ASSERT_NO_FATAL_FAILURE(expectAnswer(*connection, answer));
  if (goes_on) {
    connection->write(wsClose(1000));
    ASSERT_NO_FATAL_FAILURE(expectAnswer(*connection, {.first_byte = 0x88, .code = 1000}));
  }
  // Nothing follows a close frame; the server ends the connection, and the client notices.
  connection->endSending();
  EXPECT_FALSE(connection->read());
  const std::string ending = subject->ending();
  EXPECT_NE(ending, "(still there)");
  EXPECT_TRUE(!GetParam().program || ending.ends_with("exit 0")) << ending;
}

const auto kName = [](const auto& given) { return nameOf(given.param); };

INSTANTIATE_TEST_SUITE_P(Framing, WebSocketCase, testing::ValuesIn(runsOf(framingCases())), kName);
INSTANTIATE_TEST_SUITE_P(Ping, WebSocketCase, testing::ValuesIn(runsOf(pingCases())), kName);
INSTANTIATE_TEST_SUITE_P(Reserved, WebSocketCase, testing::ValuesIn(runsOf(reservedCases())),
                         kName);
INSTANTIATE_TEST_SUITE_P(Fragments, WebSocketCase, testing::ValuesIn(runsOf(fragmentCases())),
                         kName);
INSTANTIATE_TEST_SUITE_P(Utf8, WebSocketCase, testing::ValuesIn(runsOf(utf8Cases())), kName);
INSTANTIATE_TEST_SUITE_P(Close, WebSocketCase, testing::ValuesIn(runsOf(closeCases())), kName);
INSTANTIATE_TEST_SUITE_P(Limits, WebSocketCase, testing::ValuesIn(runsOf(limitCases())), kName);

}  // namespace
}  // namespace websocket_test
