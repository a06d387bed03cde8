#include "agent/probes/readiness_rule.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <netinet/in.h>

#include <array>
#include <cmath>
#include <cstring>
#include <memory>

#include "agent/actions/line_search.h"
#include "agent/panel/refusal.h"
#include "agent/probes/minecraft_ping.h"
#include "agent/probes/source_query.h"

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;
using RuleKind = ReadinessRule::Kind;

constexpr double kShortestInterval = 1;
constexpr double kLongestInterval = 300;
constexpr double kShortestTimeout = 1;
constexpr double kLongestTimeout = 86'400;

struct KindName {
  RuleKind kind;
  std::string_view name;
};
constexpr std::array<KindName, 5> kKinds = {{{RuleKind::kConsole, "console"},
                                             {RuleKind::kTcp, "tcp"},
                                             {RuleKind::kMinecraft, "minecraft"},
                                             {RuleKind::kSource, "source"},
                                             {RuleKind::kHealth, "health"}}};

std::string_view nameOf(RuleKind kind) { return kKinds[static_cast<std::size_t>(kind)].name; }

control::Duration wholeMilliseconds(double seconds) {
  return std::chrono::milliseconds(std::llround(seconds * 1000));
}

double toSeconds(control::Duration duration) {
  return std::chrono::duration<double>(duration).count();
}

void readPattern(const Fields& readiness, ReadinessRule& rule) {
  const auto text = readiness.text("text");
  const auto pattern = readiness.text("pattern");
  if (text.has_value() == pattern.has_value())
    readiness.refuse("text", "or pattern is required, one of the two: what a line has to hold");
  const char* const field = text ? "text" : "pattern";
  rule.is_regex = pattern.has_value();
  rule.pattern = text ? *text : *pattern;
  if (rule.pattern.empty() || rule.pattern.size() > LineSearch::kLongestPattern)
    readiness.refuse(field, "must hold 1 to 1024 bytes");
  const LineSearch search(rule.pattern, {.regex = rule.is_regex, .case_sensitive = true});
  if (!search.problem().empty())
    readiness.refuse(field, "is no regular expression: " + search.problem());
}

}  // namespace

std::string ReadinessRule::text() const {
  const std::string name(nameOf(kind));
  return asksPort() ? name + ' ' + std::to_string(port) : name;
}

std::string ReadinessRule::toLabel() const {
  Json rule;
  rule.set("type", nameOf(kind));
  if (asksPort()) rule.set("port", static_cast<int>(port));
  if (kind == RuleKind::kConsole) rule.set(is_regex ? "pattern" : "text", pattern);
  rule.set("interval", toSeconds(interval)).set("timeout", toSeconds(timeout));
  return rule.write();
}

Result<ReadinessRule> ReadinessRule::parseLabel(std::string_view label) {
  const JsonReading reading = readJsonObject(label);
  if (!reading.value) return Error{.code = ErrorCode::kInvalidArgument, .message = reading.problem};
  try {
    if (const auto rule = readReadiness(Fields(&*reading.value, "readiness"))) return *rule;
    return Error{.code = ErrorCode::kInvalidArgument, .message = "it is no rule"};
  } catch (const Refusal& refusal) {
    return Error{.code = ErrorCode::kInvalidArgument, .message = refusal.message()};
  }
}

std::optional<ReadinessRule> readReadiness(const Fields& readiness) {
  const std::string type = readiness.requiredText("type");
  if (type == "process") return std::nullopt;
  ReadinessRule rule;
  bool known = false;
  for (const KindName& one : kKinds) {
    if (one.name != type) continue;
    rule.kind = one.kind;
    known = true;
  }
  if (!known)
    readiness.refuse("type", "must be process, console, tcp, minecraft, source or health");
  const auto port = readiness.integer("port", 1, 65535);
  if (rule.asksPort() && !port)
    readiness.refuse("port", "is required: the port in the container to ask");
  if (rule.asksPort()) rule.port = static_cast<std::uint16_t>(*port);
  if (rule.kind == RuleKind::kConsole) readPattern(readiness, rule);
  if (readiness.find("interval") != nullptr)
    rule.interval =
        wholeMilliseconds(*readiness.number("interval", kShortestInterval, kLongestInterval));
  if (readiness.find("timeout") != nullptr)
    rule.timeout =
        wholeMilliseconds(*readiness.number("timeout", kShortestTimeout, kLongestTimeout));
  return rule;
}

std::unique_ptr<Exchange> exchangeFor(const ReadinessRule& rule, const ProbeAddress& address) {
  if (rule.kind == RuleKind::kMinecraft)
    return std::make_unique<MinecraftPing>(address.ip, address.port);
  if (rule.kind == RuleKind::kSource) return std::make_unique<SourceQuery>();
  return std::make_unique<OpenPort>();
}

Result<ProbeAddress> probeAddress(const ReadinessRule& rule, const control::ContainerSpec& spec) {
  if (spec.network == control::NetworkMode::kHost) return ProbeAddress{"127.0.0.1", rule.port};
  for (const control::PortMapping& port : spec.ports) {
    if (port.container_port != rule.port || port.protocol != rule.protocol()) continue;
    if (port.host_port == 0)
      return Error{.code = ErrorCode::kWrongState,
                   .message = "the host's port is not known before the server runs"};
    const std::string& ip = port.host_ip;
    if (ip.empty() || ip == "0.0.0.0") return ProbeAddress{"127.0.0.1", port.host_port};
    if (ip == "::") return ProbeAddress{"::1", port.host_port};
    if (isAddressOfThisHost(ip)) return ProbeAddress{ip, port.host_port};
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message = ip + " is no address of this host, and no other host is asked"};
  }
  return Error{.code = ErrorCode::kInvalidArgument,
               .message = "port " + std::to_string(rule.port) +
                          (rule.protocol() == control::PortProtocol::kUdp ? "/udp" : "/tcp") +
                          " is none of the server's ports"};
}

bool isAddressOfThisHost(const std::string& ip) {
  in_addr v4{};
  in6_addr v6{};
  const bool is_v4 = ::inet_pton(AF_INET, ip.c_str(), &v4) == 1;
  if (!is_v4 && ::inet_pton(AF_INET6, ip.c_str(), &v6) != 1) return false;
  if (is_v4 && ((ntohl(v4.s_addr) >> 24) == 127 || v4.s_addr == INADDR_ANY)) return true;
  if (!is_v4 && IN6_IS_ADDR_UNSPECIFIED(&v6)) return true;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return false;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(list, ::freeifaddrs);
  for (const ifaddrs* one = list; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr) continue;
    const auto* const in4 = reinterpret_cast<const sockaddr_in*>(one->ifa_addr);
    const auto* const in6 = reinterpret_cast<const sockaddr_in6*>(one->ifa_addr);
    if (is_v4 && one->ifa_addr->sa_family == AF_INET && in4->sin_addr.s_addr == v4.s_addr)
      return true;
    if (!is_v4 && one->ifa_addr->sa_family == AF_INET6 &&
        std::memcmp(&in6->sin6_addr, &v6, sizeof v6) == 0)
      return true;
  }
  return false;
}

}  // namespace agent
