#include "engine/events.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>

#include "engine/layout.h"

namespace process_engine {
namespace {

EventRecord gap() { return {.type = "gap", .at = wallClock()}; }

EventRecord toRecord(const Line& line) {
  if (line.size() < 5 || line.size() % 2 == 0) return gap();
  EventRecord record{.type = line[0],
                     .at = toNumber(line[1]).value_or(0),
                     .id = line[2],
                     .name = line[3],
                     .exit_code = toInt(line[4])};
  for (std::size_t i = 5; i < line.size(); i += 2) record.labels.emplace(line[i], line[i + 1]);
  return record;
}

}  // namespace

void appendEvent(int state_directory, const std::string& type, const Definition& container,
                 std::optional<int> exit_code) {
  Line line{type, std::to_string(wallClock()), container.id, container.spec.name,
            toText(exit_code)};
  for (const auto& [key, value] : container.spec.labels) line.insert(line.end(), {key, value});
  const std::string bytes = encode(line);
  const Fd file(
      ::openat(state_directory, kEventsFile, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) < 0) return;
  // What nobody may read any more gives its space back; where the file system cannot do that, the
  // file grows.
  const std::int64_t end = ::lseek(file.get(), 0, SEEK_CUR);
  if (end > 2 * kKeptEventBytes && end % kKeptEventBytes < std::int64_t(bytes.size()))
    ::fallocate(file.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, end - kKeptEventBytes);
}

EventReader::EventReader(int state_directory)
    : file_(::openat(state_directory, kEventsFile, O_RDONLY | O_CREAT | O_CLOEXEC, 0600)),
      offset_(size()) {}

std::int64_t EventReader::size() const {
  struct stat status {};
  return ::fstat(file_.get(), &status) == 0 ? status.st_size : 0;
}

std::optional<EventRecord> EventReader::next() {
  if (lines_.empty()) readMore();
  if (lines_.empty()) return std::nullopt;
  const EventRecord record = toRecord(lines_.back());
  lines_.pop_back();
  return record;
}

void EventReader::readMore() {
  std::string text(16384, '\0');
  const ssize_t got = ::pread(file_.get(), text.data(), text.size(), offset_);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
  // Looked at after the reading: what was inside the kept part then was whole.
  const std::int64_t end = size();
  if (end - offset_ > kKeptEventBytes) {
    offset_ = end;
    lines_.push_back({"gap"});
    return;
  }
  text.resize(text.rfind('\n') + 1);
  offset_ += static_cast<std::int64_t>(text.size());
  lines_ = decode(text);
  std::reverse(lines_.begin(), lines_.end());
}

}  // namespace process_engine
