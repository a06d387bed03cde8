#include "store.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <cerrno>
#include <cinttypes>
#include <cstdio>
#include <filesystem>

#include "engine/events.h"
#include "engine/layout.h"
#include "engine/runs.h"

namespace process_engine {

using control::ContainerId;
using control::Error;
using control::ErrorCode;
using control::Result;

std::string randomText() {
  std::uint64_t number = 0;
  if (::getentropy(&number, sizeof number) != 0) number = static_cast<std::uint64_t>(wallClock());
  char text[17];
  std::snprintf(text, sizeof text, "%016" PRIx64, number);
  return text;
}

std::vector<pid_t> keepersOf(const Container& container, const Run& run) {
  std::vector<pid_t> keepers{run.keeper};
  for (const std::string& name : namesIn(container.folder.get())) {
    if (!name.starts_with(kExecPrefix)) continue;
    const Fd folder = openDirectory(container.path + '/' + name);
    const Runs runs = readRuns(folder.get());
    if (runs.running()) keepers.push_back(runs.last()->keeper);
  }
  return keepers;
}

Result<Fd> makeFolder(const std::string& path, const Definition& definition) {
  if (::mkdir(path.c_str(), 0700) != 0) return systemError(errno, "cannot create " + path);
  Fd folder = openDirectory(path);
  bool made = folder && appendToFile(folder.get(), kRunsFile, "") &&
              appendToFile(folder.get(), kLockFile, "") &&
              ::mkdirat(folder.get(), kOutputFolder, 0700) == 0 &&
              appendToFile(folder.get(), kSpecFile, encodeDefinition(definition));
  if (made && definition.spec.open_stdin) made = ::mkfifoat(folder.get(), kStdinFile, 0600) == 0;
  if (made) return folder;
  const Error error = systemError(errno, "cannot fill " + path);
  removeFolder(path);
  return error;
}

void removeFolder(const std::string& path) noexcept {
  std::error_code ignored;
  std::filesystem::remove_all(path, ignored);
}

Result<Store> Store::open(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST)
    return systemError(errno, "cannot create the state directory " + path);
  Fd directory = openDirectory(path);
  if (!directory) return systemError(errno, "cannot open the state directory " + path);
  // Whoever may write there decides what we run.
  struct stat status {};
  if (::fstat(directory.get(), &status) != 0 || status.st_uid != ::geteuid() ||
      (status.st_mode & 022) != 0)
    return Error{
        .code = ErrorCode::kPermissionDenied,
        .message = "the state directory " + path + " must be ours and not writable by others"};
  return Store(path, std::move(directory));
}

Result<void> Store::check() const {
  if (::access(path_.c_str(), R_OK | W_OK | X_OK) == 0) return {};
  return systemError(errno, "the state directory " + path_);
}

std::optional<Container> Store::load(const std::string& name) const {
  Container container{.folder = openDirectory(path_ + '/' + name), .path = path_ + '/' + name};
  const auto text = readFile(container.folder.get(), kSpecFile);
  auto definition = decodeDefinition(text.value_or(""));
  if (!definition) return std::nullopt;
  container.definition = std::move(*definition);
  return container;
}

Result<Container> Store::find(const ContainerId& id) const {
  // An id is the name, '@' and something that no two containers share.
  const std::string name = id.value.substr(0, id.value.find('@'));
  const bool nameable = !name.empty() && name[0] != '.' && name.find('/') == name.npos;
  auto container = nameable ? load(name) : std::nullopt;
  if (container && (name == id.value || container->definition.id == id.value))
    return std::move(*container);
  if (auto there = check(); !there) return there.error();
  return Error{.code = ErrorCode::kNotFound, .message = "no such container: " + id.value};
}

Result<std::vector<Container>> Store::all() const {
  if (auto there = check(); !there) return there.error();
  std::vector<Container> found;
  for (const std::string& name : namesIn(directory_.get())) {
    if (name[0] == '.') continue;
    if (auto container = load(name)) found.push_back(std::move(*container));
  }
  return found;
}

Result<ContainerId> Store::create(const control::ContainerSpec& spec) const {
  const std::string unique = randomText();
  Definition definition{.created_at = wallClock(), .spec = spec};
  std::string& name = definition.spec.name;
  if (name.empty()) name = "process-" + unique;
  definition.id = name + '@' + unique;
  const std::string draft = path_ + "/.new-" + unique;
  auto folder = makeFolder(draft, definition);
  if (!folder) return folder.error();
  // Nobody starts it before its creation is told.
  const Fd lock = tryLock(folder->get());
  // Fails where there is a folder with something in it: nobody's container is replaced.
  if (::rename(draft.c_str(), (path_ + '/' + name).c_str()) != 0) {
    const int error = errno;
    removeFolder(draft);
    if (error != EEXIST && error != ENOTEMPTY) return systemError(error, "cannot create " + name);
    return Error{.code = ErrorCode::kAlreadyExists, .message = "the name '" + name + "' is taken"};
  }
  appendEvent(directory_.get(), "created", definition);
  return ContainerId{definition.id};
}

void Store::erase(const Container& container, const Fd&) const {
  ::rename(container.path.c_str(), (path_ + "/.dead-" + container.definition.id).c_str());
  appendEvent(directory_.get(), "removed", container.definition);
  // This one, and those of whoever was killed in the middle of this.
  for (const std::string& name : namesIn(directory_.get()))
    if (name.starts_with(".dead-")) removeFolder(path_ + '/' + name);
}

}  // namespace process_engine
