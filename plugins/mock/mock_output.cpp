#include "mock/mock_output.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "mock/mock_error.h"

namespace control::mock {

Result<std::unique_ptr<LogStream>> ContainerLog::open(const std::shared_ptr<Engine>& engine,
                                                      const ContainerPtr& container,
                                                      const LogOptions& options,
                                                      StreamFault fault) {
  if (!options.standard_output && !options.standard_error)
    return Error::invalid("neither standard output nor standard error is asked for");
  if (options.tail_lines && *options.tail_lines < 0)
    return Error::invalid("the number of lines must not be negative");
  std::unique_ptr<ContainerLog> stream(
      new ContainerLog(engine, container, options, std::move(fault)));
  stream->attach();
  stream->putHistory();
  const bool to_come = container->running() || (container->state == ContainerState::kCreated &&
                                                !engine->profile().follow_needs_run);
  if (!options.follow || !to_come || container->removed) stream->ended_ = true;
  return std::unique_ptr<LogStream>(std::move(stream));
}

/// As far as the engine keeps it.
WallTime ContainerLog::stamp(WallTime at) const {
  return at - at.time_since_epoch() % engine_->profile().log_time_unit;
}

bool ContainerLog::wanted(OutputSource source, WallTime at) const {
  if (source == OutputSource::kStdout && !options_.standard_output) return false;
  if (source == OutputSource::kStderr && !options_.standard_error) return false;
  return (!options_.since || stamp(at) >= stamp(*options_.since)) &&
         (!options_.until || stamp(at) <= *options_.until);
}

void ContainerLog::putHistory() {
  std::vector<const LogLine*> lines;
  for (const LogLine& line : container_->log.lines())
    if (wanted(line.source, line.at)) lines.push_back(&line);
  std::size_t first = 0;
  if (options_.tail_lines) {
    const std::int64_t tail = *options_.tail_lines;
    std::int64_t ends = 0;
    first = lines.size();
    while (first > 0) {
      // What follows the last line's end counts as a line.
      const bool begins_another = first == lines.size() || lines[first - 1]->bytes.back() == '\n';
      if (begins_another && ++ends > tail) break;
      --first;
    }
  }
  if (container_->log.cut() && !options_.tail_lines && !options_.since)
    items_.push_back({.source = OutputSource::kGap});
  for (std::size_t i = first; i < lines.size(); ++i)
    onOutput(lines[i]->source, lines[i]->bytes, lines[i]->at);
}

void ContainerLog::onOutput(OutputSource source, const std::string& bytes, WallTime at) {
  if (!wanted(source, at)) return;
  const Profile& profile = engine_->profile();
  const auto shown = options_.timestamps ? std::optional(stamp(at)) : std::nullopt;
  std::string_view rest = bytes;
  while (profile.log_piece > 0 && rest.size() > profile.log_piece) {
    put(source, std::string(rest.substr(0, profile.log_piece)), shown);
    rest.remove_prefix(profile.log_piece);
  }
  put(source, std::string(rest), shown);
}

Result<std::unique_ptr<Console>> AttachedConsole::open(const std::shared_ptr<Engine>& engine,
                                                       const ContainerPtr& container,
                                                       const AttachOptions& options,
                                                       StreamFault fault) {
  if (container->removed) return removedMeanwhile();
  if (!options.standard_input && !options.standard_output && !options.standard_error)
    return Error::invalid("no stream is asked for");
  if (options.standard_input && !container->spec.open_stdin)
    return failure(ErrorCode::kUnsupported, "the container was created without open_stdin");
  if (container->state == ContainerState::kPaused)
    return failure(ErrorCode::kWrongState, "the container is paused");
  if (!engine->profile().attaches_between_runs && !container->running() &&
      container->state != ContainerState::kCreated)
    return failure(ErrorCode::kWrongState, "the container is not running; attach after its start");
  std::unique_ptr<AttachedConsole> console(
      new AttachedConsole(engine, container, options, std::move(fault)));
  console->attach();
  if (options.standard_input) ++container->input_connections;
  return std::unique_ptr<Console>(std::move(console));
}

AttachedConsole::~AttachedConsole() {
  {
    const std::lock_guard lock(mutex());
    if (options_.standard_input && --container_->input_connections == 0 && container_->alive() &&
        !container_->spec.tty && engine_->profile().stdin_ends_with_connection)
      engine_->endInput(*container_);
  }
  detach();
}

void AttachedConsole::onOutput(OutputSource source, const std::string& bytes, WallTime) {
  const bool wanted =
      source == OutputSource::kStderr ? options_.standard_error : options_.standard_output;
  if (wanted) put(source, bytes, std::nullopt);
}

Result<void> AttachedConsole::checkInput(const CallContext& context) const {
  if (auto checked = checkContext(context, engine_->clock()); !checked) return checked;
  if (!options_.standard_input)
    return failure(ErrorCode::kUnsupported, "it was attached without standard input");
  if (cancelled()) return wasCancelled();
  if (failure_) return *failure_;
  if (ended_ || input_ended_ || container_->removed)
    return failure(ErrorCode::kWrongState, "standard input has ended");
  return {};
}

Result<void> AttachedConsole::write(std::string_view bytes, const CallContext& context) {
  const std::lock_guard lock(mutex());
  if (auto checked = checkInput(context); !checked) return checked;
  engine_->putInput(*container_, bytes);
  return {};
}

Result<void> AttachedConsole::closeInput(const CallContext& context) {
  const std::lock_guard lock(mutex());
  if (auto checked = checkInput(context); !checked) return checked;
  input_ended_ = true;
  engine_->endInput(*container_);
  return {};
}

}  // namespace control::mock
