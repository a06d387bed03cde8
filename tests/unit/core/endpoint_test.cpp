#include <array>

#include <gtest/gtest.h>

#include <libcontrol/endpoint.h>

namespace control {
namespace {

TEST(Endpoint, WithoutAPathIsTheDefaultSocket) {
  const auto endpoint = Endpoint::parse("docker:///");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->engine, "docker");
  EXPECT_EQ(endpoint->transport, "");
  EXPECT_EQ(endpoint->path, "/");
}

TEST(Endpoint, NamesASocket) {
  const auto endpoint = Endpoint::parse("docker:///run/my%20docker.sock");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->path, "/run/my docker.sock");
}

TEST(Endpoint, NamesATlsHostWithItsFiles) {
  const auto endpoint =
      Endpoint::parse("docker+tls://engine.example:2376?ca=/etc/ca.pem&key=a%26b");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->transport, "tls");
  EXPECT_EQ(endpoint->host, "engine.example");
  EXPECT_EQ(endpoint->port, 2376);
  EXPECT_EQ(endpoint->query.at("ca"), "/etc/ca.pem");
  EXPECT_EQ(endpoint->query.at("key"), "a&b");
}

TEST(Endpoint, NamesAnIpv6Host) {
  const auto endpoint = Endpoint::parse("docker+tcp://[::1]:2375");
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->host, "::1");
  EXPECT_EQ(endpoint->port, 2375);
}

class EndpointRoundTrip : public ::testing::TestWithParam<std::string_view> {};

TEST_P(EndpointRoundTrip, GivesTheSameTextBack) {
  const auto endpoint = Endpoint::parse(GetParam());
  ASSERT_TRUE(endpoint) << endpoint.error().message;
  EXPECT_EQ(endpoint->toString(), GetParam());
}

INSTANTIATE_TEST_SUITE_P(Uris, EndpointRoundTrip,
                         ::testing::Values("docker:///", "podman:///run/podman/podman.sock",
                                           "mock:///default?clock=virtual&seed=7",
                                           "docker+tls://host:2376/?ca=/a/b.pem",
                                           "docker+tcp://[::1]:2375/", "mock:///a%20b"));

class BadEndpoint : public ::testing::TestWithParam<std::string_view> {};

TEST_P(BadEndpoint, IsRefusedWithTheRightForm) {
  const auto endpoint = Endpoint::parse(GetParam());
  ASSERT_FALSE(endpoint) << GetParam();
  EXPECT_EQ(endpoint.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(endpoint.error().message.find("docker:///run/docker.sock"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Nonsense, BadEndpoint,
    ::testing::Values("", "docker", "docker:/", "://", "Docker:///", "1docker:///", "docker+:///",
                      "docker+tls:///path", "docker+tls://host:0", "docker+tls://host:65536",
                      "docker+tls://host:2x", "docker+tls://:2376", "docker+tls://user:pw@host:1",
                      "docker://run/docker.sock", "docker:///a%2", "docker:///a%zz",
                      "docker:///a%00b", "mock:///d?clock", "mock:///d?=x", "mock:///d?a=1&a=2",
                      "docker+tls://[::1", "docker:///a#b",
                      std::string_view("docker:///a\0b", 13)));

TEST(Endpoint, WithTwoSlashesIsToldAboutTheThird) {
  const auto endpoint = Endpoint::parse("docker://run/docker.sock");
  ASSERT_FALSE(endpoint);
  EXPECT_NE(endpoint.error().message.find("docker:///run/docker.sock"), std::string::npos);
}

TEST(Endpoint, AHostWithoutATransportIsNotToldOfOneThatItsEngineMayNotHave) {
  const auto endpoint = Endpoint::parse("mock://host/x");
  ASSERT_FALSE(endpoint);
  EXPECT_EQ(endpoint.error().message.find("mock+"), std::string::npos);
}

TEST(Endpoint, SaysWhichPercentSignIsWrong) {
  const auto problem = [](std::string_view uri) { return Endpoint::parse(uri).error().message; };
  for (const char* uri : {"mock:///x%zz", "mock:///x?a=%z"}) {
    EXPECT_NE(problem(uri).find("two hexadecimal digits;"), std::string::npos);
    EXPECT_EQ(problem(uri).find("00"), std::string::npos);
  }
  for (const char* uri : {"mock:///x%00", "mock:///x?a=%00"})
    EXPECT_NE(problem(uri).find("%00, a NUL byte"), std::string::npos);
}

TEST(Endpoint, UnknownQueryKeyIsAnErrorThatListsTheKnownOnes) {
  const auto endpoint = Endpoint::parse("mock:///default?clok=virtual");
  ASSERT_TRUE(endpoint);
  constexpr std::array<std::string_view, 2> kKnown{"clock", "seed"};
  const auto checked = endpoint->requireKnownQuery(kKnown);
  ASSERT_FALSE(checked);
  EXPECT_EQ(checked.error().code, ErrorCode::kInvalidArgument);
  EXPECT_NE(checked.error().message.find("clok"), std::string::npos);
  EXPECT_NE(checked.error().message.find("clock, seed"), std::string::npos);
}

}  // namespace
}  // namespace control
