// Bugs that are felt in the host's process.

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <type_traits>

#include "contract/mutants/decorator.h"
#include "contract/mutants/mutants.h"

namespace control::conform {
namespace {

/// Does something beside each inspect.
class Beside final : public Decorator {
 public:
  Beside(std::shared_ptr<ContainerRuntime> inner, std::function<void()> deed)
      : Decorator(std::move(inner)), deed_(std::move(deed)) {}
  Result<ContainerInfo> inspect(const ContainerId& id, const CallContext& context) override {
    deed_();
    return Decorator::inspect(id, context);
  }

 private:
  const std::function<void()> deed_;
};

MakeMutant beside(std::function<void()> deed) {
  return [deed](std::shared_ptr<ContainerRuntime> inner) -> std::unique_ptr<ContainerRuntime> {
    return std::make_unique<Beside>(std::move(inner), deed);
  };
}

void block(int number) {
  sigset_t one;
  ::sigemptyset(&one);
  ::sigaddset(&one, number);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
}

class ExtensionForAnyName final : public Decorator {
 public:
  using Decorator::Decorator;
  void* extension(std::string_view) noexcept override { return this; }
};

/// Once the connection that follows the logs is gone nobody can see it any more.
class LogsPassedOn final : public StreamDecorator<Output> {
 public:
  using StreamDecorator::StreamDecorator;
  ~LogsPassedOn() override { ::close(fd_); }

 private:
  const int fd_ = ::open("/dev/null", O_RDONLY);
};

class StreamPassedOn final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override {
    return wrapped<LogsPassedOn>(inner().logs(id, options, context));
  }
};

class ConnectionPassedOn final : public Decorator {
 public:
  using Decorator::Decorator;
  ~ConnectionPassedOn() override { ::close(fd_); }

 private:
  const int fd_ = ::open("/dev/null", O_RDONLY);
};

/// In the thread that waits for it.
class WaitThrows final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return wrapped<Watch>(inner().watchExit(id, context));
  }

 private:
  struct Watch final : WatchDecorator {
    using WatchDecorator::WatchDecorator;
    Result<ExitStatus> exited(const CallContext&) override { throw std::runtime_error("no exit"); }
  };
};

class InfoThrows final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<RuntimeInfo> info(const CallContext&) override { throw std::runtime_error("no info"); }
};

/// Once the suite has begun.
class IsFull final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<CreatedContainer> create(const ContainerSpec& spec, const CallContext& context) override {
    static std::atomic<bool> first{true};
    if (first.exchange(false)) return Decorator::create(spec, context);
    return Error{.code = ErrorCode::kResourceExhausted, .message = "no room"};
  }
};

class ListsNoStats final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<RuntimeInfo> info(const CallContext& context) override {
    auto info = Decorator::info(context);
    if (info) std::erase(info->capabilities, Capability::kStats);
    return info;
  }
};

CallContext patient(CallContext context) {
  context.deadline = TimePoint::max();
  return context;
}

[[noreturn]] void hang() {
  for (;;) ::pause();
}

/// Neither a deadline nor a cancellation ends it, and no container can be cleaned up.
class ListNeverReturns final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<ContainerInfo> inspect(const ContainerId&, const CallContext&) override {
    hangs_ = true;
    hang();
  }
  Result<std::vector<ContainerSummary>> list(const ListFilter& filter,
                                             const CallContext& context) override {
    if (hangs_) hang();
    return Decorator::list(filter, context);
  }

 private:
  static inline std::atomic<bool> hangs_ = false;
};

/// Ends with the container alone.
struct PatientWatch final : WatchDecorator {
  using WatchDecorator::WatchDecorator;
  Result<ExitStatus> noticed(const CallContext&) override { return inner().noticed({}); }
};

class NoticedIgnoresItsContext final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<ExitWatch>> watchExit(const ContainerId& id,
                                               const CallContext& context) override {
    return wrapped<PatientWatch>(inner().watchExit(id, context));
  }
};

/// next() waits, whatever its deadline. A reader that polls never gets its turn.
template <class Item>
class Patient final : public StreamDecorator<Item> {
 public:
  using StreamDecorator<Item>::StreamDecorator;
  Result<std::optional<Item>> next(const CallContext& context) override {
    return StreamDecorator<Item>::next(patient(context));
  }
};

/// The same of a console.
template <class Base>
class PatientConsole final : public Base {
 public:
  using Base::Base;
  Result<std::optional<Output>> next(const CallContext& context) override {
    return Base::next(patient(context));
  }
};

class NextIgnoresPastDeadlines final : public Decorator {
 public:
  using Decorator::Decorator;
  Result<std::unique_ptr<LogStream>> logs(const ContainerId& id, const LogOptions& options,
                                          const CallContext& context) override {
    return wrapped<Patient<Output>>(inner().logs(id, options, context));
  }
  Result<std::unique_ptr<Console>> attach(const ContainerId& id, const AttachOptions& options,
                                          const CallContext& context) override {
    return wrapped<PatientConsole<ConsoleDecorator<Console>>>(inner().attach(id, options, context));
  }
  Result<std::unique_ptr<ExecSession>> exec(const ContainerId& id, const ExecSpec& spec,
                                            const CallContext& context) override {
    return wrapped<PatientConsole<ExecDecorator>>(inner().exec(id, spec, context));
  }
  Result<std::unique_ptr<EventStream>> events(const EventFilter& filter,
                                              const CallContext& context) override {
    return wrapped<Patient<Event>>(inner().events(filter, context));
  }
  Result<std::unique_ptr<PullStream>> pull(const std::string& reference, const PullOptions& options,
                                           const CallContext& context) override {
    return wrapped<Patient<PullProgress>>(inner().pull(reference, options, context));
  }
};

}  // namespace

void addProcessMutants(std::map<std::string_view, MakeMutant>& all) {
  all.emplace("prints_on_stdout", beside([] { std::printf("inspected "); }));
  all.emplace("prints_on_stderr", beside([] { std::cerr << "inspected\n"; }));
  all.emplace("ignores_sigpipe", beside([] { ::signal(SIGPIPE, SIG_IGN); }));
  all.emplace("handles_sigchld", beside([] { ::signal(SIGCHLD, [](int) {}); }));
  all.emplace("handles_sigterm", beside([] { ::signal(SIGTERM, [](int) {}); }));
  all.emplace("blocks_signals", beside([] { block(SIGUSR1); }));
  all.emplace("changes_environment", beside([] { ::setenv("DOCKER_HOST", "here", 1); }));
  all.emplace("changes_folder", beside([] { static_cast<void>(::chdir("/") == 0); }));
  all.emplace("changes_umask", beside([] { ::umask(0123); }));
  all.emplace("closes_stdin", beside([] { ::close(STDIN_FILENO); }));
  all.emplace("inspect_never_returns", beside(hang));
  all.emplace("list_never_returns_either", makes<ListNeverReturns>());
  all.emplace("noticed_ignores_its_context", makes<NoticedIgnoresItsContext>());
  all.emplace("exits_with_0", beside([] { std::exit(0); }));
  all.emplace("quick_exits_with_0", beside([] { std::quick_exit(0); }));
  all.emplace("underscore_exits_with_0", beside([] { ::_exit(0); }));
  all.emplace("exits_when_opened",
              [](const auto&) -> std::unique_ptr<ContainerRuntime> { ::_exit(0); });
  all.emplace("aborts", beside([] {
                std::fputs("these are my last words\n", stderr);
                std::abort();
              }));
  all.emplace("lists_no_stats", makes<ListsNoStats>());
  all.emplace("is_full", makes<IsFull>());
  all.emplace("info_throws", makes<InfoThrows>());
  all.emplace("throws", beside([] { throw std::runtime_error("no such luck"); }));
  all.emplace("throws_an_int", beside([] { throw 5; }));
  all.emplace("wait_throws", makes<WaitThrows>());
  all.emplace("extension_for_any_name", makes<ExtensionForAnyName>());
  all.emplace("connection_is_passed_on", makes<ConnectionPassedOn>());
  all.emplace("stream_is_passed_on", makes<StreamPassedOn>());
  all.emplace("next_ignores_past_deadlines", makes<NextIgnoresPastDeadlines>());
}

}  // namespace control::conform
