#pragma once

#include <unistd.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace process_engine {

/// Owns a descriptor.
class Fd {
 public:
  Fd() = default;
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) reset(std::exchange(other.fd_, -1));
    return *this;
  }
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  void reset(int fd = -1) noexcept {
    if (fd_ >= 0) ::close(fd_);
    fd_ = fd;
  }

 private:
  int fd_ = -1;
};

/// A line of fields: what the state directory's text files are made of. Any byte may be in a field.
using Line = std::vector<std::string>;

/// With tabs between the fields and '\n' at the end.
std::string encode(const Line& fields);
/// The complete lines of `text`: what is still being written is left out.
std::vector<Line> decode(std::string_view text);
/// nullopt: not a number.
std::optional<std::int64_t> toNumber(std::string_view text);
std::optional<int> toInt(std::string_view text);
/// Empty: absent.
std::string toText(std::optional<std::int64_t> number);

/// Nanoseconds since 1970.
std::int64_t wallClock();

/// Every descriptor made here is close-on-exec.
Fd openDirectory(const std::string& path);
/// The names in a folder, in no order; empty when it cannot be read.
std::vector<std::string> namesIn(int folder);
/// The whole file; nullopt with errno when it cannot be read.
std::optional<std::string> readFile(int directory, const char* name);
std::string readAll(int file);
/// In one write, so that readers and other writers see all of it or nothing.
bool appendToFile(int directory, const char* name, std::string_view bytes);

/// Takes the lock of a container: its keeper's for as long as a run lasts, a moment's for whoever
/// creates or removes it. It belongs to the descriptor. Empty: somebody else has it.
Fd tryLock(int container);
bool isLocked(int container);

}  // namespace process_engine
