#include <gtest/gtest.h>
#include <poll.h>

#include "unit/docker/docker_scripted.h"

namespace control::test {
namespace {

struct TlsEngine {
  TestCertificates certificates{};
  ScriptedEngine engine{
      dockerScript(
          "1.41",
          [](const Request& request, Peer& peer) {
            if (has(request, "/attach")) {
              peer.send("HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n" + std::string(40'000, 'x'));
              peer.send(peer.receive());
              return false;
            }
            if (has(request, "/json") && !has(request, "/containers/json"))
              return peer.reply(
                         200,
                         R"({"Id":"abc","State":{"Status":"running","Running":true},"Config":{"Tty":true,"OpenStdin":true}})"),
                     true;
            return peer.reply(200, "[]"), true;
          }),
      {.certificate_file = certificates.file("server"),
       .key_file = certificates.file("server-key"),
       .client_ca_file = certificates.file("ca")}};
  std::string uri(const std::string& query) const {
    return "docker+tls://127.0.0.1:" + std::to_string(engine.port()) + query;
  }
  std::string client() const {
    return "&cert=" + certificates.file("client") + "&key=" + certificates.file("client-key");
  }
};

TEST(DockerTls, TalksWithCertificatesOnBothSides) {
  const TlsEngine tls;
  const auto runtime = open(tls.uri("?ca=" + tls.certificates.file("ca") + tls.client()));
  ASSERT_TRUE(runtime) << runtime.error().message;
  EXPECT_TRUE((*runtime)->list({}, soon()));
}

TEST(DockerTls, TakesOverAConnectionAndPollSeesWhatTlsHolds) {
  const TlsEngine tls;
  const auto runtime = opened(tls.uri("?ca=" + tls.certificates.file("ca") + tls.client()));
  const auto console = runtime->attach({"abc"}, {.standard_output = true}, soon());
  ASSERT_TRUE(console) << console.error().message;
  std::string got;
  while (got.size() < 40'000) {
    pollfd polled{.fd = (*console)->pollFd(), .events = POLLIN, .revents = 0};
    ASSERT_EQ(::poll(&polled, 1, 10'000), 1) << got.size();
    for (;;) {
      const auto item = (*console)->next({.deadline = TimePoint{}});
      if (!item) break;
      ASSERT_TRUE(*item);
      got += (*item)->bytes;
    }
  }
  ASSERT_TRUE((*console)->write("echo", soon()));
  const auto echoed = (*console)->next(soon());
  ASSERT_TRUE(echoed && *echoed);
  EXPECT_EQ((*echoed)->bytes, "echo");
}

TEST(DockerTls, TrustsNoUnknownAuthority) {
  const TlsEngine tls;
  const auto runtime = open(tls.uri("?ca=" + tls.certificates.file("other") + tls.client()));
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kPermissionDenied) << runtime.error().message;
}

TEST(DockerTls, SaysSoWhenTheEngineWantsACertificate) {
  const TlsEngine tls;
  const auto runtime = open(tls.uri("?ca=" + tls.certificates.file("ca")));
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kPermissionDenied) << runtime.error().message;
}

}  // namespace
}  // namespace control::test
