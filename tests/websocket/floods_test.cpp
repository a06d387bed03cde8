// Panels that send without end: memory stays where it was, and the link works afterwards.

#include <gtest/gtest.h>

#include <thread>

#include "support/link_fixture.h"
#include "websocket/holdings.h"

namespace websocket_test {
namespace {

using agent::LinkSettings;
using agent::PanelLink;
using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::kMiddle;
using test_support::kPing;
using test_support::kPong;
using test_support::kText;
using test_support::kTextStart;
using test_support::WsConnection;
using test_support::wsFrame;
using test_support::WsPeer;

/// Less than one of the large messages.
constexpr std::size_t kMostGrowth = 3 * 512 * 1024;
/// Longer than a busy machine keeps a thread of ours from its turn.
constexpr milliseconds kFrameGap{5'000};

std::string repeated(const std::string& piece, std::size_t times) {
  std::string all;
  all.reserve(piece.size() * times);
  for (std::size_t time = 0; time < times; ++time) all += piece;
  return all;
}

class LinkFloods : public test_support::LinkFixture {
 protected:
  LinkFloods() {
    LinkSettings settings = settingsFor(peer_.port());
    settings.timing.frame_gap = kFrameGap;
    start(settings);
    // What a first message needs once.
    auto connection = accepted(peer_);
    connection.text("warm");
    connection.readText();
    connection.write(wsFrame(kText, std::string(1024 * 1024, 'x')));
    connection.readText();
    before_ = holdings().resident_bytes;
  }

  /// Looks while `flood` runs, and afterwards whether the link works.
  void expectNoGrowth(const std::function<void(WsConnection&)>& flood) {
    std::size_t most = 0;
    std::atomic<bool> done{false};
    {
      auto connection = accepted(peer_);
      std::thread watch([&] {
        while (!done) {
          most = std::max(most, holdings().resident_bytes);
          std::this_thread::sleep_for(milliseconds(10));
        }
      });
      flood(connection);
      done = true;
      watch.join();
    }
    EXPECT_LT(most, before_ + kMostGrowth);
    expectWorking(peer_);
    EXPECT_LT(holdings().resident_bytes, before_ + kMostGrowth);
  }

  static int closeCode(WsConnection& connection) {
    while (const auto frame = connection.read())
      if (frame->opcode() == 8) return frame->closeCode();
    return 0;
  }

  WsPeer peer_;
  std::size_t before_ = 0;
};

TEST_F(LinkFloods, AnswersAMillionPings) {
  expectNoGrowth([](WsConnection& connection) {
    constexpr std::size_t kPings = kSanitized ? 100'000 : 1'000'000, kTogether = 10'000;
    const std::string pings = repeated(wsFrame(kPing, ""), kTogether);
    std::thread reader([&] {
      std::size_t left = kPings * 6;  // an empty masked pong each
      while (left > 0) {
        const std::size_t size = connection.readRaw(std::min<std::size_t>(left, 60'000)).size();
        if (size == 0) break;
        left -= size;
      }
      EXPECT_EQ(left, 0u);
    });
    for (std::size_t sent = 0; sent < kPings; sent += kTogether) connection.write(pings);
    reader.join();
  });
}

TEST_F(LinkFloods, DropsAPanelThatPingsAndDoesNotRead) {
  expectNoGrowth([this](WsConnection& connection) {
    const std::string pings = repeated(wsFrame(kPing, std::string(125, 'p')), 1000);
    std::thread writer([&] {
      for (int times = 0; times < 200; ++times) connection.write(pings);
    });
    EXPECT_TRUE(
        until([this] { return !link_->status().connected || link_->status().connections > 2; }));
    connection.endBoth();
    writer.join();
  });
}

TEST_F(LinkFloods, EndsAMessageThatGoesOnForEver) {
  expectNoGrowth([](WsConnection& connection) {
    connection.write(wsFrame(kTextStart, "x"));
    const std::string piece = wsFrame(kMiddle, std::string(60'000, 'x'));
    for (int times = 0; times < 400; ++times) connection.write(piece);
    EXPECT_EQ(closeCode(connection), 1009);
  });
}

TEST_F(LinkFloods, EndsAMessageInSingleBytes) {
  expectNoGrowth([](WsConnection& connection) {
    connection.write(wsFrame(kTextStart, "x") + repeated(wsFrame(kMiddle, "x"), 100'000));
    EXPECT_EQ(closeCode(connection), 1008);
  });
}

TEST_F(LinkFloods, EndsAMessageInPiecesOfNothing) {
  expectNoGrowth([](WsConnection& connection) {
    connection.write(wsFrame(kTextStart, "") + repeated(wsFrame(kMiddle, ""), 100'000));
    EXPECT_EQ(closeCode(connection), 1008);
  });
}

TEST_F(LinkFloods, MakesNoRoomForWhatIsOnlyAnnounced) {
  expectNoGrowth([](WsConnection& connection) {
    connection.write(std::string("\x81\x7F\0\0\0\1\0\0\0\0", 10) + "and so on");
    EXPECT_EQ(closeCode(connection), 1009);
  });
}

TEST_F(LinkFloods, SkipsLargeMessagesOneAfterTheOther) {
  expectNoGrowth([](WsConnection& connection) {
    // Never whole in this process, whose memory is looked at.
    constexpr std::size_t kPieces = 32;
    const std::string head("\x81\x7F\0\0\0\0\0\x20\0\0", 10);  // 2 MiB
    const std::string piece(2 * 1024 * 1024 / kPieces, 'x');
    for (int times = 0; times < 50; ++times) {
      connection.write(head);
      for (std::size_t sent = 0; sent < kPieces; ++sent) connection.write(piece);
      ASSERT_EQ(connection.readText(), "problem 2");
    }
  });
}

TEST_F(LinkFloods, StopsReadingCommandsWhoseAnswersAreNotRead) {
  auto connection = accepted(peer_);
  const std::string messages = repeated(wsFrame(kText, std::string(1000, '?')), 100);
  std::thread writer([&] {
    for (int times = 0; times < 1000; ++times) connection.write(messages);
  });
  EXPECT_TRUE(until([this] { return !link_->status().connected; }));
  EXPECT_LT(link_->status().queued_bytes, 5u * 1024 * 1024);
  connection.endBoth();
  writer.join();
}

TEST_F(LinkFloods, IgnoresAMillionPongs) {
  expectNoGrowth([](WsConnection& connection) {
    const std::string pongs = repeated(wsFrame(kPong, "x"), 10'000);
    for (int times = 0; times < 100; ++times) connection.write(pongs);
    connection.text("still there?");
    EXPECT_EQ(connection.readText(), "got: still there?");
  });
}

}  // namespace
}  // namespace websocket_test
