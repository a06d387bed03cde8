#include "agent/panel/outbox.h"

#include <gtest/gtest.h>

namespace agent {
namespace {

std::string next(Outbox& outbox) {
  auto message = outbox.take();
  if (!message) return "(empty)";
  if (message->dropped_lines == 0) return message->text;
  return "gap of " + std::to_string(message->dropped_lines) + " in " + message->subject +
         " up to " + std::to_string(message->sequence);
}

Outbound state(const std::string& subject, const std::string& text) {
  return {.text = text, .delivery = Delivery::kState, .subject = subject, .sequence = 1};
}
Outbound line(const std::string& server, std::uint64_t sequence) {
  return {.text = server + ' ' + std::to_string(sequence),
          .delivery = Delivery::kConsole,
          .subject = server,
          .sequence = sequence};
}

TEST(Outbox, GivesResultsFirstAndTheRestInOrder) {
  Outbox outbox;
  outbox.push("stream 1", Delivery::kStream);
  outbox.push("state 2", Delivery::kState);
  outbox.push("outcome 3", Delivery::kOutcome);
  outbox.push("stream 4", Delivery::kStream);
  outbox.push("line 5", Delivery::kConsole);
  outbox.push("result 6", Delivery::kResult);
  for (const char* expected :
       {"result 6", "stream 1", "state 2", "outcome 3", "stream 4", "line 5", "(empty)"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, DropsTheOldestMeasurementWhenThereAreTooManyMessages) {
  Outbox outbox({.messages = 3, .bytes = 1000});
  outbox.push("state", Delivery::kState);
  outbox.push("stream 1", Delivery::kStream);
  outbox.push("stream 2", Delivery::kStream);
  outbox.push("stream 3", Delivery::kStream);
  EXPECT_EQ(outbox.dropped(), 1u);
  for (const char* expected : {"state", "stream 2", "stream 3", "(empty)"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, DropsMeasurementsWhenTheyAreTooLarge) {
  Outbox outbox({.messages = 100, .bytes = 10});
  outbox.push("12345", Delivery::kStream);
  outbox.push("1234567", Delivery::kStream);
  EXPECT_EQ(outbox.bytes(), 7u);
  EXPECT_EQ(next(outbox), "1234567");
}

TEST(Outbox, DropsMeasurementsBeforeLinesAndStates) {
  Outbox outbox({.messages = 3, .bytes = 1000});
  outbox.push(line("a", 1));
  outbox.push(state("a", "starting"));
  outbox.push("stream", Delivery::kStream);
  outbox.push(state("a", "running"));
  for (const char* expected : {"a 1", "starting", "running", "(empty)"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, TellsHowManyLinesOfWhichServerAreMissing) {
  Outbox outbox({.messages = 3, .bytes = 1000});
  for (const std::uint64_t sequence : {1, 2, 3}) outbox.push(line("a", sequence));
  for (const std::uint64_t sequence : {4, 5}) outbox.push(line("b", sequence));
  outbox.push(line("a", 6));
  outbox.push(line("a", 7));
  for (const char* expected :
       {"gap of 3 in a up to 3", "gap of 1 in b up to 4", "b 5", "a 6", "a 7", "(empty)"})
    EXPECT_EQ(next(outbox), expected);
  EXPECT_EQ(outbox.dropped(), 4u);
}

TEST(Outbox, TellsGapsInTheOrderOfTheLastMissingLine) {
  Outbox outbox({.messages = 1, .bytes = 1000});
  for (const std::uint64_t sequence : {1, 3}) {
    outbox.push(line("a", sequence));
    outbox.push(line("b", sequence + 1));
  }
  outbox.push(line("a", 5));
  for (const char* expected : {"gap of 2 in a up to 3", "gap of 2 in b up to 4", "a 5"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, TellsAGapAnewAfterItWasTold) {
  Outbox outbox({.messages = 1, .bytes = 1000});
  outbox.push(line("a", 1));
  outbox.push(line("a", 2));
  EXPECT_EQ(next(outbox), "gap of 1 in a up to 1");
  outbox.push(line("a", 3));
  EXPECT_EQ(next(outbox), "gap of 1 in a up to 2");
}

TEST(Outbox, CountsAGapThatWasNotSentWithTheNext) {
  Outbox outbox({.messages = 1, .bytes = 1000});
  for (const std::uint64_t sequence : {1, 2, 3}) outbox.push(line("a", sequence));
  auto gap = outbox.take();
  ASSERT_TRUE(gap);
  gap->text = "two lines are missing";
  outbox.putBack(*gap);
  outbox.push(line("a", 4));
  EXPECT_EQ(next(outbox), "gap of 3 in a up to 3");
  EXPECT_EQ(next(outbox), "a 4");
}

TEST(Outbox, TellsNoGapForLinesThatAreNoEvents) {
  Outbox outbox({.messages = 1, .bytes = 1000});
  outbox.push({.text = "legacy 1", .delivery = Delivery::kConsole, .subject = "a"});
  outbox.push({.text = "legacy 2", .delivery = Delivery::kConsole, .subject = "a"});
  EXPECT_EQ(next(outbox), "legacy 2");
  EXPECT_EQ(outbox.dropped(), 1u);
}

TEST(Outbox, KeepsEveryChangeOfStateWhileThereIsRoom) {
  Outbox outbox;
  for (const char* text : {"starting", "running", "stopping"}) outbox.push(state("a", text));
  for (const char* expected : {"starting", "running", "stopping"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, KeepsTheNewestStateOfEachSubjectWhenItIsFull) {
  Outbox outbox({.messages = 4, .bytes = 1000});
  outbox.push(state("a", "a starting"));
  outbox.push(state("b", "b running"));
  outbox.push(state("a", "a running"));
  outbox.push(state("a", "a stopping"));
  outbox.push(state("c", "c running"));
  EXPECT_EQ(outbox.dropped(), 2u);
  for (const char* expected : {"b running", "a stopping", "c running", "(empty)"})
    EXPECT_EQ(next(outbox), expected);
}

TEST(Outbox, StaysSmallWhenOneServerChangesWithoutEnd) {
  Outbox outbox;
  outbox.push(state("quiet", "running"));
  for (int change = 0; change < 100'000; ++change)
    outbox.push(state("lively", "change " + std::to_string(change)));
  EXPECT_LE(outbox.messages(), 4096u);
  EXPECT_EQ(next(outbox), "running");
  std::string last;
  for (std::string text = next(outbox); text != "(empty)"; text = next(outbox)) last = text;
  EXPECT_EQ(last, "change 99999");
}

TEST(Outbox, KeepsStatesNothingStandsForUntilNothingElseIsLeft) {
  Outbox outbox({.messages = 2, .bytes = 1000});
  outbox.push("state 1", Delivery::kState);
  outbox.push(line("a", 1));
  outbox.push("state 2", Delivery::kState);
  outbox.push("state 3", Delivery::kState);
  EXPECT_EQ(next(outbox), "gap of 1 in a up to 1");
  EXPECT_EQ(next(outbox), "state 2");
  EXPECT_EQ(next(outbox), "state 3");
}

TEST(Outbox, DoesNotGiveStatesUpForLines) {
  Outbox outbox({.messages = 100, .bytes = 100'000});
  outbox.push(state("a", "crashed"));
  outbox.push(state("a", "running"));
  for (std::uint64_t sequence = 1; sequence < 10'000; ++sequence) outbox.push(line("a", sequence));
  EXPECT_EQ(next(outbox), "crashed");
  EXPECT_EQ(next(outbox), "running");
}

TEST(Outbox, NeverDropsResultsAndOutcomes) {
  Outbox outbox({.messages = 2, .bytes = 10});
  for (int index = 0; index < 50; ++index) {
    outbox.push("0123456789", Delivery::kResult);
    outbox.push("0123456789", Delivery::kOutcome);
  }
  EXPECT_EQ(outbox.messages(), 100u);
  EXPECT_EQ(outbox.dropped(), 0u);
  EXPECT_EQ(outbox.keptBytes(), 1000u);
}

TEST(Outbox, DropsNoStateBecauseOfResults) {
  Outbox outbox({.messages = 2, .bytes = 10});
  outbox.push("changed", Delivery::kState);
  for (int index = 0; index < 5; ++index) outbox.push("0123456789", Delivery::kResult);
  EXPECT_EQ(outbox.dropped(), 0u);
  EXPECT_EQ(outbox.messages(), 6u);
}

TEST(Outbox, ReturnsWhatCouldNotBeSentToItsPlace) {
  Outbox outbox;
  outbox.push("1", Delivery::kState);
  outbox.push("2", Delivery::kState);
  auto first = outbox.take();
  auto second = outbox.take();
  outbox.push("3", Delivery::kStream);
  outbox.putBack(*second);
  outbox.putBack(*first);
  for (const char* expected : {"1", "2", "3"}) EXPECT_EQ(next(outbox), expected);
  EXPECT_EQ(outbox.bytes(), 0u);
}

}  // namespace
}  // namespace agent
