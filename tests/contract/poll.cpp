// pollFd(): once all there is was read, it polls readable when there is something anew, be it an
// item, the end or the cancellation.

#include <poll.h>

#include <csignal>

#include "contract/conformance.h"

namespace control::conform {
namespace {

class Polling : public Conformance {
 public:
  using Conformance::Conformance;

 protected:
  /// Prints when it gets USR1.
  ContainerSpec talker() {
    return shell("trap 'echo again' USR1; echo ready; while true; do sleep 600 & wait $!; done");
  }

  /// Skips the test when there is no descriptor. Return when it is true.
  template <class AnyStream>
  bool offersNone(const AnyStream& stream) {
    assert(declares(Means::kDescriptor));
    if (stream.pollFd() >= 0) return false;
    skip("there is no descriptor to poll: pollFd() is -1");
    return true;
  }

  /// Nobody reads meanwhile.
  void expectReadable(int fd, const std::string& what) {
    const auto give_up = std::chrono::steady_clock::now() + 5s + slack();
    bool readable = false;
    (void)eventually([&] {
      pollfd one{.fd = fd, .events = POLLIN, .revents = 0};
      readable = ::poll(&one, 1, 0) == 1 && (one.revents & POLLIN) != 0;
      return readable || std::chrono::steady_clock::now() > give_up;
    });
    EXPECT_TRUE(readable) << "it does not poll readable for " << what;
  }

  /// Reads until there is nothing more for now.
  template <class Item>
  void drain(Stream<Item>& stream) {
    for (;;) {
      const auto item = stream.next(atOnce());
      if (item && *item) continue;
      EXPECT_CODE(item, kDeadlineExceeded);
      return;
    }
  }

  /// Polls and reads, as the owner of a descriptor does. Nullopt: the end.
  template <class Item>
  std::optional<Item> next(Stream<Item>& stream, const std::string& what) {
    for (;;) {
      auto item = stream.next(atOnce());
      if (item) return std::move(*item);
      if (!item.error().is(ErrorCode::kDeadlineExceeded) || HasFailure()) {
        ADD_FAILURE() << wordsOf(item.error());
        return std::nullopt;
      }
      expectReadable(stream.pollFd(), what);
    }
  }

  void expectText(Stream<Output>& stream, const std::string& expected) {
    std::string text;
    while (text.size() < expected.size()) {
      const auto item = next(stream, "output");
      if (!item) break;
      text += item->bytes;
    }
    EXPECT_EQ(text, expected);
  }

  template <class Item>
  void expectEnd(Stream<Item>& stream) {
    expectReadable(stream.pollFd(), "the end");
    EXPECT_FALSE(next(stream, "the end"));
  }
};

MUST_ON(Polling, Logs, logs_poll_readable_when_there_is_something, Capability::kLogs,
        Means::kDescriptor) {
  const ContainerId id = runReady(talker());
  const auto logs = runtime().logs(id, {.follow = true}, soon());
  ASSERT_OK(logs);
  if (offersNone(**logs)) return;
  expectText(**logs, "ready\n");
  drain(**logs);
  ASSERT_OK(runtime().signal(id, Signal{SIGUSR1}, soon()));
  expectReadable((*logs)->pollFd(), "output");
  expectText(**logs, "again\n");
  drain(**logs);
  ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
  expectEnd(**logs);
}

MUST_ON(Polling, Exec, exec_polls_readable_when_there_is_something, Capability::kExec,
        Means::kDescriptor) {
  const ContainerId id = run(obedient());
  const auto session = runtime().exec(id, {.command = {"cat"}, .standard_input = true}, soon());
  ASSERT_OK(session);
  if (offersNone(**session)) return;
  drain(**session);
  ASSERT_OK((*session)->write("hello\n", soon()));
  expectReadable((*session)->pollFd(), "output");
  expectText(**session, "hello\n");
  drain(**session);
  (*session)->cancel();
  expectReadable((*session)->pollFd(), "the cancellation");
  EXPECT_CODE((*session)->next(atOnce()), kCancelled);
}

MUST_ON(Polling, Attach, attach_polls_readable_when_there_is_something, Capability::kAttach,
        Means::kDescriptor) {
  const ContainerId id = create(talker());
  const auto console =
      runtime().attach(id, {.standard_input = false, .standard_output = true}, soon());
  ASSERT_OK(console);
  if (offersNone(**console)) return;
  drain(**console);
  ASSERT_OK(runtime().start(id, soon()));
  expectReadable((*console)->pollFd(), "output");
  expectText(**console, "ready\n");
  drain(**console);
  ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
  expectEnd(**console);
}

MUST_ON(Polling, Events, events_poll_readable_when_there_is_something, Capability::kEvents,
        Means::kDescriptor) {
  const auto events = runtime().events({.labels = mine()}, soon());
  ASSERT_OK(events);
  if (offersNone(**events)) return;
  drain(**events);
  const ContainerId id = create(obedient());
  expectReadable((*events)->pollFd(), "an event");
  const auto created = next(**events, "an event");
  ASSERT_TRUE(created) << "events do not end";
  EXPECT_EQ(created->container, id);
  drain(**events);
  (*events)->cancel();
  expectReadable((*events)->pollFd(), "the cancellation");
  EXPECT_CODE((*events)->next(atOnce()), kCancelled);
}

MUST_ON(Polling, Wait, watch_polls_readable_when_the_run_is_over, Means::kDescriptor) {
  for (const bool armed_before : {true, false}) {
    const ContainerId id = armed_before ? create(obedient()) : run(obedient());
    const auto armed = watch(id);
    ASSERT_NE(armed, nullptr);
    if (offersNone(*armed)) return;
    EXPECT_CODE(armed->noticed(atOnce()), kDeadlineExceeded);
    if (armed_before) ASSERT_OK(runtime().start(id, soon()));
    ASSERT_OK(runtime().signal(id, Signal::kill(), soon()));
    for (;;) {
      expectReadable(armed->pollFd(), "an exit");
      const auto exit = armed->noticed(atOnce());
      if (!exit && exit.error().is(ErrorCode::kDeadlineExceeded) && !HasFailure()) continue;
      ASSERT_OK(exit);
      EXPECT_EQ(exit->run.container, id);
      break;
    }
  }
}

}  // namespace
}  // namespace control::conform
