#include "engine/descriptor.h"

#include <fcntl.h>

#include <cerrno>
#include <system_error>

namespace control::engine {
namespace {

ErrorCode codeOf(int error) {
  switch (error) {
    case ENOENT:
    case ENODEV:
    case ESRCH:
      return ErrorCode::kNotFound;
    case EACCES:
    case EPERM:
      return ErrorCode::kPermissionDenied;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
    case ENOSPC:
      return ErrorCode::kResourceExhausted;
    case ENOSYS:
    case EOPNOTSUPP:
      return ErrorCode::kUnsupported;
    default:
      return ErrorCode::kInternal;
  }
}

}  // namespace

FileText readFile(const std::string& path) {
  FileText result;
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    result.error = errno;
    return result;
  }
  char buffer[8192];
  for (;;) {
    const ssize_t count = ::read(file.get(), buffer, sizeof buffer);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) result.error = errno;
    if (count <= 0) return result;
    result.text.append(buffer, static_cast<std::size_t>(count));
  }
}

Error systemError(int error, const std::string& what) {
  const std::string reason = std::generic_category().message(error);
  std::string message = what + ": " + reason;
  if (error == EMFILE || error == ENFILE) message += "; raise the limit of open files";
  return {codeOf(error), Effect::kNone, std::move(message), reason};
}

}  // namespace control::engine
