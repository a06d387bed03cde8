#include "supervise/core.h"

namespace control {

void Supervisor::Core::followConsole(Entry& entry) {
  std::optional<ContainerId> container;
  std::optional<RunId> run;
  std::optional<ExitStatus> exit;
  {
    const std::lock_guard lock(entry.mutex);
    if (entry.removed) return;
    container = entry.container;
    run = entry.run;
    exit = entry.exit;
  }
  consoles_.follow(entry.name, container, run, exit);
}

Result<ConsolePage> Supervisor::Core::console(const std::string& name,
                                              const ConsoleQuery& query) const {
  if (const auto entry = find(name); !entry) return entry.error();
  return consoles_.read(name, query);
}

Result<void> Supervisor::Core::sendLine(const std::string& name, std::string line, Duration timeout,
                                        std::function<void(const Result<void>& written)> done) {
  if (auto checked = ConsoleInput::check(line); !checked) return checked;
  const auto entry = find(name);
  if (!entry) return entry.error();
  std::optional<RunId> run;
  {
    const std::lock_guard lock((*entry)->mutex);
    if ((*entry)->isGone()) return noSuchEntry(name);
    const std::string hint = (*entry)->state == EntryState::kDeleting
                                 ? "it is being deleted"
                                 : "start it before a line is sent to it";
    if (!(*entry)->run)
      return Error{
          .code = ErrorCode::kWrongState,
          .message = "'" + name + "' is " + std::string(toString((*entry)->state)) + ": " + hint};
    run = (*entry)->run;
  }
  const CallContext context{.deadline = CallContext::after(clock().now(), timeout),
                            .cancellation = stopping_.get_token()};
  return consoles_.send(name, *run, std::move(line), context, std::move(done));
}

}  // namespace control
