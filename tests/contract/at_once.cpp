// next() with a deadline in the past: what is there, or kDeadlineExceeded. It waits for nothing,
// and whoever asks again and again gets all there is.

#include "contract/conformance.h"
#include "contract/faults.h"

namespace control::conform {
namespace {

class AtOnce : public Conformance {
 public:
  using Conformance::Conformance;

 protected:
  /// What next() gives; fails the test and ends the stream when it waits.
  template <class Item>
  Result<std::optional<Item>> nextAtOnce(Stream<Item>& stream) {
    const StillTime still(*this);
    auto next = inBackground([&] { return stream.next(atOnce()); });
    if (next.wait_for(5s) != std::future_status::ready) {
      ADD_FAILURE() << "with a deadline in the past it waits";
      stream.cancel();
    }
    return next.get();
  }

  /// Nothing is there.
  template <class Item>
  void expectNothingYet(Stream<Item>& stream) {
    EXPECT_CODE(nextAtOnce(stream), kDeadlineExceeded);
  }

  /// The next item, which comes some time; nullopt at the end.
  template <class Item>
  std::optional<Item> poll(Stream<Item>& stream) {
    std::optional<Item> found;
    EXPECT_TRUE(eventually([&] {
      auto item = nextAtOnce(stream);
      if (!item) {
        const bool not_yet = item.error().is(ErrorCode::kDeadlineExceeded);
        EXPECT_TRUE(not_yet) << wordsOf(item.error());
        return !not_yet;
      }
      found = std::move(*item);
      return true;
    })) << "nothing comes to whoever does not wait";
    return found;
  }

  /// All until that many bytes are there.
  std::string pollText(Stream<Output>& stream, std::size_t size) {
    std::string text;
    while (text.size() < size) {
      const auto item = poll(stream);
      if (!item) break;
      text += item->bytes;
    }
    return text;
  }
};

MUST_ON(AtOnce, Logs, logs_past_deadline_gives_what_is_there, Capability::kLogs) {
  const ContainerId id = run(obedient());
  const auto logs = runtime().logs(id, {.follow = true}, soon());
  ASSERT_OK(logs);
  EXPECT_EQ(pollText(**logs, 6), "ready\n");
  expectNothingYet(**logs);
  ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
  EXPECT_FALSE(poll(**logs)) << "nothing but the end comes after it was killed";
}

MUST_ON(AtOnce, Exec, exec_past_deadline_gives_what_is_there, Capability::kExec) {
  const ContainerId id = run(obedient());
  const auto session =
      runtime().exec(id, {.command = {"/bin/sh", "-c", "echo out; sleep 600"}}, soon());
  ASSERT_OK(session);
  EXPECT_EQ(pollText(**session, 4), "out\n");
  expectNothingYet(**session);
}

MUST_ON(AtOnce, Attach, attach_past_deadline_gives_what_is_there, Capability::kAttach) {
  const ContainerId id = create(obedient());
  const auto console =
      runtime().attach(id, {.standard_input = false, .standard_output = true}, soon());
  ASSERT_OK(console);
  expectNothingYet(**console);
  ASSERT_OK(runtime().start(id, soon()));
  EXPECT_EQ(pollText(**console, 6), "ready\n");
  expectNothingYet(**console);
}

MUST_ON(AtOnce, Events, events_past_deadline_gives_what_is_there, Capability::kEvents) {
  const auto events = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(events);
  expectNothingYet(**events);
  const ContainerId id = create(obedient());
  const auto created = poll(**events);
  ASSERT_TRUE(created) << "events do not end";
  EXPECT_EQ(created->type, EventType::kCreated);
  EXPECT_EQ(created->container, id);
}

MUST_ON(AtOnce, Pull, pull_past_deadline_gives_what_is_there, Capability::kPull, Means::kFault) {
  Faults* const engine = faults();
  if (engine == nullptr) return;
  const auto reference = engine->breakPull(PullCase::kSilentRegistry);
  if (!reference) return skip(engine->whyNot("no registry can be made silent"));
  const auto pull = runtime().pull(*reference, {}, soon());
  ASSERT_OK(pull);
  EXPECT_TRUE(poll(**pull)) << "the first word is a step";
  expectNothingYet(**pull);
}

}  // namespace
}  // namespace control::conform
