// Whom the link believes over TLS, and that it says nothing to anybody else: the server of each
// test reads what comes after its handshake, and the secret must not be in it.

#include <gtest/gtest.h>

#include <fstream>
#include <thread>

#include "agent/log.h"
#include "agent/panel/link.h"
#include "support/temp_dir.h"
#include "support/tls_peer.h"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::Certificate;
using test_support::CertificateWish;
using test_support::issue;
using test_support::kText;
using test_support::TlsConnection;
using test_support::TlsWish;
using test_support::WsConnection;
using test_support::wsFrame;
using test_support::WsPeer;
using Clock = std::chrono::steady_clock;

class Greeter : public LinkListener {
 public:
  std::vector<std::string> greeting() override { return {}; }
  std::string heartbeat() override { return "beat"; }
  void onMessage(std::string text) override { link->send(std::move(text), Delivery::kResult); }
  void onFrameProblem(FrameProblem) override {}
  std::string consoleGap(const std::string&, std::uint64_t, std::uint64_t) override { return {}; }
  PanelLink* link = nullptr;
};

class Tls : public testing::Test {
 protected:
  Tls() { log::setUp(LogLevel::kOff, LogFormat::kText); }
  ~Tls() override {
    if (link_) link_->stop();
  }

  static Certificate authority() { return issue({.common_name = "authority", .authority = true}); }
  Certificate issued(CertificateWish wish) const { return issue(wish, &authority_); }
  Certificate good() const { return issued({.names = "DNS:localhost,IP:127.0.0.1,IP:::1"}); }

  void trust(const Certificate& one) const { std::ofstream(ca_file_) << one.pem(); }

  void start(const std::string& host = "localhost") {
    LinkSettings settings;
    const std::string url = peer_.url();
    settings.url = "wss://" + host + url.substr(url.rfind(':'));
    settings.node_id = "node-1";
    settings.secret = "s3cret";
    settings.ca_file = ca_file_;
    settings.timing.dial = dial_;
    settings.random = [] { return 0.0; };
    link_ = std::make_unique<PanelLink>(std::move(settings), greeter_);
    greeter_.link = link_.get();
    link_->start();
  }

  TlsConnection next(const TlsWish& wish) {
    auto connection = peer_.next();
    if (!connection) throw std::runtime_error("no connection came");
    return {std::move(*connection), wish};
  }

  void expectAccepted(const TlsWish& wish) {
    TlsConnection connection = next(wish);
    ASSERT_TRUE(connection.handshake()) << problem();
    EXPECT_NE(connection.accept().find("Authorization: Bearer s3cret"), std::string::npos);
    connection.write(wsFrame(kText, "echo"));
    EXPECT_EQ(connection.readSome().size(), 2u + 4u + 4u);
  }

  void expectRefused(const TlsWish& wish, const std::string& told) {
    TlsConnection connection = next(wish);
    connection.handshake();
    EXPECT_EQ(connection.readToEnd(), "") << "something was said";
    // Until then it may still say how the connection before ended.
    const auto deadline = Clock::now() + seconds(10);
    while (problem().find(told) == std::string::npos && Clock::now() < deadline)
      std::this_thread::sleep_for(milliseconds(1));
    EXPECT_NE(problem().find(told), std::string::npos) << problem();
  }

  /// Why the link is not connected, once it is not.
  std::string problem() const {
    const auto deadline = Clock::now() + seconds(10);
    for (;;) {
      const LinkStatus status = link_->status();
      if (!status.connected && status.problem != "not connected yet") return status.problem;
      if (Clock::now() > deadline) return "(none)";
      std::this_thread::sleep_for(milliseconds(1));
    }
  }

  const test_support::TempDir directory_;
  std::string ca_file_ = directory_.path("ca.pem");
  const Certificate authority_ = authority();
  milliseconds dial_{10'000};
  WsPeer peer_;
  Greeter greeter_;
  std::unique_ptr<PanelLink> link_;
};

// ---- Whom it believes ----

TEST_F(Tls, TalksToAPanelWhoseAuthorityItWasTold) {
  trust(authority_);
  start();
  expectAccepted({.certificate = good()});
}

TEST_F(Tls, AsksForTheNameOfThePanel) {
  trust(authority_);
  start();
  TlsConnection connection = next({.certificate = good()});
  ASSERT_TRUE(connection.handshake());
  EXPECT_EQ(connection.serverName(), "localhost");
}

TEST_F(Tls, AsksForNoNameWhenThePanelIsAnAddress) {
  trust(authority_);
  start("127.0.0.1");
  TlsConnection connection = next({.certificate = good()});
  ASSERT_TRUE(connection.handshake()) << problem();
  EXPECT_EQ(connection.serverName(), "");
}

TEST_F(Tls, TalksToAnAddressThatIsInTheCertificate) {
  trust(authority_);
  start("127.0.0.1");
  expectAccepted({.certificate = issued({.names = "IP:127.0.0.1"})});
}

TEST_F(Tls, SpeaksVersion12) {
  trust(authority_);
  start();
  TlsConnection connection = next({.certificate = good(), .newest = TLS1_2_VERSION});
  ASSERT_TRUE(connection.handshake()) << problem();
  EXPECT_EQ(connection.version(), "TLSv1.2");
}

TEST_F(Tls, SpeaksVersion13WhenThePanelDoes) {
  trust(authority_);
  start();
  TlsConnection connection = next({.certificate = good()});
  ASSERT_TRUE(connection.handshake()) << problem();
  EXPECT_EQ(connection.version(), "TLSv1.3");
}

TEST_F(Tls, FollowsTheChainToTheAuthority) {
  trust(authority_);
  const Certificate between = issued({.common_name = "between", .authority = true});
  start();
  expectAccepted({.certificate = issue({.names = "DNS:localhost"}, &between), .chain = {between}});
}

TEST_F(Tls, TalksToASelfSignedPanelThatItWasTold) {
  const Certificate own = issue({.names = "DNS:localhost"});
  trust(own);
  start();
  expectAccepted({.certificate = own});
}

TEST_F(Tls, CarriesManyAndLargeMessages) {
  trust(authority_);
  start();
  TlsConnection connection = next({.certificate = good()});
  ASSERT_TRUE(connection.handshake());
  connection.accept();
  const std::string large(200'000, 'x');
  std::string frames;
  for (int count = 0; count < 500; ++count) frames += wsFrame(kText, "small");
  std::thread writer([&] {
    connection.write(wsFrame(kText, large));
    connection.write(frames);
    for (int count = 0; count < 500; ++count) connection.write(wsFrame(kText, "single"));
  });
  writer.join();
  std::size_t expected = 10 + 4 + large.size() + 500 * (6 + 5) + 500 * (6 + 6);
  while (expected > 0) {
    const std::string some = connection.readSome();
    ASSERT_FALSE(some.empty()) << expected << " bytes are missing: " << problem();
    ASSERT_LE(some.size(), expected);
    expected -= some.size();
  }
}

// ---- Whom it does not ----

TEST_F(Tls, RefusesACertificateThatHasExpired) {
  trust(authority_);
  start();
  expectRefused({.certificate =
                     issued({.names = "DNS:localhost", .begins_in_days = -10, .ends_in_days = -1})},
                "the panel's certificate has expired");
}

TEST_F(Tls, RefusesACertificateThatIsNotValidYet) {
  trust(authority_);
  start();
  expectRefused({.certificate = issued({.names = "DNS:localhost", .begins_in_days = 1})},
                "the panel's certificate is not valid yet");
}

TEST_F(Tls, RefusesACertificateForAnotherName) {
  trust(authority_);
  start();
  expectRefused({.certificate = issued({.names = "DNS:localhost.example.org"})},
                "the panel's certificate is not for localhost");
}

TEST_F(Tls, RefusesACertificateForAnotherAddress) {
  trust(authority_);
  start("127.0.0.1");
  expectRefused({.certificate = issued({.names = "DNS:localhost,IP:127.0.0.2"})},
                "the panel's certificate is not for 127.0.0.1");
}

TEST_F(Tls, DoesNotTakeANameForAnAddress) {
  trust(authority_);
  start("127.0.0.1");
  expectRefused({.certificate = issued({.names = "DNS:127.0.0.1"})},
                "the panel's certificate is not for 127.0.0.1");
}

TEST_F(Tls, RefusesASelfSignedCertificate) {
  trust(authority_);
  start();
  expectRefused({.certificate = issue({.names = "DNS:localhost"})},
                "the panel's certificate is self-signed");
}

TEST_F(Tls, RefusesAnAuthorityItDoesNotKnow) {
  trust(authority_);
  start();
  const Certificate other = authority();
  expectRefused({.certificate = issue({.names = "DNS:localhost"}, &other)},
                "signed by an authority that is unknown here");
}

TEST_F(Tls, RefusesAnAuthorityItDoesNotKnowAlsoWhenThatIsSent) {
  trust(authority_);
  start();
  const Certificate other = authority();
  expectRefused({.certificate = issue({.names = "DNS:localhost"}, &other), .chain = {other}},
                "signed by an authority that is unknown here");
}

TEST_F(Tls, RefusesACertificateSignedByOneThatIsNoAuthority) {
  trust(authority_);
  start();
  const Certificate no_authority = issued({.common_name = "no authority"});
  expectRefused(
      {.certificate = issue({.names = "DNS:localhost"}, &no_authority), .chain = {no_authority}},
      "the panel's certificate is refused: invalid CA certificate");
}

TEST_F(Tls, BelievesNoAuthorityThatItWasNotTold) {
  ca_file_.clear();
  start();
  expectRefused({.certificate = good()}, "signed by an authority that is unknown here");
}

struct OldVersion {
  const char* name;
  int version;
};
class TlsOld : public Tls, public testing::WithParamInterface<OldVersion> {};

TEST_P(TlsOld, IsRefused) {
  trust(authority_);
  start();
  expectRefused({.certificate = good(), .oldest = GetParam().version, .newest = GetParam().version},
                "the panel speaks no TLS 1.2 or later");
}

INSTANTIATE_TEST_SUITE_P(Versions, TlsOld,
                         testing::Values(OldVersion{"Tls10", TLS1_VERSION},
                                         OldVersion{"Tls11", TLS1_1_VERSION}),
                         [](const auto& given) { return given.param.name; });

TEST_F(Tls, SaysThatThePanelDoesNotSpeakTls) {
  trust(authority_);
  start();
  auto connection = peer_.next();
  ASSERT_TRUE(connection);
  connection->write("HTTP/1.1 400 Bad Request\r\n\r\n");
  EXPECT_NE(problem().find("does not speak TLS at this address"), std::string::npos) << problem();
}

TEST_F(Tls, SaysThatThePanelClosed) {
  trust(authority_);
  start();
  { auto connection = peer_.next(); }
  EXPECT_NE(problem().find("TLS failed: "), std::string::npos) << problem();
}

TEST_F(Tls, GivesUpOnAPanelThatIsSilentInTheHandshake) {
  trust(authority_);
  dial_ = milliseconds(200);
  start();
  auto silent = peer_.next();
  EXPECT_NE(problem().find("TLS took longer than the 200 ms"), std::string::npos) << problem();
}

TEST_F(Tls, SaysThatItsFileOfAuthoritiesIsNone) {
  std::ofstream(ca_file_) << "no certificate\n";
  start();
  EXPECT_NE(problem().find("PANEL_CA_FILE " + ca_file_ + " cannot be used"), std::string::npos)
      << problem();
}

// ---- What changes between two connections ----

TEST_F(Tls, VerifiesTheCertificateOfEveryConnection) {
  trust(authority_);
  start();
  expectAccepted({.certificate = good()});
  const Certificate other = authority();
  expectRefused({.certificate = issue({.names = "DNS:localhost"}, &other)},
                "signed by an authority that is unknown here");
  expectAccepted({.certificate = good()});
  expectRefused({.certificate = issued({.names = "DNS:localhost", .ends_in_days = 0})},
                "has expired");
}

TEST_F(Tls, ReadsItsFileOfAuthoritiesAnew) {
  trust(authority_);
  start();
  expectAccepted({.certificate = good()});
  const Certificate other = authority();
  trust(other);
  expectRefused({.certificate = good()}, "signed by an authority that is unknown here");
  expectAccepted({.certificate = issue({.names = "DNS:localhost"}, &other)});
}

}  // namespace
}  // namespace agent
