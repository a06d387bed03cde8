#include "contract/scratch.h"

#include <stdlib.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <stdexcept>

namespace control::conform {
namespace {

namespace fs = std::filesystem;

/// The path of a Unix socket holds 107 bytes.
constexpr std::size_t kLongestForSockets = 80;

// Made before there are threads, the same in both processes.
std::string for_files;
std::string for_sockets;
std::atomic<int> folders{0};

/// In that folder. Empty, with errno: it cannot be made.
std::string makeIn(const std::string& folder) {
  std::string path = folder + "/conform-XXXXXX";
  if (::mkdtemp(path.data()) == nullptr || ::chmod(path.c_str(), 0755) != 0) return {};
  return path;
}

}  // namespace

Result<void> Scratch::make() {
  const char* const given = ::getenv("TMPDIR");
  const bool by_default = given == nullptr || *given == '\0';
  std::error_code error;
  const std::string folder = by_default ? "/tmp" : fs::absolute(given, error).string();
  if (!error) for_files = makeIn(folder);
  if (for_files.empty())
    return Error::invalid(std::string("cannot make a folder in ") +
                          (by_default ? "/tmp" : "TMPDIR, '" + std::string(given) + "'") + ": " +
                          std::strerror(error ? error.value() : errno));
  for_sockets = for_files.size() <= kLongestForSockets ? for_files : makeIn("/tmp");
  if (for_sockets.empty())
    return Error::invalid(std::string("cannot make a folder in /tmp: ") + std::strerror(errno));
  return {};
}

void Scratch::remove() noexcept {
  std::error_code ignored;
  for (const std::string& folder : {for_files, for_sockets})
    if (!folder.empty()) fs::remove_all(folder, ignored);
}

ScratchFolder::ScratchFolder(For what)
    : path_((what == For::kFiles ? for_files : for_sockets) + "/" + std::to_string(++folders)) {
  if (::mkdir(path_.c_str(), what == For::kFiles ? 0755 : 0700) != 0 ||
      (what == For::kFiles && ::chmod(path_.c_str(), 0755) != 0))
    throw std::runtime_error("cannot make " + path_ + ": " + std::strerror(errno));
}

ScratchFolder::~ScratchFolder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

}  // namespace control::conform
