#include "supervise/kept_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdio>
#include <system_error>

#include "supervise/checksum.h"

namespace control {
namespace {

constexpr int kMostPutAside = 16;

struct File {
  explicit File(int descriptor) : fd(descriptor) {}
  ~File() {
    if (fd >= 0) ::close(fd);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  const int fd;
};

std::string checksumText(std::string_view text) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(checksum(text)));
  return digits;
}

int writeAll(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t count = ::write(fd, text.data(), text.size());
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return count == 0 ? EIO : errno;
    text.remove_prefix(static_cast<std::size_t>(count));
  }
  return 0;
}

int writeFresh(const std::string& path, std::string_view text, Sync sync) {
  const File file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW,
                         S_IRUSR | S_IWUSR));
  if (file.fd < 0) return errno;
  if (const int error = writeAll(file.fd, text); error != 0) return error;
  return sync == Sync::kNo || ::fsync(file.fd) == 0 ? 0 : errno;
}

int syncDirectoryOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  const std::string directory = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  const File folder(::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (folder.fd < 0) return errno;
  return ::fsync(folder.fd) == 0 ? 0 : errno;
}

Error unreadable(const std::string& why) { return {.code = ErrorCode::kInternal, .message = why}; }

}  // namespace

std::string reasonOf(int error) { return std::generic_category().message(error); }

Error damaged(const std::string& how) {
  return {.code = ErrorCode::kInvalidArgument, .message = "it is damaged: " + how};
}

std::vector<std::string_view> splitAt(char separator, std::string_view text) {
  std::vector<std::string_view> all;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(separator, begin), text.size());
    all.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return all;
}

std::string seal(std::string_view title, int version, const std::string& lines) {
  const std::string text = std::string(title) + ' ' + std::to_string(version) + '\n' + lines;
  return text + "end " + checksumText(text) + '\n';
}

Result<std::string_view> unseal(std::string_view title, int version, std::string_view text) {
  const std::vector<std::string_view> first = splitAt(' ', text.substr(0, text.find('\n')));
  if (first.size() != 2 || first[0] != title) return damaged("its first line is another");
  int written = 0;
  const char* end = first[1].data() + first[1].size();
  const auto [read, error] = std::from_chars(first[1].data(), end, written);
  if (error != std::errc{} || read != end || written < 1)
    return damaged("its version is no number");
  if (written > version)
    return Error{.code = ErrorCode::kUnsupported,
                 .message = "it has version " + std::to_string(written) +
                            ", of a newer release; this one reads " + std::to_string(version)};
  const std::size_t last = text.rfind("end ");
  if (last == std::string_view::npos || last == 0 || text[last - 1] != '\n')
    return damaged("its end is missing");
  if (text.substr(last) != "end " + checksumText(text.substr(0, last)) + '\n')
    return damaged("its checksum does not fit");
  const std::size_t begin = text.find('\n') + 1;
  return text.substr(begin, last - begin);
}

int replaceFile(const std::string& path, std::string_view text, Sync sync) {
  const std::string fresh = path + ".new";
  if (int error = writeFresh(fresh, text, sync); error != 0) {
    ::unlink(fresh.c_str());  // what there is of it takes room that others may need
    return error;
  }
  if (::rename(fresh.c_str(), path.c_str()) != 0) return errno;
  return sync == Sync::kYes ? syncDirectoryOf(path) : 0;
}

int makeDirectory(const std::string& path) {
  if (::mkdir(path.c_str(), S_IRWXU) != 0) return errno == EEXIST ? 0 : errno;
  return syncDirectoryOf(path);
}

int removeFile(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return errno == ENOENT ? 0 : errno;
  return syncDirectoryOf(path);
}

Result<std::optional<std::string>> readFile(const std::string& path, std::size_t most_bytes) {
  const File file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK));
  if (file.fd < 0 && errno == ENOENT) return std::optional<std::string>();
  if (file.fd < 0) return unreadable("it cannot be read: " + reasonOf(errno));
  struct stat about {};
  if (::fstat(file.fd, &about) != 0 || !S_ISREG(about.st_mode)) return unreadable("it is no file");
  std::string text;
  char buffer[65536];
  for (;;) {
    const ssize_t count = ::read(file.fd, buffer, sizeof buffer);
    if (count == 0) return std::optional(std::move(text));
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unreadable("it cannot be read: " + reasonOf(errno));
    text.append(buffer, static_cast<std::size_t>(count));
    if (text.size() > most_bytes) return unreadable("it is too large");
  }
}

std::optional<std::string> putFileAside(const std::string& path) {
  for (int i = 1; i <= kMostPutAside; ++i) {
    std::string aside = path + ".unusable-" + std::to_string(i);
    struct stat about {};
    if (::lstat(aside.c_str(), &about) == 0) continue;
    if (::rename(path.c_str(), aside.c_str()) != 0) break;
    return aside;
  }
  return std::nullopt;
}

}  // namespace control
