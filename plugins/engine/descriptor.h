#pragma once

#include <unistd.h>

#include <string>
#include <utility>

#include <libcontrol/result.h>

namespace control::engine {

/// An open file descriptor, closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

/// All of a file, from its beginning. The error is the errno value.
struct FileText {
  std::string text;
  int error = 0;
};
FileText readFile(const std::string& path);

/// An Error for a failed system call: its code from the errno value, its message "<what>:
/// <reason>".
Error systemError(int error, const std::string& what);

}  // namespace control::engine
