#include "agent/panel/outgoing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Outgoing, KeepsEventsBackUntilTheResponseIsSent) {
  std::vector<std::string> sent;
  Outgoing out([&](std::string text, Delivery) { sent.push_back(std::move(text)); });
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
  Outgoing out([&](std::string text, Delivery) { sent.push_back(std::move(text)); });
  EXPECT_THAT(out.numbered("a", Json::object()), HasSubstr(R"("seq":1)"));
  out.event("b", Json::object());
  EXPECT_THAT(sent, ElementsAre(HasSubstr(R"("seq":2)")));
}

}  // namespace
}  // namespace agent
