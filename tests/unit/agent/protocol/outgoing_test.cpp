#include "agent/panel/outgoing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

std::size_t nothingWaits() { return 0; }

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Outgoing, KeepsEventsBackUntilTheResponseIsSent) {
  std::vector<std::string> sent;
  Outgoing out([&](Outbound message) { sent.push_back(std::move(message.text)); }, nothingWaits);
  {
    const Outgoing::Hold hold(out);
    out.event("first", Json::object());
    out.legacy("second", Json::object());
    out.result("response");
    EXPECT_THAT(sent, ElementsAre("response"));
  }
  out.event("third", Json::object());
  EXPECT_THAT(sent, ElementsAre("response", HasSubstr(R"("event":"first")"), HasSubstr("second"),
                                HasSubstr(R"("event":"third")")));
}

TEST(Outgoing, NumbersEventsFromOne) {
  std::vector<std::string> sent;
  Outgoing out([&](Outbound message) { sent.push_back(std::move(message.text)); }, nothingWaits);
  EXPECT_THAT(out.numbered("a", [] { return Json::object(); }), HasSubstr(R"("seq":1)"));
  out.event("b", Json::object());
  EXPECT_THAT(sent, ElementsAre(HasSubstr(R"("seq":2)")));
}

TEST(Outgoing, SaysWhatMayBecomeOfAMessageWhileItWaits) {
  std::vector<Outbound> sent;
  Outgoing out([&](Outbound message) { sent.push_back(std::move(message)); }, nothingWaits);
  Json data;
  data.set("serverId", "web");
  out.event("server_status_changed", data);
  out.event("server_log", data, Delivery::kStream);
  out.event("command_completed", data);
  out.event("resource_update", data, Delivery::kStream);
  out.legacy("server_status", data);
  out.legacy("server_output", data);
  out.result("response");
  const auto is = [&](std::size_t index, Delivery delivery, const char* subject, int sequence) {
    EXPECT_EQ(sent[index].delivery, delivery) << index;
    EXPECT_EQ(sent[index].subject, subject) << index;
    EXPECT_EQ(sent[index].sequence, static_cast<std::uint64_t>(sequence)) << index;
  };
  ASSERT_EQ(sent.size(), 7u);
  is(0, Delivery::kState, "server_status_changed web", 1);
  is(1, Delivery::kConsole, "web", 2);
  is(2, Delivery::kOutcome, "", 3);
  is(3, Delivery::kStream, "", 4);
  is(4, Delivery::kState, "server_status web legacy", 0);
  is(5, Delivery::kConsole, "web", 0);
  is(6, Delivery::kResult, "", 0);
}

}  // namespace
}  // namespace agent
