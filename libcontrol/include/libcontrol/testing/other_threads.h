#pragma once

#include <dirent.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include <libcontrol/call.h>

namespace control::testing {

namespace detail {

/// The first line of /proc/self/task/TASK/NAME; empty when the thread has gone.
inline std::string ofTask(const std::string& task, const char* name) {
  std::string text(512, '\0');
  std::FILE* const file = std::fopen(("/proc/self/task/" + task + '/' + name).c_str(), "re");
  if (file == nullptr) return {};
  text.resize(std::fread(text.data(), 1, text.size(), file));
  std::fclose(file);
  return text;
}

/// How often each other thread had a processor; nullopt while one has it or wants it.
inline std::optional<std::map<std::string, std::string>> turnsOfOtherThreads() {
  std::map<std::string, std::string> turns;
  const std::string self = std::to_string(::syscall(SYS_gettid));
  DIR* const tasks = ::opendir("/proc/self/task");
  if (tasks == nullptr) return turns;
  bool waiting = true;
  while (const dirent* const entry = ::readdir(tasks)) {
    const std::string task = entry->d_name;
    if (task == self || task.front() == '.') continue;
    // The state follows the name, which may hold anything.
    const std::string status = ofTask(task, "stat");
    const std::size_t name_end = status.rfind(')');
    waiting = waiting && (name_end == std::string::npos || status.substr(name_end, 3) == ") S");
    turns.emplace(task, ofTask(task, "schedstat"));
  }
  ::closedir(tasks);
  return waiting ? std::optional(std::move(turns)) : std::nullopt;
}

}  // namespace detail

/// Waits until every other thread of this process waits for something: for a time, a notification,
/// a descriptor. One that only lacks a processor does not wait, so a busy machine makes no
/// difference. False: after `patience` of real time one still works.
inline bool awaitOtherThreads(Duration patience = std::chrono::seconds(1)) {
  const auto give_up = std::chrono::steady_clock::now() + patience;
  auto before = detail::turnsOfOtherThreads();
  for (;;) {
    // Nobody ran between two looks: what one saw of a thread was still so when it saw the next.
    auto now = detail::turnsOfOtherThreads();
    if (now && now == before) return true;
    before = std::move(now);
    if (std::chrono::steady_clock::now() >= give_up) return false;
    if (!before) std::this_thread::sleep_for(std::chrono::microseconds(200));
  }
}

}  // namespace control::testing
