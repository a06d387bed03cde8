#include "agent/secret.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <memory>

#include "agent/descriptor.h"

namespace agent {
namespace {

using control::Error;
using control::Result;

constexpr std::size_t kLongestSecret = 4096;

/// O_NONBLOCK: opening a FIFO must not wait for its writer.
Descriptor openForReading(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
}

Result<void> requirePrivate(const Descriptor& file, const std::string& path, SecretPlace place) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0)
    return Error::invalid("cannot look at " + path + ": " + ::strerror(errno));
  if (!S_ISREG(status.st_mode)) return Error::invalid(path + " is not a regular file");
  if (place == SecretPlace::kSystemdCredential) {
    if ((status.st_mode & 007) != 0) return Error::invalid(path + " can be read by everybody");
    return {};
  }
  if (status.st_uid != ::geteuid() && status.st_uid != 0)
    return Error::invalid(path + " belongs to user " + std::to_string(status.st_uid) +
                          "; it must belong to the agent's user (" + std::to_string(::geteuid()) +
                          ") or root");
  if ((status.st_mode & 077) != 0)
    return Error::invalid(path + " is open to other users; chmod 0600 it");
  return {};
}

/// The first `most_bytes` of it and one more.
Result<std::string> readPrivate(const std::string& path, SecretPlace place,
                                std::size_t most_bytes) {
  const Descriptor file = openForReading(path);
  if (file.get() < 0) return Error::invalid("cannot read " + path + ": " + ::strerror(errno));
  if (auto checked = requirePrivate(file, path, place); !checked) return checked.error();
  std::string text(most_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t count = ::read(file.get(), text.data() + size, text.size() - size);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error::invalid("cannot read " + path + ": " + ::strerror(errno));
    if (count == 0) break;
    size += static_cast<std::size_t>(count);
  }
  text.resize(size);
  return text;
}

}  // namespace

Result<std::string> readSecretFile(const std::string& path, SecretPlace place) {
  auto read = readPrivate(path, place, kLongestSecret + 2);
  if (!read) return read.error();
  std::string secret = *std::move(read);
  if (secret.ends_with('\n')) secret.pop_back();
  if (secret.ends_with('\r')) secret.pop_back();
  if (auto checked = checkSecret(secret); !checked)
    return Error::invalid(path + " does not hold a secret: " + checked.error().message);
  return secret;
}

Result<std::string> readPrivateFile(const std::string& path, std::size_t most_bytes) {
  auto text = readPrivate(path, SecretPlace::kFile, most_bytes);
  if (text && text->size() > most_bytes)
    return Error::invalid(path + " is larger than " + std::to_string(most_bytes) + " bytes");
  return text;
}

Result<void> requirePrivateFile(const std::string& path) {
  const Descriptor file = openForReading(path);
  if (file.get() < 0) return Error::invalid("cannot read " + path + ": " + ::strerror(errno));
  return requirePrivate(file, path, SecretPlace::kFile);
}

Result<void> checkSecret(std::string_view secret) {
  if (secret.empty()) return Error::invalid("it is empty");
  if (secret.size() > kLongestSecret)
    return Error::invalid("it is longer than " + std::to_string(kLongestSecret) + " characters");
  const bool printable =
      std::all_of(secret.begin(), secret.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!printable)
    return Error::invalid(
        "only printable ASCII characters without spaces and line ends can be sent");
  return {};
}

void eraseFromEnvironment(const char* name) {
  // getenv's text is the process's own memory, which is what /proc/<pid>/environ shows.
  if (char* value = std::getenv(name)) ::explicit_bzero(value, ::strlen(value));
  ::unsetenv(name);
}

}  // namespace agent
