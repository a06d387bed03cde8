#pragma once

#include <unistd.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libcontrol/streams.h>

namespace process_engine {

using namespace control;

// The state directory: all this engine knows, shared by every program that opens it.
//
//   .events         an Entry for whatever happened to a container, the newest at the end
//   <name>/         a container; what begins with '.' is one that is being made or removed
//     created       the Entry of its creation
//     runs          an array of Run, locked by the keeper of a run or by who starts or removes
//     stdout stderr its output
//     failure       why the latest start failed, if it did

inline constexpr const char* kImage = "host";  ///< the one image there is

struct Entry {
  EventType event = EventType::kCreated;
  WallTime at{};
  std::string id{};  ///< of the container
  ContainerSpec spec{};
};
std::string encode(const Entry& entry);
/// Takes one off the front of `text`. nullopt: it is not complete.
std::optional<Entry> decode(std::string_view& text);

/// Adds an entry for something that happens to a container now. `directory` is the state directory.
void tell(const std::string& directory, Entry entry, EventType event);

std::string readFile(const std::string& path);
/// In one write, so that readers see all of it. False: not all was written.
bool append(const std::string& path, const std::string& bytes);
std::vector<std::string> namesIn(const std::string& folder);

/// Nanoseconds since 1970, as all numbers that are times.
std::int64_t wallClock();
inline WallTime toWallTime(std::int64_t time) { return WallTime(Duration(time)); }

/// As it stands in the file.
struct Run {
  std::int64_t started_at = 0;
  std::int64_t finished_at = 0;
  pid_t keeper = 0;
  pid_t pid = 0;  ///< of process 1
  std::int64_t pid_began = 0;
  int exit_code = 0;
  int signal = 0;  ///< 0: none
  bool over = false;
};
/// The last one is over as well when its keeper, which has the lock, is no more.
std::vector<Run> readRuns(int file);
bool tryLock(int file);  ///< belongs to the open file, whoever shares it

/// From /proc/<pid>/stat. Ids are used again; pairs of an id and `began` are not.
struct Process {
  pid_t pid = 0;
  pid_t parent = 0;
  std::int64_t began = 0;
  std::int64_t threads = 0;
  std::int64_t resident_pages = 0;
  std::int64_t cpu_ticks = 0;
  std::int64_t waited_cpu_ticks = 0;  ///< of children that it has waited for
};
std::optional<Process> findProcess(pid_t pid);
std::vector<Process> allProcesses();

/// Owns a descriptor. Every one made here is close-on-exec.
class Fd {
 public:
  explicit Fd(int fd = -1) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Fd() {
    if (fd_ >= 0) ::close(fd_);
  }
  int get() const noexcept { return fd_; }

 private:
  int fd_;
};

}  // namespace process_engine
