#include <algorithm>

#include "contract/conformance.h"

namespace control::conform {
namespace {

bool isLife(EventType type) {
  return type == EventType::kCreated || type == EventType::kStarted || type == EventType::kExited ||
         type == EventType::kRemoved;
}

MUST(Events, events_subscription_is_live_when_the_call_returns, Capability::kEvents) {
  for (int round = 0; round < 3; ++round) {
    const auto events = runtime().events({.labels = mine()}, soon());
    ASSERT_OK(events);
    const ContainerId id = create(obedient());
    const auto event = (*events)->next(isVirtual() ? within(1s) : within(30s));
    ASSERT_OK(event);
    ASSERT_TRUE(*event);
    EXPECT_EQ((*event)->type, EventType::kCreated);
    EXPECT_EQ((*event)->container, id);
  }
}

MUST(Events, events_are_ordered_created_started_exited_removed, Capability::kEvents) {
  const auto events = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(events);
  const ContainerSpec spec = shell("exit 4");
  const ContainerId id = run(spec);
  awaitExit(id);
  ASSERT_OK(runtime().remove(id, {}, soon()));
  std::vector<EventType> seen;
  while (seen.empty() || seen.back() != EventType::kRemoved) {
    const auto event = (*events)->next(soon());
    ASSERT_OK(event);
    ASSERT_TRUE(*event);
    if (!isLife((*event)->type)) continue;
    EXPECT_EQ((*event)->container, id);
    EXPECT_FALSE((*event)->raw_type.empty()) << "the engine's own word is not told";
    EXPECT_EQ((*event)->name, spec.name);
    EXPECT_TRUE((*event)->labels.contains(World::kRunKey));
    EXPECT_EQ((*event)->exit_code.value_or(4), 4);
    seen.push_back((*event)->type);
  }
  EXPECT_EQ(seen, (std::vector{EventType::kCreated, EventType::kStarted, EventType::kExited,
                               EventType::kRemoved}));
}

/// What a subscriber who comes back after a flood finds.
struct Found {
  std::size_t created = 0;
  bool gap = false;
};

MUST(Events, events_slow_consumer_gets_a_gap_not_silence, Capability::kEvents) {
  Faults* const engine = faultsIfAny();
  const auto events = [&] {
    // Each event of a real engine is made many, so that no buffer holds them all.
    const bool multiplied = engine != nullptr && engine->multiplyEvents(label(), 20'000);
    auto opened = runtime().events({.labels = mine()}, soon());
    return std::pair(std::move(opened), multiplied ? 20'000U : 1U);
  }();
  ASSERT_OK(events.first);
  const std::size_t rounds = events.second > 1 ? 1 : isMock() ? 5'000 : 200;
  for (std::size_t i = 0; i < rounds; ++i) {
    const ContainerId id = create(obedient());
    ASSERT_OK(runtime().remove(id, {}, soon()));
  }
  Found found;
  while (!found.gap && found.created < rounds * events.second) {
    const auto event = (*events.first)->next(isVirtual() ? within(1s) : within(30s));
    ASSERT_TRUE(event && *event) << "after " << found.created << " of " << rounds * events.second
                                 << " events there is "
                                 << (event ? "an end" : "silence: " + wordsOf(event.error()));
    if ((*event)->type == EventType::kCreated) ++found.created;
    if ((*event)->type == EventType::kGap) found.gap = true;
  }
}

MUST(Events, events_engine_restart_gives_a_gap, Capability::kEvents, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  auto events = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(events);
  engine->goDown();
  const auto event = (*events)->next(soon());
  if (event) {
    ASSERT_TRUE(*event) << "a lost connection is not the end of the events";
    EXPECT_EQ((*event)->type, EventType::kGap);
  } else {
    EXPECT_CODE(event, kUnavailable);
  }
  engine->comeBack();
  events->reset();
  events = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(events);
  const ContainerId id = create(obedient());
  const auto created = nextEvent(**events, EventType::kCreated);
  ASSERT_TRUE(created);
  EXPECT_EQ(created->container, id);
}

MUST(Events, events_unknown_type_is_preserved, Capability::kEvents, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const ContainerId id = create(obedient());
  const auto events = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(events);
  if (!engine->inventEvent(id)) return skip(engine->whyNot("no event can be invented"));
  ASSERT_OK(runtime().start(id, soon()));
  for (;;) {
    const auto event = nextEvent(**events, EventType::kUnknown);
    ASSERT_TRUE(event);
    EXPECT_EQ(event->container, id);
    EXPECT_FALSE(event->raw_type.empty());
    if (event->raw_type == Faults::kInventedEvent) break;
  }
}

MUST(Events, events_filter_by_label, Capability::kEvents) {
  const auto red =
      runtime().events({.labels = {{"colour", "red"}, {"control.conform.test", label()}}}, soon());
  ASSERT_OK(red);
  auto filter = mine();
  filter["colour"] = "";
  const auto any_colour = runtime().events({.labels = filter}, soon());
  ASSERT_OK(any_colour);
  std::vector<ContainerId> ids;
  for (const char* colour : {"green", "", "red"}) {
    ContainerSpec spec = obedient();
    if (*colour != '\0') spec.labels["colour"] = colour;
    ids.push_back(create(spec));
  }
  const auto only = nextEvent(**red, EventType::kCreated);
  ASSERT_TRUE(only);
  EXPECT_EQ(only->container, ids[2]) << "events of other labels came through";
  const auto first = nextEvent(**any_colour, EventType::kCreated);
  const auto second = nextEvent(**any_colour, EventType::kCreated);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->container, ids[0]);
  EXPECT_EQ(second->container, ids[2]);
}

MUST(Events, events_filter_by_the_key_of_a_label_alone, Capability::kEvents) {
  const std::string key = "control.conform.key." + label();
  const auto events = runtime().events({.labels = {{key, ""}}}, soon());
  ASSERT_OK(events);
  create(obedient());
  ContainerSpec spec = obedient();
  spec.labels[key] = "any";
  const ContainerId id = create(spec);
  const auto created = (*events)->next(isVirtual() ? within(1s) : within(30s));
  ASSERT_OK(created);
  ASSERT_TRUE(*created);
  EXPECT_EQ((*created)->type, EventType::kCreated);
  EXPECT_EQ((*created)->container, id) << "events of other labels came through";
}

MUST(Events, slow_consumer_does_not_delay_others, Capability::kEvents) {
  Faults* const engine = faultsIfAny();
  auto slow_filter = mine();
  slow_filter["slow"] = "";
  const bool multiplied = engine != nullptr && engine->multiplyEvents("slow", 20'000);
  const auto slow = runtime().events({.labels = slow_filter}, soon());
  const auto quick = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(slow);
  ASSERT_OK(quick);
  const int rounds = multiplied ? 2 : isMock() ? 3'000 : 200;
  for (int i = 0; i < rounds; ++i) {
    ContainerSpec spec = obedient();
    spec.labels["slow"] = "yes";
    const ContainerId id = create(spec);
    const auto created = nextEvent(**quick, EventType::kCreated);
    ASSERT_TRUE(created);
    ASSERT_EQ(created->container, id);
    ASSERT_OK(runtime().remove(id, {}, soon()));
    ASSERT_TRUE(nextEvent(**quick, EventType::kRemoved));
  }
}

}  // namespace
}  // namespace control::conform
