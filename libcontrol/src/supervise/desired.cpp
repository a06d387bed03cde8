#include "supervise/desired.h"

#include <charconv>
#include <vector>

#include "supervise/escape.h"
#include "supervise/kept_file.h"

namespace control {
namespace {

constexpr std::string_view kDesiredTitle = "libcontrol-desired";
constexpr int kDesiredVersion = 1;
constexpr std::size_t kDesiredMostBytes = std::size_t{64} << 20;
// Wall time, not the runtime's clock: it is this host's disk that is waited for.
constexpr auto kTryAgain = std::chrono::seconds(2);

std::string_view toText(Wanted wanted) {
  switch (wanted) {
    case Wanted::kStopped:
      return "stopped";
    case Wanted::kRunning:
      return "running";
    case Wanted::kFailed:
      return "failed";
    case Wanted::kMade:
      return "made";
    case Wanted::kGone:
      return "gone";
  }
  return "stopped";
}

std::optional<Wanted> wantedFrom(std::string_view text) {
  for (const Wanted one :
       {Wanted::kStopped, Wanted::kRunning, Wanted::kFailed, Wanted::kMade, Wanted::kGone})
    if (text == toText(one)) return one;
  return std::nullopt;
}

std::optional<int> numberFrom(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

/// "ENTRY WANTED RETRIES REASON"; 0 is no reason.
bool readLine(std::string_view line, DesiredStates& states) {
  const std::vector<std::string_view> fields = splitAt(' ', line);
  if (fields.size() != 4) return false;
  const auto name = unescape(fields[0]);
  const auto wanted = wantedFrom(fields[1]);
  const auto retries = numberFrom(fields[2]);
  const auto reason = numberFrom(fields[3]);
  if (!name || name->empty() || !wanted || !retries || !reason) return false;
  Desired desired{.wanted = *wanted, .retries = *retries};
  if (*reason != 0) desired.reason = static_cast<Reason>(*reason);
  return states.emplace(*name, desired).second;
}

}  // namespace

std::string desiredToText(const DesiredStates& states) {
  std::string lines;
  for (const auto& [name, desired] : states) {
    lines += escape(name) + ' ' + std::string(toText(desired.wanted)) + ' ' +
             std::to_string(desired.retries) + ' ' +
             std::to_string(desired.reason ? static_cast<int>(*desired.reason) : 0) + '\n';
  }
  return seal(kDesiredTitle, kDesiredVersion, lines);
}

Result<DesiredStates> desiredFromText(std::string_view text) {
  auto lines = unseal(kDesiredTitle, kDesiredVersion, text);
  if (!lines) return lines.error();
  DesiredStates states;
  while (!lines->empty()) {
    const std::size_t end = lines->find('\n');
    if (!readLine(lines->substr(0, end), states)) return damaged("it holds a line that is none");
    lines->remove_prefix(end + 1);
  }
  return states;
}

DesiredFile::DesiredFile(std::string path, std::function<void(const std::string&)> tell)
    : path_(std::move(path)), tell_(std::move(tell)) {
  if (!path_.empty()) thread_ = std::thread([this] { run(); });
}

DesiredFile::~DesiredFile() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    condition_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

DesiredStates DesiredFile::read() {
  if (path_.empty()) return {};
  const auto text = readFile(path_, kDesiredMostBytes);
  if (text && !*text) return {};
  auto states = text ? desiredFromText(**text) : text.error();
  if (!states) {
    putAside(states.error().message);
    return {};
  }
  const std::lock_guard lock(mutex_);
  states_ = *states;
  return *std::move(states);
}

void DesiredFile::putAside(const std::string& why) {
  const std::string problem = "cannot use the state file '" + path_ + "': " + why;
  if (const auto aside = putFileAside(path_))
    return tell_(problem + "; it is kept as '" + *aside +
                 "', and what is stopped now stays stopped until somebody starts it");
  {
    const std::lock_guard lock(mutex_);
    off_ = true;
  }
  tell_(problem + "; it cannot be renamed either, so nothing is kept: move it away and start anew");
}

void DesiredFile::set(const std::string& entry, const Desired& desired) {
  const std::lock_guard lock(mutex_);
  const auto found = states_.find(entry);
  if (found != states_.end() && found->second == desired) return;
  states_[entry] = desired;
  changed();
}

void DesiredFile::erase(const std::string& entry) {
  const std::lock_guard lock(mutex_);
  if (states_.erase(entry) != 0) changed();
}

/// With the mutex held.
void DesiredFile::changed() {
  ++changes_;
  condition_.notify_all();
}

bool DesiredFile::awaitWritten(Duration patience) {
  if (path_.empty()) return true;
  std::unique_lock lock(mutex_);
  const std::uint64_t wanted = changes_;
  // One that was tried in vain is not waited for: the disk is full, and the caller has work.
  condition_.wait_for(lock, patience, [&] { return attempted_ >= wanted || off_; });
  return written_ >= wanted;
}

void DesiredFile::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    const auto due = [this] { return stopping_ || changes_ != attempted_; };
    if (written_ == changes_ || off_)
      condition_.wait(lock, due);
    else
      condition_.wait_for(lock, kTryAgain, due);
    if (written_ != changes_ && !off_) write(lock);
    // What came during that write is still to be written.
    if (stopping_ && (attempted_ == changes_ || off_)) return;
  }
}

void DesiredFile::write(std::unique_lock<std::mutex>& lock) {
  const std::uint64_t changes = changes_;
  const std::string text = desiredToText(states_);
  lock.unlock();
  const int error = replaceFile(path_, text);
  lock.lock();
  attempted_ = changes;
  if (error == 0) written_ = changes;
  const bool tell = failing_ != (error != 0);
  failing_ = error != 0;
  condition_.notify_all();
  if (!tell) return;
  lock.unlock();
  tell_(error == 0 ? "the state file '" + path_ + "' is written again"
                   : "cannot write the state file '" + path_ + "': " + reasonOf(error) +
                         "; trying again until it works");
  lock.lock();
}

}  // namespace control
