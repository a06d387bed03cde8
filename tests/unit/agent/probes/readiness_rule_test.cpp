#include "agent/probes/readiness_rule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "agent/panel/refusal.h"

namespace agent {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using Kind = ReadinessRule::Kind;

std::optional<ReadinessRule> ruleOf(const std::string& json) {
  const JsonReading reading = readJsonObject(json);
  EXPECT_TRUE(reading.value) << json;
  return readReadiness(Fields(&*reading.value, "payload.readiness"));
}

std::string refusedRule(const std::string& json) {
  try {
    ruleOf(json);
    return "accepted";
  } catch (const Refusal& refusal) {
    return refusal.code() + ": " + refusal.message();
  }
}

TEST(ReadinessRule, IsReadFromAPayload) {
  EXPECT_FALSE(ruleOf(R"({"type":"process"})"));
  EXPECT_EQ(ruleOf(R"({"type":"minecraft","port":25565})"),
            (ReadinessRule{.kind = Kind::kMinecraft, .port = 25565}));
  EXPECT_EQ(ruleOf(R"({"type":"source","port":27015,"interval":2.5,"timeout":60})"),
            (ReadinessRule{.kind = Kind::kSource,
                           .port = 27015,
                           .interval = std::chrono::milliseconds(2500),
                           .timeout = std::chrono::seconds(60)}));
  EXPECT_EQ(ruleOf(R"({"type":"console","text":"Done ("})"),
            (ReadinessRule{.kind = Kind::kConsole, .pattern = "Done ("}));
  EXPECT_EQ(ruleOf(R"({"type":"console","pattern":"Done \\("})"),
            (ReadinessRule{.kind = Kind::kConsole, .pattern = "Done \\(", .is_regex = true}));
  EXPECT_EQ(ruleOf(R"({"type":"health"})"), (ReadinessRule{.kind = Kind::kHealth}));
}

TEST(ReadinessRule, RefusesWhatMakesNone) {
  for (const auto& [json, message] : std::vector<std::pair<std::string, std::string>>{
           {"{}", "payload.readiness.type"},
           {R"({"type":"http"})", "must be process, console, tcp"},
           {R"({"type":"tcp"})", "payload.readiness.port is required"},
           {R"({"type":"tcp","port":0})", "payload.readiness.port"},
           {R"({"type":"tcp","port":65536})", "payload.readiness.port"},
           {R"({"type":"tcp","port":"25565"})", "payload.readiness.port"},
           {R"({"type":"console"})", "payload.readiness.text or pattern is required"},
           {R"({"type":"console","text":"a","pattern":"b"})", "one of the two"},
           {R"({"type":"console","text":""})", "payload.readiness.text must hold"},
           {R"({"type":"console","pattern":"("})", "is no regular expression"},
           {R"({"type":"console","pattern":"(a?b?){1000}(a?b?){1000}"})", "repeats too much"},
           {R"({"type":"tcp","port":1,"interval":0.1})", "payload.readiness.interval"},
           {R"({"type":"tcp","port":1,"interval":301})", "payload.readiness.interval"},
           {R"({"type":"tcp","port":1,"timeout":0})", "payload.readiness.timeout"},
           {R"({"type":"tcp","port":1,"timeout":1e300})", "payload.readiness.timeout"}})
    EXPECT_THAT(refusedRule(json), AllOf(StartsWith("INVALID_PAYLOAD"), HasSubstr(message)))
        << json;
  EXPECT_THAT(refusedRule(R"({"type":"console","text":")" + std::string(1025, 'x') + R"("})"),
              HasSubstr("1 to 1024 bytes"));
}

TEST(ReadinessRule, IsTheSameAfterALabel) {
  for (const ReadinessRule& rule :
       {ReadinessRule{.kind = Kind::kTcp, .port = 1},
        ReadinessRule{.kind = Kind::kMinecraft, .port = 25565, .timeout = std::chrono::hours(2)},
        ReadinessRule{
            .kind = Kind::kSource, .port = 65535, .interval = std::chrono::milliseconds(1250)},
        ReadinessRule{.kind = Kind::kConsole, .pattern = "\"Done\" {\\"},
        ReadinessRule{.kind = Kind::kConsole, .pattern = "^\\S+ \"x\"$", .is_regex = true},
        ReadinessRule{.kind = Kind::kHealth}}) {
    const auto again = ReadinessRule::parseLabel(rule.toLabel());
    ASSERT_TRUE(again) << again.error().message;
    EXPECT_EQ(*again, rule) << rule.toLabel();
  }
  for (const char* label : {"", "tcp 25565", "[]", "{}", R"({"type":"process"})"})
    EXPECT_FALSE(ReadinessRule::parseLabel(label)) << label;
}

control::ContainerSpec withPort(control::PortMapping port) {
  control::ContainerSpec spec;
  spec.ports = {{.container_port = 1, .host_port = 2}, std::move(port)};
  return spec;
}

std::string addressIn(const control::ContainerSpec& spec, Kind kind = Kind::kTcp) {
  const auto address = probeAddress({.kind = kind, .port = 25565}, spec);
  return address ? address->text() : address.error().message;
}

TEST(ProbeAddress, IsThePortOfThisHostThatTheServersOwnIsPublishedOn) {
  EXPECT_EQ(addressIn(withPort({.container_port = 25565, .host_port = 30000})), "127.0.0.1:30000");
  EXPECT_EQ(addressIn(withPort({.container_port = 25565, .host_port = 3, .host_ip = "0.0.0.0"})),
            "127.0.0.1:3");
  EXPECT_EQ(addressIn(withPort({.container_port = 25565, .host_port = 3, .host_ip = "::"})),
            "[::1]:3");
  EXPECT_EQ(addressIn(withPort({.container_port = 25565, .host_port = 3, .host_ip = "127.0.0.9"})),
            "127.0.0.9:3");
}

TEST(ProbeAddress, OfAnotherProtocolIsNotThatPort) {
  const auto udp = withPort(
      {.container_port = 25565, .host_port = 30000, .protocol = control::PortProtocol::kUdp});
  EXPECT_EQ(addressIn(udp, Kind::kSource), "127.0.0.1:30000");
  EXPECT_EQ(addressIn(udp, Kind::kMinecraft), "port 25565/tcp is none of the server's ports");
}

TEST(ProbeAddress, IsNeverThatOfAnotherHost) {
  EXPECT_THAT(
      addressIn(withPort({.container_port = 25565, .host_port = 80, .host_ip = "192.0.2.1"})),
      HasSubstr("192.0.2.1 is no address of this host"));
  EXPECT_THAT(
      addressIn(withPort({.container_port = 25565, .host_port = 80, .host_ip = "2001:db8::1"})),
      HasSubstr("no other host is asked"));
  EXPECT_THAT(addressIn({}), HasSubstr("none of the server's ports"));
  EXPECT_FALSE(isAddressOfThisHost("localhost"));
  EXPECT_FALSE(isAddressOfThisHost("8.8.8.8"));
  EXPECT_TRUE(isAddressOfThisHost("127.0.0.1"));
}

TEST(ProbeAddress, OfAPortThatTheEngineChoosesIsKnownOnceItRuns) {
  const auto address = probeAddress({.kind = Kind::kTcp, .port = 25565},
                                    withPort({.container_port = 25565, .host_port = 0}));
  ASSERT_FALSE(address);
  EXPECT_EQ(address.error().code, control::ErrorCode::kWrongState);
}

TEST(ProbeAddress, OnTheHostsNetworkIsThePortItself) {
  control::ContainerSpec spec;
  spec.network = control::NetworkMode::kHost;
  EXPECT_EQ(addressIn(spec), "127.0.0.1:25565");
}

}  // namespace
}  // namespace agent
