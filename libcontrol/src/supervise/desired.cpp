#include "supervise/desired.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdio>
#include <system_error>
#include <vector>

#include "supervise/escape.h"

namespace control {
namespace {

constexpr std::string_view kTitle = "libcontrol-desired";
constexpr int kVersion = 1;
constexpr std::size_t kMostBytes = std::size_t{64} << 20;
// Wall time, not the runtime's clock: it is this host's disk that is waited for.
constexpr auto kTryAgain = std::chrono::seconds(2);
constexpr int kMostPutAside = 16;

std::string_view toText(Wanted wanted) {
  switch (wanted) {
    case Wanted::kStopped:
      return "stopped";
    case Wanted::kRunning:
      return "running";
    case Wanted::kFailed:
      return "failed";
  }
  return "stopped";
}

std::optional<Wanted> wantedFrom(std::string_view text) {
  for (const Wanted one : {Wanted::kStopped, Wanted::kRunning, Wanted::kFailed})
    if (text == toText(one)) return one;
  return std::nullopt;
}

std::optional<int> numberFrom(std::string_view text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

/// FNV-1a: against a torn or damaged file, not against malice.
std::string checksum(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325U;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(hash));
  return digits;
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> all;
  for (std::size_t begin = 0; begin <= line.size();) {
    const std::size_t end = std::min(line.find(' ', begin), line.size());
    all.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

Error damaged(const std::string& how) {
  return {.code = ErrorCode::kInvalidArgument, .message = "it is damaged: " + how};
}

/// "ENTRY WANTED RETRIES REASON"; 0 is no reason.
bool readLine(std::string_view line, DesiredStates& states) {
  const std::vector<std::string_view> fields = words(line);
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

struct File {
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int fd;
};

std::string reasonOf(int error) { return std::generic_category().message(error); }

/// 0, or what went wrong.
int writeAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0 ? EIO : errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

int replaceFile(const std::string& path, std::string_view text) {
  const std::string fresh = path + ".new";
  {
    const File file(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                           S_IRUSR | S_IWUSR));
    if (file.fd < 0) return errno;
    if (const int error = writeAll(file.fd, text); error != 0) return error;
    if (::fsync(file.fd) != 0) return errno;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno;
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd < 0) return errno;
  return ::fsync(folder.fd) == 0 ? 0 : errno;
}

}  // namespace

std::string desiredToText(const DesiredStates& states) {
  std::string text = std::string(kTitle) + ' ' + std::to_string(kVersion) + '\n';
  for (const auto& [name, desired] : states) {
    text += escape(name) + ' ' + std::string(toText(desired.wanted)) + ' ' +
            std::to_string(desired.retries) + ' ' +
            std::to_string(desired.reason ? static_cast<int>(*desired.reason) : 0) + '\n';
  }
  return text + "end " + checksum(text) + '\n';
}

Result<DesiredStates> desiredFromText(std::string_view text) {
  const std::vector<std::string_view> title = words(text.substr(0, text.find('\n')));
  if (title.size() != 2 || title[0] != kTitle) return damaged("its first line is another");
  const auto version = numberFrom(title[1]);
  if (!version || *version == 0) return damaged("its version is no number");
  if (*version > kVersion)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "it has version " + std::to_string(*version) +
                            ", of a newer release; this one reads " + std::to_string(kVersion)};
  const std::size_t last = text.rfind("end ");
  if (last == std::string_view::npos || last == 0 || text[last - 1] != '\n')
    return damaged("its end is missing");
  if (text.substr(last) != "end " + checksum(text.substr(0, last)) + '\n')
    return damaged("its checksum does not fit");
  DesiredStates states;
  std::size_t begin = text.find('\n') + 1;
  while (begin < last) {
    const std::size_t end = text.find('\n', begin);
    if (!readLine(text.substr(begin, end - begin), states))
      return damaged("it holds a line that is none");
    begin = end + 1;
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
  const auto text = load();
  if (!text) return {};
  auto states = desiredFromText(*text);
  if (!states) {
    putAside(states.error().message);
    return {};
  }
  const std::lock_guard lock(mutex_);
  states_ = *states;
  return *std::move(states);
}

std::optional<std::string> DesiredFile::load() {
  const File file(::open(path_.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.fd < 0) {
    if (errno != ENOENT) putAside("it cannot be read: " + reasonOf(errno));
    return std::nullopt;
  }
  struct stat about {};
  if (::fstat(file.fd, &about) != 0 || !S_ISREG(about.st_mode)) {
    putAside("it is no file");
    return std::nullopt;
  }
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(file.fd, buffer, sizeof buffer);
    if (count == 0) return text;
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) putAside("it cannot be read: " + reasonOf(errno));
    if (count < 0) return std::nullopt;
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > kMostBytes) putAside("it is too large");
    if (text.size() > kMostBytes) return std::nullopt;
  }
}

void DesiredFile::putAside(const std::string& why) {
  const std::string problem = "cannot use the state file '" + path_ + "': " + why;
  for (int i = 1; i <= kMostPutAside; ++i) {
    const std::string aside = path_ + ".unusable-" + std::to_string(i);
    struct stat about {};
    if (::lstat(aside.c_str(), &about) == 0) continue;
    if (::rename(path_.c_str(), aside.c_str()) != 0) break;
    return tell_(problem + "; it is kept as '" + aside +
                 "', and what is stopped now stays stopped until somebody starts it");
  }
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
