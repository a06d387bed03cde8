#include "agent/panel/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <string_view>
#include <system_error>

#include "agent/panel/dedup.h"
#include "agent/panel/json_plain.h"
#include "agent/panel/json_text.h"

namespace agent {
namespace {

using control::Error;
using control::ErrorCode;
using control::Result;

/// A file is full when it holds what must be remembered; the one before it holds as much.
constexpr std::size_t kCommands = AnsweredIds::kIds;
constexpr control::Duration kAge = AnsweredIds::kAge;
/// Or when it is so large: more than as many commands of usual ids and messages take.
constexpr std::size_t kLargestFile = 4 * 1024 * 1024;
constexpr std::size_t kLongestLine = 8192;
constexpr std::size_t kLongestKeptMessage = 512;
constexpr auto kSyncDelay = std::chrono::milliseconds(5);
constexpr const char* kFirstLine = "{\"journal\":1}\n";

std::int64_t millisecondsOf(control::WallTime time) {
  return std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch()).count();
}

control::WallTime readTime(const Json& line) {
  const Json* at = line.find("at");
  const std::int64_t* count = at == nullptr ? nullptr : at->integer();
  return control::WallTime(std::chrono::milliseconds(count == nullptr ? 0 : *count));
}

std::string beginLine(const JournalEntry& entry) {
  Json line;
  line.set("begin", entry.id).set("action", entry.action);
  if (!entry.server_id.empty()) line.set("server", entry.server_id);
  // As text: JSON's numbers do not hold 64 bits without a sign.
  line.set("content", std::to_string(entry.fingerprint)).set("at", millisecondsOf(entry.at));
  return line.write() + '\n';
}

std::string endLine(const std::string& id, const Outcome& outcome, bool was_accepted) {
  Json line;
  line.set("end", id).set("at", millisecondsOf(outcome.at)).set("success", outcome.success);
  if (!outcome.success)
    line.set("code", outcome.code).set("message", outcome.message.substr(0, kLongestKeptMessage));
  if (was_accepted) line.set("accepted", true);
  return line.write() + '\n';
}

std::string idLine(const char* what, const std::string& id) {
  Json line;
  line.set(what, id);
  return line.write() + '\n';
}

/// One line as it is usually written: without escapes and nesting. The parser takes twenty times as
/// long, and at a start there are thousands of lines.
class PlainLine {
 public:
  explicit PlainLine(std::string_view text) : rest_(text) {}

  /// Absent: the parser may make something of it.
  std::optional<Json> read() {
    Json::Object members;
    members.reserve(6);  // as many as there are
    if (!skip("{")) return std::nullopt;
    do {
      const std::optional<std::string_view> name = text();
      if (!name || !skip(":")) return std::nullopt;
      std::optional<Json> member = value();
      if (!member) return std::nullopt;
      members.emplace_back(*name, *std::move(member));
    } while (skip(","));
    if (rest_ != "}") return std::nullopt;
    return Json(std::move(members));
  }

 private:
  bool skip(std::string_view token) {
    if (!rest_.starts_with(token)) return false;
    rest_.remove_prefix(token.size());
    return true;
  }

  std::optional<std::string_view> text() {
    if (!skip("\"")) return std::nullopt;
    const std::string_view plain = rest_.substr(0, plainLength(rest_));
    rest_.remove_prefix(plain.size());
    if (!skip("\"")) return std::nullopt;
    return plain;
  }

  std::optional<Json> value() {
    if (const auto plain = text()) return Json(*plain);
    if (skip("true")) return Json(true);
    if (skip("false")) return Json(false);
    std::int64_t number = 0;
    const auto read = std::from_chars(rest_.data(), rest_.data() + rest_.size(), number);
    if (read.ec != std::errc()) return std::nullopt;
    rest_.remove_prefix(static_cast<std::size_t>(read.ptr - rest_.data()));
    return Json(number);
  }

  std::string_view rest_;
};

std::optional<Json> readLine(std::string_view text) {
  std::optional<Json> plain = PlainLine(text).read();
  return plain ? std::move(plain) : readJsonObject(text).value;
}

/// What the lines of a journal say of commands, in the order of their beginnings.
class Reading {
 public:
  void read(const std::string& path) {
    begun_ = 0;
    std::ifstream file(path, std::ios::binary);
    std::string line;
    while (std::getline(file, line))
      if (line.size() > kLongestLine || !take(line)) ++unread_;
  }

  std::size_t unread() const { return unread_; }
  /// In the file that was read last, and when the first of them was begun.
  std::size_t begun() const { return begun_; }
  control::WallTime since() const { return since_; }
  std::vector<JournalEntry> take() {
    std::vector<JournalEntry> known;
    for (JournalEntry& entry : entries_)
      if (!entry.id.empty()) known.push_back(std::move(entry));
    return known;
  }

 private:
  bool take(const std::string& text) {
    const std::optional<Json> read = readLine(text);
    if (!read) return false;
    const Json& line = *read;
    if (line.find("journal") != nullptr) return true;
    if (line.findText("begin") != nullptr) return begin(line);
    if (line.findText("end") != nullptr) return end(line);
    if (const std::string* id = line.findText("accepted")) {
      if (JournalEntry* entry = find(*id)) entry->accepted = true;
      return true;
    }
    if (const std::string* id = line.findText("forget")) {
      if (JournalEntry* entry = find(*id)) entry->id.clear();
      places_.erase(*id);
      return true;
    }
    return false;
  }

  bool begin(const Json& line) {
    const std::string* action = line.findText("action");
    const std::string* content = line.findText("content");
    if (action == nullptr || content == nullptr) return false;
    JournalEntry entry;
    entry.id = *line.findText("begin");
    entry.action = *action;
    entry.at = readTime(line);
    if (const std::string* server = line.findText("server")) entry.server_id = *server;
    std::from_chars(content->data(), content->data() + content->size(), entry.fingerprint);
    // Written again at the top of a new file.
    if (JournalEntry* before = find(entry.id))
      before->id.clear();
    else if (begun_++ == 0)
      since_ = entry.at;
    places_[entry.id] = entries_.size();
    entries_.push_back(std::move(entry));
    return true;
  }

  bool end(const Json& line) {
    JournalEntry* entry = find(*line.findText("end"));
    const Json* success = line.find("success");
    if (success == nullptr || success->boolean() == nullptr) return false;
    if (entry == nullptr) return true;
    Outcome outcome{.success = *success->boolean(), .at = readTime(line)};
    if (const std::string* code = line.findText("code")) outcome.code = *code;
    if (const std::string* message = line.findText("message")) outcome.message = *message;
    entry->outcome = std::move(outcome);
    if (line.find("accepted") != nullptr) entry->accepted = true;
    return true;
  }

  JournalEntry* find(const std::string& id) {
    const auto place = places_.find(id);
    return place == places_.end() ? nullptr : &entries_[place->second];
  }

  std::vector<JournalEntry> entries_;
  std::unordered_map<std::string, std::size_t> places_;
  std::size_t unread_ = 0;
  std::size_t begun_ = 0;
  control::WallTime since_{};
};

}  // namespace

CommandJournal::CommandJournal(std::string directory) : directory_(std::move(directory)) {}

CommandJournal::~CommandJournal() {
  syncer_ = {};
  if (file_) ::fdatasync(file_.get());
}

std::string CommandJournal::path(const char* suffix) const {
  return directory_ + "/commands.journal" + suffix;
}

Error CommandJournal::failure(const char* doing) const {
  const int error = errno;
  ErrorCode code = ErrorCode::kInternal;
  if (error == EACCES || error == EPERM || error == EROFS || error == ENOENT || error == ENOTDIR)
    code = ErrorCode::kPermissionDenied;
  if (error == ENOSPC || error == EDQUOT || error == EMFILE || error == ENFILE || error == EFBIG)
    code = ErrorCode::kResourceExhausted;
  return {
      code, control::Effect::kNone,
      std::string("cannot ") + doing + ' ' + path() + ": " + std::generic_category().message(error),
      std::to_string(error)};
}

Result<std::vector<JournalEntry>> CommandJournal::open() {
  std::error_code ignored;  // the open that follows tells
  std::filesystem::create_directories(directory_, ignored);
  Reading reading;
  reading.read(path(".old"));
  reading.read(path());
  if (reading.unread() > 0)
    problem_ = std::to_string(reading.unread()) + " lines of " + path() + " cannot be read";
  std::vector<JournalEntry> entries = reading.take();
  const std::lock_guard lock(mutex_);
  for (const JournalEntry& entry : entries)
    if (!entry.outcome) open_[entry.id] = beginLine(entry);
  begun_ = reading.begun();
  since_ = reading.since();
  if (auto started = startFile(); !started) return started.error();
  syncer_ = std::jthread([this](const std::stop_token& stop) { keepSyncing(stop); });
  return entries;
}

/// Goes on in the file that is there; a new one begins with what has not ended. With mutex_ held.
Result<void> CommandJournal::startFile() {
  file_ = Descriptor(
      ::open(path().c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file_) return failure("write");
  struct stat status {};
  if (::fstat(file_.get(), &status) != 0) return failure("look at");
  size_ = static_cast<std::size_t>(status.st_size);
  // Room that is ours, so that commands are written down on a full disk too. Not every file system
  // can; where none is left the writes tell.
  static_cast<void>(::fallocate(file_.get(), FALLOC_FL_KEEP_SIZE, 0, kLargestFile));
  if (size_ == 0) {
    begun_ = 0;
    if (auto written = write(kFirstLine); !written) return written;
    for (const auto& [id, lines] : open_)
      if (auto written = write(lines); !written) return written;
    return {};
  }
  char last = 0;
  if (::pread(file_.get(), &last, 1, status.st_size - 1) == 1 && last == '\n') return {};
  return write("\n");  // the end of the machine cut the last line short
}

/// Puts the full file aside and begins a new one. With mutex_ held.
Result<void> CommandJournal::rotate() {
  if (::rename(path().c_str(), path(".old").c_str()) != 0) return failure("put aside");
  return startFile();
}

/// After what could not be written before. With mutex_ held.
Result<void> CommandJournal::write(const std::string& line) {
  if (!file_) {
    errno = EBADF;
    return failure("write");
  }
  const std::string text = unwritten_ + line;
  const ssize_t written = ::write(file_.get(), text.data(), text.size());
  if (written != static_cast<ssize_t>(text.size())) {
    if (written >= 0) errno = ENOSPC;
    const Error error = failure("write");
    // Half a line would spoil the next one.
    if (written > 0) static_cast<void>(::ftruncate(file_.get(), static_cast<off_t>(size_)));
    return error;
  }
  unwritten_.clear();
  size_ += text.size();
  unsynced_ = true;
  wake_.notify_one();
  return {};
}

/// What was told must not be unknown to the next agent: it is written before anything else begins.
/// With mutex_ held.
void CommandJournal::writeNowOrLater(const std::string& line) {
  if (!write(line)) unwritten_ += line;
}

Result<void> CommandJournal::begin(const JournalEntry& entry) {
  const std::lock_guard lock(mutex_);
  if (!file_ || isFull(entry.at)) {
    if (auto ready = file_ ? rotate() : startFile(); !ready) return ready;
  }
  std::string line = beginLine(entry);
  if (auto written = write(line); !written) return written;
  open_[entry.id] = std::move(line);
  if (begun_++ == 0) since_ = entry.at;
  return {};
}

/// With mutex_ held.
bool CommandJournal::isFull(control::WallTime now) const {
  return size_ >= kLargestFile || (begun_ >= kCommands && now - since_ >= kAge);
}

void CommandJournal::accepted(const std::string& id) {
  const std::lock_guard lock(mutex_);
  const auto open = open_.find(id);
  if (open == open_.end()) return;
  const std::string line = idLine("accepted", id);
  open->second += line;
  writeNowOrLater(line);
}

void CommandJournal::end(const std::string& id, const Outcome& outcome, bool was_accepted) {
  const std::lock_guard lock(mutex_);
  if (open_.erase(id) > 0) writeNowOrLater(endLine(id, outcome, was_accepted));
}

void CommandJournal::forget(const std::string& id) {
  const std::lock_guard lock(mutex_);
  if (open_.erase(id) > 0) writeNowOrLater(idLine("forget", id));
}

void CommandJournal::keepSyncing(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (wake_.wait(lock, stop, [this] { return unsynced_; })) {
    // One call for whatever comes meanwhile.
    wake_.wait_for(lock, stop, kSyncDelay, [] { return false; });
    unsynced_ = false;
    const Descriptor copy(::fcntl(file_.get(), F_DUPFD_CLOEXEC, 0));
    lock.unlock();
    if (copy) ::fdatasync(copy.get());
    lock.lock();
  }
}

}  // namespace agent
