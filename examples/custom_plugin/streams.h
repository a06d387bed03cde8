#pragma once

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <map>

#include <libcontrol/runtime.h>

#include "waiting.h"

namespace process_engine {

inline bool carries(const std::map<std::string, std::string>& labels,
                    const std::map<std::string, std::string>& wanted) {
  return std::all_of(wanted.begin(), wanted.end(), [&](const auto& one) {
    const auto found = labels.find(one.first);
    return found != labels.end() && (one.second.empty() || found->second == one.second);
  });
}

inline bool isRunning(const std::vector<Run>& runs) { return !runs.empty() && !runs.back().over; }

/// A container as it was found. Its files stay the same ones when it is removed and its name is
/// given to another.
struct Container {
  Fd folder{};
  Fd record{};  ///< of its runs
  Entry entry{};

  std::string file(const char* name) const {
    return "/proc/self/fd/" + std::to_string(folder.get()) + '/' + name;
  }
  bool isGone() const {
    struct stat status {};
    return ::fstat(record.get(), &status) != 0 || status.st_nlink == 0;
  }
  std::vector<Run> runs() const { return readRuns(record.get()); }
  ExitStatus exitOf(const Run& run) const {
    ExitStatus exit{.run = {{entry.id}, toWallTime(run.started_at)}};
    // When and how is not known where the keeper was killed.
    if (run.finished_at == 0) return exit;
    exit.exit_code = run.exit_code;
    exit.finished_at = toWallTime(run.finished_at);
    if (run.signal > 0) exit.signal = Signal{run.signal};
    return exit;
  }
  ContainerInfo info() const {
    ContainerInfo info{.id = {entry.id}, .spec = entry.spec, .image_id = kImage};
    info.state = ContainerState::kCreated;
    info.error = readFile(file("failure"));
    info.created_at = entry.at;
    for (const Run& run : runs()) {
      info.state = run.over ? ContainerState::kExited : ContainerState::kRunning;
      info.started_at = toWallTime(run.started_at);
      if (run.finished_at > 0) info.finished_at = toWallTime(run.finished_at);
      info.pid = run.over ? std::nullopt : std::optional(run.pid);
      info.exit = run.over ? std::optional(exitOf(run)) : std::nullopt;
    }
    info.raw_state = toString(info.state);
    return info;
  }
};

/// The end of the present run of a container, or of the next one.
class RunWatch final : public Waiting<ExitWatch, ExitStatus> {
 public:
  RunWatch(Container container, Clock& clock) : Waiting(clock), container_(std::move(container)) {
    const std::vector<Run> runs = container_.runs();
    runs_before_ = isRunning(runs) ? runs.size() - 1 : runs.size();
  }
  Result<ExitStatus> noticed(const CallContext& context) override { return wait(context); }
  Result<ExitStatus> exited(const CallContext& context) override { return wait(context); }

 private:
  std::optional<Result<ExitStatus>> take() override {
    const bool removed = container_.isGone();
    const std::vector<Run> runs = container_.runs();
    if (runs.size() > runs_before_ && runs[runs_before_].over)
      return container_.exitOf(runs[runs_before_]);
    if (!removed) return std::nullopt;
    return failure(ErrorCode::kNotFound, "the container was removed");
  }

  const Container container_;
  std::size_t runs_before_ = 0;
};

inline Fd openToRead(const std::string& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
}

/// What has been added to a file since `offset`, or a part of it.
inline std::string readMore(const Fd& file, off_t& offset) {
  std::string bytes(65536, '\0');
  const ssize_t size = ::pread(file.get(), bytes.data(), bytes.size(), offset);
  bytes.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  offset += static_cast<off_t>(bytes.size());
  return bytes;
}

/// Output, out of the files that the processes of a container write to.
class Log final : public Waiting<LogStream, std::optional<Output>> {
 public:
  Log(Container container, const LogOptions& options, Clock& clock)
      : Waiting(clock), container_(std::move(container)) {
    const std::vector<Run> runs = container_.runs();
    if (options.follow && isRunning(runs)) run_ = runs.size();
    if (options.standard_output) out_ = openToRead(container_.file("stdout"));
    if (options.standard_error) err_ = openToRead(container_.file("stderr"));
  }
  Result<std::optional<Output>> next(const CallContext& context) override { return wait(context); }

 private:
  std::optional<Result<std::optional<Output>>> take() override {
    // Before the reading: whatever the run wrote is there when it is over.
    const std::vector<Run> runs = container_.runs();
    const bool over = runs.size() != run_ || !isRunning(runs);
    if (std::string bytes = readMore(out_, out_offset_); !bytes.empty())
      return std::optional(Output{.source = OutputSource::kStdout, .bytes = std::move(bytes)});
    if (std::string bytes = readMore(err_, err_offset_); !bytes.empty())
      return std::optional(Output{.source = OutputSource::kStderr, .bytes = std::move(bytes)});
    if (over) return std::optional<Output>();
    return std::nullopt;
  }

  const Container container_;
  std::size_t run_ = 0;  ///< of whose end it waits, counted from 1; 0: of none
  Fd out_{}, err_{};
  off_t out_offset_ = 0, err_offset_ = 0;
};

/// What happens to containers from now on.
class Events final : public Waiting<EventStream, std::optional<Event>> {
 public:
  Events(const std::string& path, EventFilter filter, Clock& clock)
      : Waiting(clock),
        filter_(std::move(filter)),
        file_(openToRead(path)),
        offset_(::lseek(file_.get(), 0, SEEK_END)) {}
  Result<std::optional<Event>> next(const CallContext& context) override { return wait(context); }

 private:
  std::optional<Result<std::optional<Event>>> take() override {
    for (;;) {
      std::string_view text = unread_;
      const auto entry = decode(text);
      unread_.erase(0, unread_.size() - text.size());
      if (entry && carries(entry->spec.labels, filter_.labels))
        return std::optional(Event{.type = entry->event,
                                   .raw_type = std::string(toString(entry->event)),
                                   .container = {entry->id},
                                   .name = entry->spec.name,
                                   .labels = entry->spec.labels,
                                   .at = entry->at});
      const std::string more = entry ? "" : readMore(file_, offset_);
      if (!entry && more.empty()) return std::nullopt;
      unread_ += more;
    }
  }

  const EventFilter filter_;
  const Fd file_;
  off_t offset_;
  std::string unread_{};
};

}  // namespace process_engine
