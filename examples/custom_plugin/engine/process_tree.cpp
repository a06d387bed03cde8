#include "engine/process_tree.h"

#include <fcntl.h>

#include <map>
#include <sstream>

#include "engine/files.h"

namespace process_engine {

std::optional<ProcessStat> processStat(pid_t pid) {
  const auto text = readFile(AT_FDCWD, ("/proc/" + std::to_string(pid) + "/stat").c_str());
  // The name, in parentheses, may hold anything.
  const std::size_t name_end = text ? text->rfind(')') : std::string::npos;
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text->substr(name_end + 1));
  std::string skipped;
  std::int64_t user = 0, system = 0, waited_user = 0, waited_system = 0;
  ProcessStat stat{.pid = pid};
  fields >> skipped >> stat.parent;  // state, ppid
  for (int field = 5; field < 14; ++field) fields >> skipped;
  fields >> user >> system >> waited_user >> waited_system;
  fields >> skipped >> skipped >> stat.threads >> skipped >> stat.began;
  if (!fields) return std::nullopt;
  stat.cpu_ticks = user + system;
  stat.waited_cpu_ticks = waited_user + waited_system;
  return stat;
}

std::vector<ProcessStat> allProcesses() {
  std::vector<ProcessStat> all;
  const Fd folder = openDirectory("/proc");
  for (const std::string& name : namesIn(folder.get()))
    if (const auto pid = toInt(name))
      if (const auto stat = processStat(*pid)) all.push_back(*stat);
  return all;
}

std::vector<ProcessStat> descendants(const std::vector<ProcessStat>& all, pid_t root) {
  std::multimap<pid_t, const ProcessStat*> children;
  for (const ProcessStat& one : all) children.emplace(one.parent, &one);
  std::vector<ProcessStat> found;
  std::vector<pid_t> parents{root};
  while (!parents.empty()) {
    const auto [first, last] = children.equal_range(parents.back());
    parents.pop_back();
    for (auto child = first; child != last; ++child) {
      found.push_back(*child->second);
      parents.push_back(child->second->pid);
    }
  }
  return found;
}

}  // namespace process_engine
