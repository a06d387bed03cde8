#include "engine/oom_watch.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>

#include <cerrno>
#include <string>

#include "engine/cgroup_place.h"
#include "engine/cgroup_text.h"

namespace control::engine {
namespace {

/// Asks the v1 memory controller to signal `event` when `counter`'s cgroup is out of memory.
Result<void> subscribe(const std::string& directory, int event, int counter) {
  const std::string path = directory + "/cgroup.event_control";
  const Descriptor control(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!control) return systemError(errno, path);
  const std::string line = std::to_string(event) + " " + std::to_string(counter);
  if (::write(control.get(), line.data(), line.size()) < 0) return systemError(errno, path);
  return {};
}

}  // namespace

Result<std::unique_ptr<OomWatch>> OomWatch::open(int pid, std::string_view container_id,
                                                 const HostRoots& roots) {
  const Result<CgroupPlaces> places = CgroupPlaces::find(pid, container_id, roots);
  if (!places) return places.error();
  const std::optional<CgroupPlace> place = places->of("memory");
  if (!place)
    return Error{ErrorCode::kUnsupported, Effect::kNone,
                 "the container has no cgroup of the memory controller"};
  const std::string path =
      place->directory + (place->unified ? "/memory.events" : "/memory.oom_control");
  Descriptor counter(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!counter && errno == ENOENT && checkContainerOf(pid, container_id, roots))
    return Error{ErrorCode::kUnsupported, Effect::kNone,
                 path + " does not exist: the memory controller is not enabled for the container"};
  if (!counter) return systemError(errno, path);

  Descriptor event;
  if (!place->unified) {
    event = Descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (!event) return systemError(errno, "eventfd");
    if (const Result<void> done = subscribe(place->directory, event.get(), counter.get()); !done)
      return done.error();
  }
  std::unique_ptr<OomWatch> watch(new OomWatch(std::move(counter), std::move(event)));
  // v2 reports changes since the last reading.
  (void)watch->kills();
  return watch;
}

short OomWatch::pollEvents() const noexcept { return event_ ? POLLIN : POLLPRI; }

std::optional<std::uint64_t> OomWatch::kills() const noexcept {
  if (event_) {
    eventfd_t count = 0;
    (void)::eventfd_read(event_.get(), &count);
  }
  char buffer[1024];
  const ssize_t size = ::pread(counter_.get(), buffer, sizeof buffer, 0);
  if (size <= 0 || size == static_cast<ssize_t>(sizeof buffer)) return std::nullopt;
  return parseKeyed({buffer, static_cast<std::size_t>(size)}, "oom_kill");
}

}  // namespace control::engine
