#include "mock/mock_ports.h"

#include <algorithm>

#include "mock/mock_error.h"

namespace control::mock {
namespace {

constexpr std::uint16_t kFirstFreePort = 49153;

bool addressesOverlap(const std::string& a, const std::string& b) {
  const auto any = [](const std::string& ip) {
    return ip.empty() || ip == "0.0.0.0" || ip == "::";
  };
  return a == b || any(a) || any(b);
}

bool taken(const PortMapping& port, const std::vector<PortMapping>& by) {
  return std::any_of(by.begin(), by.end(), [&](const PortMapping& one) {
    return one.host_port == port.host_port && one.protocol == port.protocol &&
           addressesOverlap(one.host_ip, port.host_ip);
  });
}

}  // namespace

Result<std::vector<PortMapping>> Ports::bind(const std::vector<PortMapping>& wanted,
                                             std::vector<PortMapping> in_use) {
  std::vector<PortMapping> bound;
  std::uint16_t free = last_;
  for (PortMapping port : wanted) {
    const bool chosen = port.host_port != 0;
    if (chosen && taken(port, in_use))
      return failure(ErrorCode::kPortConflict,
                     "host port " + std::to_string(port.host_port) + " is taken");
    for (int tries = 0; !chosen && (tries == 0 || taken(port, in_use)); ++tries) {
      if (tries > 65535 - kFirstFreePort)
        return failure(ErrorCode::kResourceExhausted, "no host port is free");
      free = free < kFirstFreePort || free == 65535 ? kFirstFreePort
                                                    : static_cast<std::uint16_t>(free + 1);
      port.host_port = free;
    }
    in_use.push_back(port);
    bound.push_back(port);
  }
  last_ = free;
  return bound;
}

}  // namespace control::mock
