#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include "support/link_fixture.h"

namespace agent {

/// A link to a peer of the test's own, that greets it with "hello".
class Link : public test_support::LinkFixture {
 protected:
  using Clock = std::chrono::steady_clock;

  LinkSettings settings() const {
    LinkSettings settings = settingsFor(peer_.port());
    settings.url = peer_.url();
    return settings;
  }

  test_support::WsConnection accepted(std::string_view glued = "") {
    auto connection = peer_.next();
    if (!connection) throw std::runtime_error("no connection came");
    connection->accept(glued);
    return std::move(*connection);
  }
  test_support::WsConnection connected() {
    start(settings());
    return accepted();
  }

  /// Waits until the link says why it is not connected, other than that it never was.
  std::string problem() const {
    std::string problem = "(none)";
    (void)until([&] {
      const LinkStatus status = link_->status();
      const bool is_known = !status.connected && status.problem != "not connected yet";
      if (is_known) problem = status.problem;
      return is_known;
    });
    return problem;
  }

  /// The code of the close frame that comes next; 0 when none does.
  static int closeCode(test_support::WsConnection& connection) {
    while (const auto frame = connection.read())
      if (frame->opcode() == 8) return frame->closeCode();
    return 0;
  }

  std::vector<std::string> greeting() override { return {"hello"}; }

  test_support::WsPeer peer_;
};

}  // namespace agent
