#include "engine/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <charconv>
#include <chrono>

#include "engine/layout.h"

namespace process_engine {

std::string encode(const Line& fields) {
  std::string text;
  for (const std::string& field : fields) {
    if (&field != &fields.front()) text += '\t';
    for (const char c : field) {
      if (c == '\\')
        text += "\\\\";
      else if (c == '\t')
        text += "\\t";
      else if (c == '\n')
        text += "\\n";
      else
        text += c;
    }
  }
  return text += '\n';
}

std::vector<Line> decode(std::string_view text) {
  std::vector<Line> lines;
  Line line(1);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') {
      lines.push_back(std::exchange(line, Line(1)));
    } else if (text[i] == '\t') {
      line.emplace_back();
    } else if (text[i] == '\\' && i + 1 < text.size()) {
      const char c = text[++i];
      line.back() += c == 't' ? '\t' : c == 'n' ? '\n' : c;
    } else {
      line.back() += text[i];
    }
  }
  return lines;
}

std::optional<std::int64_t> toNumber(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::optional<int> toInt(std::string_view text) {
  const auto number = toNumber(text);
  return number ? std::optional(static_cast<int>(*number)) : std::nullopt;
}

std::string toText(std::optional<std::int64_t> number) {
  return number ? std::to_string(*number) : std::string();
}

std::int64_t wallClock() {
  return std::chrono::nanoseconds(std::chrono::system_clock::now().time_since_epoch()).count();
}

Fd openDirectory(const std::string& path) {
  return Fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
}

std::vector<std::string> namesIn(int folder) {
  std::vector<std::string> names;
  // A descriptor of its own: reading moves it.
  const int copy = ::openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const entries = copy < 0 ? nullptr : ::fdopendir(copy);
  if (entries == nullptr) return names;
  while (const dirent* const entry = ::readdir(entries))
    if (const std::string_view name = entry->d_name; name != "." && name != "..")
      names.emplace_back(name);
  ::closedir(entries);
  return names;
}

std::optional<std::string> readFile(int directory, const char* name) {
  const Fd file(::openat(directory, name, O_RDONLY | O_CLOEXEC));
  if (!file) return std::nullopt;
  return readAll(file.get());
}

std::string readAll(int file) {
  std::string text;
  char buffer[16384];
  for (;;) {
    const ssize_t size = ::pread(file, buffer, sizeof buffer, static_cast<off_t>(text.size()));
    if (size <= 0) return text;
    text.append(buffer, static_cast<std::size_t>(size));
  }
}

bool appendToFile(int directory, const char* name, std::string_view bytes) {
  const Fd file(::openat(directory, name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  return file && ::write(file.get(), bytes.data(), bytes.size()) == ssize_t(bytes.size());
}

namespace {
struct flock wholeFile() {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  return lock;
}
}  // namespace

Fd tryLock(int container) {
  // Closing a file that was open for writing wakes all who wait for the lock, so ask first.
  if (isLocked(container)) return {};
  Fd file(::openat(container, kLockFile, O_RDWR | O_CLOEXEC));
  struct flock lock = wholeFile();
  if (file && ::fcntl(file.get(), F_OFD_SETLK, &lock) != 0) file.reset();
  return file;
}

bool isLocked(int container) {
  const Fd file(::openat(container, kLockFile, O_RDONLY | O_CLOEXEC));
  struct flock lock = wholeFile();
  return file && ::fcntl(file.get(), F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace process_engine
