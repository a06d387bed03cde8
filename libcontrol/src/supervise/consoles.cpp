#include "supervise/consoles.h"

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>

#include "supervise/kept_file.h"

namespace control {
namespace {

/// Logs that are being opened at one moment.
constexpr std::size_t kMostOpeners = 16;
constexpr Duration kFirstDelay = std::chrono::milliseconds(20);
constexpr Duration kLongestDelay = std::chrono::seconds(5);
constexpr Duration kSaveInterval = std::chrono::seconds(10);
/// Far beyond any ring.
constexpr std::size_t kLargestFile = std::size_t{256} << 20;

/// Only history is lost with the power: not worth a sync.
bool keep(const std::string& path, std::string_view bytes) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code ignored;  // then the file cannot be written either
  std::filesystem::create_directories(directory.parent_path(), ignored);
  return makeDirectory(directory.string()) == 0 && replaceFile(path, bytes, Sync::kNo) == 0;
}

}  // namespace

Consoles::Consoles(ContainerRuntime& runtime, Options options, Callbacks callbacks)
    : runtime_(runtime),
      options_(std::move(options)),
      callbacks_(std::move(callbacks)),
      thread_({.output = [this](std::uint64_t token,
                                std::vector<Output> outputs) { output(token, std::move(outputs)); },
               .ended = [this](std::uint64_t token,
                               const std::optional<Error>& error) { ended(token, error); }}) {}

Consoles::~Consoles() {
  stop();
  saveAll();
}

void Consoles::stop() { thread_.stop(); }

Consoles::FollowedPtr Consoles::find(const std::string& entry) const {
  const std::lock_guard lock(mutex_);
  const auto found = followed_.find(entry);
  return found == followed_.end() ? nullptr : found->second;
}

Consoles::FollowedPtr Consoles::make(const std::string& entry) {
  if (auto found = find(entry)) return found;
  auto fresh = std::make_shared<Followed>(entry, options_.most_bytes);
  fresh->input = std::make_shared<ConsoleInput>(runtime_, entry, callbacks_.submit);
  if (!options_.directory.empty())
    if (const auto saved = readFile(pathOf(entry), kLargestFile); saved && *saved)
      (void)fresh->log.load(**saved);
  fresh->restored = fresh->saved_last = fresh->log.last();
  const std::lock_guard lock(mutex_);
  return followed_.emplace(entry, std::move(fresh)).first->second;
}

void Consoles::follow(const std::string& entry, const std::optional<ContainerId>& container,
                      const std::optional<RunId>& run, const std::optional<ExitStatus>& last) {
  if (!container && !find(entry)) return;
  const FollowedPtr followed = make(entry);
  bool over = false;
  {
    const std::lock_guard lock(followed->mutex);
    over = followed->run && followed->run != run;
    const bool news = followed->run != run || (container && followed->container != container);
    if (container) followed->container = container;
    followed->run = run;
    followed->has_run = followed->has_run || run || last;
    if (last) followed->last_end = last->finished_at;
    if (run && followed->reading == Reading::kOpen)
      followed->log.expectRun(*run, followed->last_end);
    if (news) {
      followed->drained = false;
      followed->problem.clear();
    }
    // Whoever tells has just spoken with the engine: there is no reason to wait.
    followed->delay = Duration::zero();
  }
  if (over) followed->input->end();
  queue(followed);
}

void Consoles::create(const std::string& entry) {
  forget(entry);
  const FollowedPtr followed = make(entry);
  const std::lock_guard lock(followed->mutex);
  followed->log.expectNew();
}

void Consoles::forget(const std::string& entry) {
  FollowedPtr followed;
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = followed_.find(entry); found != followed_.end()) {
      followed = std::move(found->second);
      followed_.erase(found);
    }
  }
  if (followed) drop(followed);
  if (options_.directory.empty()) return;
  const std::lock_guard lock(files_);
  (void)removeFile(pathOf(entry));
}

void Consoles::drop(const FollowedPtr& followed) {
  followed->input->end();
  std::uint64_t token = 0;
  {
    const std::lock_guard lock(followed->mutex);
    followed->forgotten = true;
    followed->at_rest.notify_all();
    if (followed->reading == Reading::kOpen) token = followed->token;
  }
  if (token == 0) return;
  thread_.remove(token);
  const std::lock_guard lock(mutex_);
  open_.erase(token);
}

void Consoles::awaitEnd(const std::string& entry, const CallContext& context) const {
  const FollowedPtr followed = find(entry);
  if (!followed || options_.most_bytes == 0) return;
  const std::stop_callback cancelled(context.cancellation, [&] {
    const std::lock_guard lock(followed->mutex);
    followed->at_rest.notify_all();
  });
  std::unique_lock lock(followed->mutex);
  while (followed->wantsReading() && !context.cancellation.stop_requested())
    if (!runtime_.clock().waitUntil(lock, followed->at_rest, context.deadline)) return;
}

ConsolePage Consoles::read(const std::string& entry, const ConsoleQuery& query) const {
  ConsolePage page;
  const FollowedPtr followed = find(entry);
  if (!followed) return page;
  const std::lock_guard lock(followed->mutex);
  page.problem = followed->problem;
  page.restored = followed->restored;
  followed->log.read(query, page);
  return page;
}

Result<void> Consoles::send(const std::string& entry, const RunId& run, std::string line,
                            const CallContext& context, ConsoleInput::Done done) {
  return make(entry)->input->send(run, std::move(line), context, std::move(done));
}

// ---- opening ----

/// Sees that what wants to be read is opened, unless it is already or about to be.
void Consoles::queue(const FollowedPtr& followed) {
  if (options_.most_bytes == 0 || options_.stopping.stop_requested()) return;
  bool start = false;
  {
    const std::lock_guard lock(mutex_);
    {
      const std::lock_guard own(followed->mutex);
      if (!followed->wantsReading()) return;
      if (followed->reading != Reading::kIdle && followed->reading != Reading::kWaiting) return;
      followed->reading = Reading::kQueued;
      followed->token = next_token_++;
    }
    queue_.push_back(followed);
    start = openers_ < kMostOpeners;
    if (start) ++openers_;
  }
  if (start) callbacks_.submit([this] { openQueued(); });
  const std::lock_guard lock(mutex_);
  if (!std::exchange(saving_, true)) keepSaving();
}

void Consoles::openQueued() {
  for (;;) {
    FollowedPtr followed;
    {
      const std::lock_guard lock(mutex_);
      if (queue_.empty()) {
        --openers_;
        return;
      }
      followed = std::move(queue_.front());
      queue_.pop_front();
    }
    open(followed);
  }
}

void Consoles::open(const FollowedPtr& followed) {
  ContainerId container;
  std::optional<RunId> run;
  LogOptions request;
  {
    const std::lock_guard lock(followed->mutex);
    if (!followed->wantsReading() || options_.stopping.stop_requested()) {
      followed->reading = Reading::kIdle;
      return;
    }
    followed->reading = Reading::kOpening;
    container = followed->opened = *followed->container;
    run = followed->run;
    request = followed->log.request(container, run.has_value());
  }
  CallContext context = CallContext::within(options_.call_timeout, runtime_.clock());
  context.cancellation = options_.stopping;
  opened(followed, run, container, runtime_.logs(container, request, context));
}

void Consoles::opened(const FollowedPtr& followed, const std::optional<RunId>& run,
                      const ContainerId& container, Result<std::unique_ptr<LogStream>> stream) {
  if (!stream) return settle(followed, stream.error());
  std::uint64_t token = 0;
  {
    const std::lock_guard lock(mutex_);
    const std::lock_guard own(followed->mutex);
    if (followed->forgotten || !*stream) {
      followed->reading = Reading::kIdle;
      followed->drained = true;
      followed->at_rest.notify_all();
      return;
    }
    followed->log.open(container, run, followed->last_end);
    // One that began while the log was being opened may have written into it already.
    if (followed->run && followed->run != run && followed->container == container)
      followed->log.expectRun(*followed->run, followed->last_end);
    followed->read_run = run;
    followed->reading = Reading::kOpen;
    token = followed->token;
    open_.emplace(token, followed);
  }
  // Before the first line of it has a number.
  save(*followed);
  thread_.add(token, std::move(*stream));
}

// ---- reading ----

void Consoles::output(std::uint64_t token, std::vector<Output> outputs) {
  FollowedPtr followed;
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(token);
    if (found == open_.end()) return;
    followed = found->second;
  }
  bool news = false;
  bool landmark = false;
  {
    const std::lock_guard lock(followed->mutex);
    const std::uint64_t last = followed->log.last();
    const std::uint64_t landmarks = followed->log.landmarks();
    for (Output& one : outputs) followed->log.accept(std::move(one));
    news = followed->log.last() != last;
    landmark = followed->log.landmarks() != landmarks;
    if (news) followed->delay = Duration::zero();
  }
  if (landmark) callbacks_.submit([this, followed] { save(*followed); });
  if (news) callbacks_.changed(followed->entry);
}

void Consoles::ended(std::uint64_t token, const std::optional<Error>& error) {
  FollowedPtr followed;
  {
    const std::lock_guard lock(mutex_);
    const auto found = open_.find(token);
    if (found == open_.end()) return;
    followed = std::move(found->second);
    open_.erase(found);
  }
  settle(followed, error);
}

/// What becomes of a console whose log ended or could not be opened.
void Consoles::settle(const FollowedPtr& followed, const std::optional<Error>& error) {
  bool at_once = false;
  bool again = false;
  bool news = false;
  {
    const std::lock_guard lock(followed->mutex);
    const bool was_open = followed->reading == Reading::kOpen;
    followed->reading = Reading::kIdle;
    // What is told of a container that was replaced meanwhile says nothing of the one there is.
    const bool replaced = followed->container != followed->opened;
    const auto failed = [&](ErrorCode code) { return error && error->code == code && !replaced; };
    if (failed(ErrorCode::kUnsupported)) followed->problem = error->message;
    // The end of what a stopped container has in its log, or of what cannot be read.
    const bool over = !error && was_open && !followed->run && !followed->read_run;
    if (over || failed(ErrorCode::kNotFound) || failed(ErrorCode::kUnsupported) ||
        failed(ErrorCode::kCancelled))
      followed->drained = true;
    if (followed->drained) followed->at_rest.notify_all();
    if (!followed->run && followed->drained) {
      const std::uint64_t last = followed->log.last();
      followed->log.endRun();
      news = followed->log.last() != last;
    }
    again = followed->wantsReading();
    // Another run than the one whose log ended, or the rest of that one: it may have been cut
    // short.
    at_once = replaced || (!error && followed->run != followed->read_run);
  }
  if (news) callbacks_.changed(followed->entry);
  if (!again) return;
  if (at_once)
    queue(followed);
  else
    retry(followed);
}

void Consoles::retry(const FollowedPtr& followed) {
  Duration delay{};
  std::uint64_t token = 0;
  {
    const std::lock_guard lock(mutex_);
    const std::lock_guard own(followed->mutex);
    if (followed->reading != Reading::kIdle) return;
    followed->reading = Reading::kWaiting;
    token = followed->token = next_token_++;
    delay = followed->delay = std::clamp(followed->delay * 2, kFirstDelay, kLongestDelay);
  }
  callbacks_.after(delay, [this, followed, token] {
    {
      const std::lock_guard lock(followed->mutex);
      if (followed->reading != Reading::kWaiting || followed->token != token) return;
    }
    queue(followed);
  });
}

// ---- keeping ----

/// With mutex_ held.
void Consoles::keepSaving() {
  if (options_.directory.empty()) return;
  callbacks_.after(kSaveInterval, [this] {
    callbacks_.submit([this] {
      saveAll();
      const std::lock_guard lock(mutex_);
      keepSaving();
    });
  });
}

void Consoles::saveAll() {
  std::vector<FollowedPtr> all;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [entry, followed] : followed_) all.push_back(followed);
  }
  for (const FollowedPtr& followed : all) save(*followed);
}

void Consoles::save(Followed& followed) {
  if (options_.directory.empty()) return;
  const std::lock_guard files(files_);
  std::string bytes;
  std::uint64_t last = 0;
  std::uint64_t landmarks = 0;
  {
    const std::lock_guard lock(followed.mutex);
    last = followed.log.last();
    landmarks = followed.log.landmarks();
    if (followed.forgotten ||
        (last == followed.saved_last && landmarks == followed.saved_landmarks))
      return;
    bytes = followed.log.save();
  }
  if (!keep(pathOf(followed.entry), bytes)) return;
  const std::lock_guard lock(followed.mutex);
  followed.saved_last = last;
  followed.saved_landmarks = landmarks;
}

std::string Consoles::pathOf(const std::string& entry) const {
  return options_.directory + '/' + entry + ".console";
}

}  // namespace control
