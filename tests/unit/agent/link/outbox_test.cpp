#include "agent/panel/outbox.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

std::string next(Outbox& outbox) {
  auto message = outbox.take();
  return message ? message->text : "(empty)";
}

TEST(Outbox, GivesResultsFirstAndTheRestInOrder) {
  Outbox outbox;
  outbox.push("stream 1", Delivery::kStream);
  outbox.push("state 2", Delivery::kState);
  outbox.push("stream 3", Delivery::kStream);
  outbox.push("result 4", Delivery::kResult);
  for (const char* expected : {"result 4", "stream 1", "state 2", "stream 3", "(empty)"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, DropsTheOldestStreamMessageWhenThereAreTooMany) {
  Outbox outbox({.messages = 3, .bytes = 1000});
  outbox.push("state", Delivery::kState);
  outbox.push("line 1", Delivery::kStream);
  outbox.push("line 2", Delivery::kStream);
  outbox.push("line 3", Delivery::kStream);
  EXPECT_EQ(outbox.dropped(), 1u);
  for (const char* expected : {"state", "line 2", "line 3", "(empty)"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, DropsStreamMessagesWhenTheyAreTooLarge) {
  Outbox outbox({.messages = 100, .bytes = 10});
  outbox.push("12345", Delivery::kStream);
  outbox.push("1234567", Delivery::kStream);
  EXPECT_EQ(outbox.bytes(), 7u);
  EXPECT_EQ(next(outbox), "1234567");
}

TEST(Outbox, DropsTheOldestStateOnlyWhenNoStreamIsLeft) {
  Outbox outbox({.messages = 2, .bytes = 1000});
  outbox.push("state 1", Delivery::kState);
  outbox.push("line", Delivery::kStream);
  outbox.push("state 2", Delivery::kState);
  outbox.push("state 3", Delivery::kState);
  EXPECT_EQ(next(outbox), "state 2");
  EXPECT_EQ(next(outbox), "state 3");
}

TEST(Outbox, NeverDropsResults) {
  Outbox outbox({.messages = 2, .bytes = 10});
  for (int index = 0; index < 50; ++index) outbox.push("0123456789", Delivery::kResult);
  EXPECT_EQ(outbox.messages(), 50u);
  EXPECT_EQ(outbox.dropped(), 0u);
  EXPECT_EQ(outbox.resultBytes(), 500u);
}

TEST(Outbox, DropsNoStateBecauseOfResults) {
  Outbox outbox({.messages = 2, .bytes = 10});
  outbox.push("completed", Delivery::kState);
  for (int index = 0; index < 5; ++index) outbox.push("0123456789", Delivery::kResult);
  EXPECT_EQ(outbox.dropped(), 0u);
  EXPECT_EQ(outbox.messages(), 6u);
}

TEST(Outbox, ReturnsWhatCouldNotBeSentToItsPlace) {
  Outbox outbox;
  outbox.push("1", Delivery::kState);
  outbox.push("2", Delivery::kState);
  auto message = outbox.take();
  outbox.push("3", Delivery::kStream);
  outbox.putBack(*message);
  for (const char* expected : {"1", "2", "3"}) EXPECT_EQ(next(outbox), expected);
  EXPECT_EQ(outbox.bytes(), 0u);
}

}  // namespace
}  // namespace agent
