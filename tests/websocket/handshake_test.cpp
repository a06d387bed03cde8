// What a server may answer to the opening handshake, against the two programs made of the link.

#include <gtest/gtest.h>

#include "support/ws_peer.h"
#include "websocket/subject.h"

namespace websocket_test {
namespace {

using test_support::kText;
using test_support::wsClose;
using test_support::WsConnection;
using test_support::wsFrame;
using test_support::WsPeer;

/// An answer, made of the right one by replacing `what` with `with`.
struct Given {
  const char* name;
  std::string what;
  std::string with;
  const char* told;  ///< part of what the client says; nullptr: it accepts
};

const std::string kSwitching = "HTTP/1.1 101 Switching Protocols\r\n";
const std::string kUpgrade = "Upgrade: websocket\r\n";
const std::string kConnection = "Connection: Upgrade\r\n";
const std::string kAccept = "Sec-WebSocket-Accept: ";

struct Attempt {
  Given given;
  bool program = false;
};
std::string nameOf(const Attempt& run) {
  return std::string(run.given.name) + (run.program ? "_Echo" : "_Link");
}
void PrintTo(const Attempt& run, std::ostream* out) { *out << nameOf(run); }

std::vector<Attempt> attempts() {
  const std::string status = kSwitching;
  const auto answered = [&](const char* line) { return std::string(line) + "\r\n"; };
  const std::vector<Given> given = {
      {"Right", "", "", nullptr},
      {"LowerCaseNames", kUpgrade + kConnection, "upgrade: websocket\r\nconnection: upgrade\r\n",
       nullptr},
      {"OtherCaseOfValues", kUpgrade, "Upgrade: WebSocket\r\n", nullptr},
      {"ConnectionIsAList", kConnection, "Connection: keep-alive, Upgrade\r\n", nullptr},
      {"NoSpaces", kUpgrade, "Upgrade:websocket\r\n", nullptr},
      {"MoreHeaders", kUpgrade, kUpgrade + "Server: x\r\nDate: today\r\nX-Y: z\r\n", nullptr},
      {"OtherReason", status, "HTTP/1.1 101 Welcome\r\n", nullptr},
      {"HeadOfFifteenKibibytes", kUpgrade,
       kUpgrade + "A: " + std::string(7500, 'a') + "\r\nB: " + std::string(7500, 'b') + "\r\n",
       nullptr},
      {"WrongAccept", kAccept, kAccept + "x", "Sec-WebSocket-Accept"},
      {"NoAccept", kAccept, "X-Not-Accept: ", "Sec-WebSocket-Accept"},
      {"TwoAccepts", kUpgrade, kUpgrade + kAccept + "bm90IHRoZSByaWdodCBvbmU=\r\n",
       "Sec-WebSocket-Accept"},
      {"NoUpgrade", kUpgrade, "", "no Upgrade: websocket"},
      {"UpgradeToSomethingElse", kUpgrade, "Upgrade: h2c\r\n", "no Upgrade: websocket"},
      {"NoConnection", kConnection, "", "no Connection: Upgrade"},
      {"ConnectionClose", kConnection, "Connection: close\r\n", "no Connection: Upgrade"},
      {"Extension", kUpgrade, kUpgrade + "Sec-WebSocket-Extensions: permessage-deflate\r\n",
       "an extension that was not offered: permessage-deflate"},
      {"Subprotocol", kUpgrade, kUpgrade + "Sec-WebSocket-Protocol: chat\r\n",
       "a subprotocol that was not offered: chat"},
      {"Http10", status, answered("HTTP/1.0 101 Switching Protocols"), "not HTTP/1.1"},
      {"Status200", status, answered("HTTP/1.1 200 OK"), "no WebSocket is offered"},
      {"Status100", status, answered("HTTP/1.1 100 Continue"), "answered 100"},
      {"Status301", status, answered("HTTP/1.1 301 Moved Permanently") + "Location: /x\r\n",
       "redirects are not followed"},
      {"Status307", status,
       answered("HTTP/1.1 307 Temporary Redirect") + "Location: ws://localhost:1/\r\n",
       "redirects are not followed"},
      {"Status401", status, answered("HTTP/1.1 401 Unauthorized"), "check NODE_ID and the secret"},
      {"Status404", status, answered("HTTP/1.1 404 Not Found"), "answered 404"},
      {"Status426", status, answered("HTTP/1.1 426 Upgrade Required"), "answered 426"},
      {"Status500", status, answered("HTTP/1.1 500 Internal Server Error"), "answered 500"},
      {"NoHttp", status, answered("SSH-2.0-OpenSSH_9.2"), "the panel's"},
      {"Nonsense", status, std::string("\0\xFF\x01\x02", 4), "the panel's"},
      {"HeadOfMoreThanSixteenKibibytes", kUpgrade,
       kUpgrade + "A: " + std::string(8000, 'a') + "\r\nB: " + std::string(8000, 'b') +
           "\r\nC: " + std::string(1000, 'c') + "\r\n",
       "longer than 16 KiB"},
  };
  std::vector<Attempt> made;
  for (const Given& one : given)
    for (const bool program : {true, false}) made.push_back({one, program});
  return made;
}

class Handshake : public testing::TestWithParam<Attempt> {
 protected:
  WsPeer peer_;
};

TEST_P(Handshake, IsAcceptedOrRefusedInWords) {
  const Given& given = GetParam().given;
  const auto subject = GetParam().program ? echoProgram() : panelLink();
  subject->connect(peer_.url());
  auto connection = peer_.next();
  ASSERT_TRUE(connection);
  auto request = connection->readRequest();
  EXPECT_EQ(request["sec-websocket-version"], "13");
  EXPECT_EQ(request["sec-websocket-key"].size(), 24u);
  EXPECT_FALSE(request.contains("sec-websocket-extensions"));
  EXPECT_FALSE(request.contains("sec-websocket-protocol"));
  std::string answer = WsConnection::acceptance(request);
  answer.replace(answer.find(given.what), given.what.size(), given.with);
  // The first frame comes with the answer, to see whether it is read.
  connection->write(answer + "\r\n" + wsFrame(kText, "early"));
  if (given.told == nullptr) {
    const auto frame = connection->read();
    ASSERT_TRUE(frame) << subject->ending();
    EXPECT_EQ(frame->payload, "early");
    connection->write(wsClose(1000));
    ASSERT_TRUE(connection->read());
  } else {
    EXPECT_FALSE(connection->read()) << "it sent a frame";
    EXPECT_NE(subject->ending().find(given.told), std::string::npos) << subject->ending();
  }
}

INSTANTIATE_TEST_SUITE_P(Answers, Handshake, testing::ValuesIn(attempts()),
                         [](const auto& given) { return nameOf(given.param); });

TEST(OpeningHandshake, ReadsAnAnswerThatComesByteByByte) {
  WsPeer peer;
  const auto subject = echoProgram();
  subject->connect(peer.url());
  auto connection = peer.next();
  ASSERT_TRUE(connection);
  auto request = connection->readRequest();
  const std::string answer =
      WsConnection::acceptance(request) + "\r\n" + wsFrame(kText, "x") + wsClose(1000);
  for (const char byte : answer) connection->write(std::string_view(&byte, 1));
  EXPECT_EQ(connection->read()->payload, "x");
  EXPECT_EQ(connection->read()->closeCode(), 1000);
}

TEST(OpeningHandshake, EndsWhenTheServerDoesInTheMiddleOfItsAnswer) {
  for (const std::size_t size : {0, 1, 20, 60, 120}) {
    WsPeer peer;
    const auto subject = echoProgram();
    subject->connect(peer.url());
    {
      auto connection = peer.next();
      ASSERT_TRUE(connection);
      auto request = connection->readRequest();
      connection->write(WsConnection::acceptance(request).substr(0, size));
    }
    const std::string ending = subject->ending();
    EXPECT_NE(ending.find("before it answered"), std::string::npos) << ending;
    EXPECT_TRUE(ending.ends_with("exit 1")) << ending;
  }
}

TEST(OpeningHandshake, UsesAKeyOfItsOwnEachTime) {
  std::string last;
  for (int time = 0; time < 3; ++time) {
    WsPeer peer;
    const auto subject = echoProgram();
    subject->connect(peer.url());
    auto request = peer.next()->readRequest();
    EXPECT_NE(request["sec-websocket-key"], last);
    last = request["sec-websocket-key"];
  }
}

TEST(Masks, CannotBeForeseen) {
  // The same masks in two processes would be a generator with a fixed beginning.
  std::string frames[2];
  for (std::string& frame : frames) {
    WsPeer peer;
    const auto subject = echoProgram();
    subject->connect(peer.url());
    auto connection = peer.next();
    ASSERT_TRUE(connection);
    connection->accept(wsFrame(kText, std::string(16, '\0')));
    frame = connection->readRaw(2 + 4 + 16);
  }
  ASSERT_EQ(frames[0].size(), 22u);
  EXPECT_NE(frames[0], frames[1]);
  EXPECT_EQ(frames[0].substr(2, 4), frames[0].substr(6, 4));
}

}  // namespace
}  // namespace websocket_test
