#include "state.h"

#include <fcntl.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace process_engine {

// ---- Entries: pairs of a key and a value, with a NUL behind each; the last key is "end" ----

std::string encode(const Entry& entry) {
  std::string text;
  const auto add = [&](std::string_view key, std::string_view value) {
    text.append(key).append(1, '\0').append(value).append(1, '\0');
  };
  const auto addNumber = [&](std::string_view key, std::int64_t number) {
    add(key, std::to_string(number));
  };
  addNumber("event", static_cast<int>(entry.event));
  addNumber("at", entry.at.time_since_epoch().count());
  add("id", entry.id);
  const ContainerSpec& spec = entry.spec;
  add("name", spec.name);
  for (const std::string& word : spec.entrypoint) add("entrypoint", word);
  for (const std::string& word : spec.command) add("command", word);
  for (const auto& [name, value] : spec.environment) add("environment", name + '=' + value);
  for (const auto& [key, value] : spec.labels) add("label", key), add("label_value", value);
  add("directory", spec.working_directory);
  addNumber("network", static_cast<int>(spec.network));
  if (spec.stop_signal) addNumber("stop_signal", spec.stop_signal->number);
  if (spec.stop_timeout) addNumber("stop_timeout", spec.stop_timeout->count());
  add("end", "");
  return text;
}

std::optional<Entry> decode(std::string_view& text) {
  Entry entry;
  ContainerSpec& spec = entry.spec;
  spec.image = kImage;
  std::string label;
  std::size_t at = 0;
  const auto next = [&] {
    const std::size_t begin = std::exchange(at, std::min(text.find('\0', at), text.size()) + 1);
    return std::string(text.substr(std::min(begin, text.size()), at - 1 - begin));
  };
  while (at < text.size()) {
    const std::string key = next();
    const std::string value = next();
    const std::int64_t number = std::atoll(value.c_str());
    if (key == "event") entry.event = static_cast<EventType>(number);
    if (key == "at") entry.at = toWallTime(number);
    if (key == "id") entry.id = value;
    if (key == "name") spec.name = value;
    if (key == "entrypoint") spec.entrypoint.push_back(value);
    if (key == "command") spec.command.push_back(value);
    if (key == "environment")
      spec.environment.emplace_back(value.substr(0, value.find('=')),
                                    value.substr(value.find('=') + 1));
    if (key == "label") label = value;
    if (key == "label_value") spec.labels[label] = value;
    if (key == "directory") spec.working_directory = value;
    if (key == "network") spec.network = static_cast<NetworkMode>(number);
    if (key == "stop_signal") spec.stop_signal = Signal{static_cast<int>(number)};
    if (key == "stop_timeout") spec.stop_timeout = Duration(number);
    if (key != "end" || at > text.size()) continue;
    text.remove_prefix(at);
    return entry;
  }
  return std::nullopt;
}

void tell(const std::string& directory, Entry entry, EventType event) {
  entry.event = event;
  entry.at = toWallTime(wallClock());
  append(directory + "/.events", encode(entry));
}

// ---- Files ----

/// A file in /proc ends early when its process does: a stream buffer of the standard library would
/// throw.
std::string readFile(const std::string& path) {
  const Fd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string text;
  char part[4096];
  ssize_t size = 0;
  while ((size = ::read(file.get(), part, sizeof part)) > 0)
    text.append(part, static_cast<std::size_t>(size));
  return text;
}

bool append(const std::string& path, const std::string& bytes) {
  const Fd file(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600));
  return ::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size());
}

std::vector<std::string> namesIn(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed))
    names.push_back(at->path().filename());
  return names;
}

std::int64_t wallClock() {
  return Duration(std::chrono::system_clock::now().time_since_epoch()).count();
}

// ---- Runs ----

bool tryLock(int file) {
  struct flock lock {};
  lock.l_type = F_WRLCK;
  return ::fcntl(file, F_OFD_SETLK, &lock) == 0;
}

std::vector<Run> readRuns(int file) {
  for (std::size_t without_keeper = 0;;) {
    std::vector<Run> runs;
    const auto read = [&](Run& run) {
      const auto offset = static_cast<off_t>(runs.size() * sizeof run);
      return ::pread(file, &run, sizeof run, offset) == ssize_t{sizeof run};
    };
    for (Run run; read(run); runs.push_back(run))
      if (run.over) read(run);  // it may have been written in the middle of the first reading
    struct flock lock {};
    lock.l_type = F_WRLCK;
    const bool kept = ::fcntl(file, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
    if (runs.empty() || runs.back().over || kept) return runs;
    // A keeper writes down the end before it gives up the lock, so what was read later is the last
    // word on this run; not so on one that has begun meanwhile.
    runs.back().over = runs.size() == without_keeper;
    if (runs.back().over) return runs;
    without_keeper = runs.size();
  }
}

// ---- Processes ----

std::optional<Process> findProcess(pid_t pid) {
  const std::string text = readFile("/proc/" + std::to_string(pid) + "/stat");
  // The name, in parentheses, may hold anything.
  const std::string fields = text.substr(text.rfind(')') + 1);
  Process found{.pid = pid};
  long own[2] = {}, waited[2] = {};
  const int count = std::sscanf(
      fields.c_str(),
      " %*c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %ld %ld %ld %ld %*d %*d %ld %*d %ld %*u %ld",
      &found.parent, &own[0], &own[1], &waited[0], &waited[1], &found.threads, &found.began,
      &found.resident_pages);
  found.cpu_ticks = own[0] + own[1];
  found.waited_cpu_ticks = waited[0] + waited[1];
  return count == 8 ? std::optional(found) : std::nullopt;
}

std::vector<Process> allProcesses() {
  std::vector<Process> all;
  for (const std::string& name : namesIn("/proc"))
    if (const int pid = std::atoi(name.c_str()); pid > 0)
      if (const auto process = findProcess(pid)) all.push_back(*process);
  return all;
}

}  // namespace process_engine
