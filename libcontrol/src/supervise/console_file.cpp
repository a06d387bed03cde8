#include "supervise/console_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <filesystem>
#include <system_error>

namespace control {
namespace {

constexpr std::string_view kEnding = ".console";
constexpr std::size_t kLongestName = 200;
/// Far beyond any ring.
constexpr off_t kLargestFile = 256 * 1024 * 1024;

class File {
 public:
  File(const std::string& path, int flags) : fd_(::open(path.c_str(), flags | O_CLOEXEC, 0600)) {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;

  bool isOpen() const { return fd_ >= 0; }
  int fd() const { return fd_; }

  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno == EINTR) continue;
      if (written <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
  }

 private:
  const int fd_;
};

bool isPlain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '_' || c == '.';
}

std::string hexByte(unsigned char byte) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return {'%', kDigits[byte >> 4U], kDigits[byte & 0xFU]};
}

}  // namespace

std::string consoleFileName(std::string_view entry) {
  std::string name;
  for (const char c : entry) {
    const bool plain = isPlain(c) && !(name.empty() && c == '.');
    name += plain ? std::string(1, c) : hexByte(static_cast<unsigned char>(c));
  }
  if (name.size() > kLongestName) {
    std::uint64_t sum = 0xcbf29ce484222325;
    for (const char c : entry) sum = (sum ^ static_cast<unsigned char>(c)) * 0x100000001b3;
    name = name.substr(0, kLongestName) + '%' + std::to_string(sum);
  }
  return name + std::string(kEnding);
}

std::optional<std::string> readConsoleFile(const std::string& path) {
  const File file(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  struct stat about {};
  if (!file.isOpen() || ::fstat(file.fd(), &about) != 0 || !S_ISREG(about.st_mode) ||
      about.st_size > kLargestFile)
    return std::nullopt;
  std::string bytes;
  std::array<char, 64 * 1024> piece{};
  for (;;) {
    const ssize_t got = ::read(file.fd(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) return bytes;
    bytes.append(piece.data(), static_cast<std::size_t>(got));
  }
}

bool writeConsoleFile(const std::string& path, std::string_view bytes) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code problem;
  if (!std::filesystem::exists(directory, problem)) {
    std::filesystem::create_directories(directory.parent_path(), problem);
    if (::mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return false;
  }
  const std::string fresh = path + "~";
  bool written = false;
  {
    const File file(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW);
    written = file.isOpen() && file.write(bytes);
  }
  if (written && ::rename(fresh.c_str(), path.c_str()) == 0) return true;
  ::unlink(fresh.c_str());
  return false;
}

void removeConsoleFile(const std::string& path) { ::unlink(path.c_str()); }

}  // namespace control
