#include "agent/actions/system_info.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <sys/random.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <libcontrol/version.h>

#include "agent/lowered.h"

namespace agent {
namespace {

std::string readText(const char* path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The text behind `key` and a colon in "key   : text" lines.
std::string valueOf(const std::string& line, std::string_view key) {
  if (!line.starts_with(key)) return {};
  const std::size_t colon = line.find(':');
  if (colon == std::string::npos) return {};
  const std::size_t start = line.find_first_not_of(" \t", colon + 1);
  return start == std::string::npos ? std::string() : line.substr(start);
}

std::optional<std::string> addressText(const sockaddr* address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const void* bytes = nullptr;
  if (address->sa_family == AF_INET)
    bytes = &reinterpret_cast<const sockaddr_in*>(address)->sin_addr;
  if (address->sa_family == AF_INET6)
    bytes = &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr;
  if (bytes == nullptr || inet_ntop(address->sa_family, bytes, text.data(), text.size()) == nullptr)
    return std::nullopt;
  return text.data();
}

/// Interface to address: the first IPv4 address, else the first IPv6 one. No loopback.
std::map<std::string, std::string> networkAddresses() {
  ifaddrs* first = nullptr;
  std::map<std::string, std::string> addresses;
  if (getifaddrs(&first) != 0) return addresses;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(first, freeifaddrs);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* one = first; one != nullptr; one = one->ifa_next) {
      const bool usable = one->ifa_addr != nullptr && one->ifa_addr->sa_family == family &&
                          (one->ifa_flags & IFF_LOOPBACK) == 0;
      if (!usable) continue;
      if (const auto text = addressText(one->ifa_addr)) addresses.emplace(one->ifa_name, *text);
    }
  }
  return addresses;
}

/// Of the file system of `path`, or of the nearest directory above it that exists.
std::optional<DiskReading> readDiskOf(std::filesystem::path path) {
  struct statvfs status {};
  while (statvfs(path.c_str(), &status) != 0) {
    if (path == path.parent_path()) return std::nullopt;
    path = path.parent_path();
  }
  const auto block = static_cast<std::int64_t>(status.f_frsize);
  return DiskReading{static_cast<std::int64_t>(status.f_blocks) * block,
                     static_cast<std::int64_t>(status.f_bavail) * block};
}

std::optional<double> readUptime() {
  double seconds = 0;
  std::ifstream file("/proc/uptime");
  return file >> seconds ? std::optional(seconds) : std::nullopt;
}

std::optional<MemoryReading> readMemory() { return parseMemory(readText("/proc/meminfo")); }

double percentOf(double part, double whole) {
  return whole <= 0 ? 0 : std::clamp(std::round(part / whole * 10'000) / 100, 0.0, 100.0);
}

std::optional<double> usedPercent(const std::optional<DiskReading>& disk) {
  if (!disk) return std::nullopt;
  return percentOf(static_cast<double>(disk->total_bytes - disk->free_bytes),
                   static_cast<double>(disk->total_bytes));
}

std::optional<double> memoryPercent() {
  const auto memory = readMemory();
  if (!memory) return std::nullopt;
  return percentOf(static_cast<double>(memory->total_bytes - memory->available_bytes),
                   static_cast<double>(memory->total_bytes));
}

}  // namespace

std::optional<MemoryReading> parseMemory(const std::string& meminfo) {
  std::istringstream lines(meminfo);
  std::string line;
  std::optional<std::int64_t> total;
  std::optional<std::int64_t> available;
  while (std::getline(lines, line)) {
    if (const std::string text = valueOf(line, "MemTotal"); !text.empty())
      total = std::stoll(text) * 1024;
    if (const std::string text = valueOf(line, "MemAvailable"); !text.empty())
      available = std::stoll(text) * 1024;
  }
  if (!total || !available) return std::nullopt;
  return MemoryReading{*total, *available};
}

CpuReading parseCpu(const std::string& cpuinfo) {
  CpuReading reading;
  std::istringstream lines(cpuinfo);
  std::string line;
  while (std::getline(lines, line)) {
    if (line.starts_with("processor")) ++reading.count;
    if (reading.model.empty()) reading.model = valueOf(line, "model name");
  }
  return reading;
}

std::optional<CpuTimes> parseCpuTimes(const std::string& stat) {
  std::istringstream line(stat);
  std::string name;
  line >> name;
  if (name != "cpu") return std::nullopt;
  CpuTimes times;
  std::uint64_t value = 0;
  // user nice system idle iowait irq softirq steal; what guests used is in user already.
  for (int field = 0; field < 8 && line >> value; ++field) {
    times.total += value;
    if (field != 3 && field != 4) times.busy += value;
  }
  return times;
}

void HostReadings::readDisk() {
  const auto reading = readDiskOf(data_dir_);
  const std::lock_guard lock(mutex_);
  disk_ = reading;
}

std::optional<DiskReading> HostReadings::disk() const {
  const std::lock_guard lock(mutex_);
  return disk_;
}

void HostReadings::addTo(Json& data) const {
  utsname name{};
  ::uname(&name);
  const std::string system = lowered(name.sysname);
  data.set("os", system).set("arch", name.machine);
  const auto memory = readMemory();
  if (memory) data.set("memory", memory->total_bytes);
  CpuReading cpu = parseCpu(readText("/proc/cpuinfo"));
  if (const long online = ::sysconf(_SC_NPROCESSORS_ONLN); online > 0)
    cpu.count = static_cast<int>(online);
  const std::string cores = std::to_string(cpu.count) + (cpu.count == 1 ? " core" : " cores");
  data.set("cpu", cpu.model.empty() ? cores : cpu.model + " (" + cores + ")");
  Json networks = Json::object();
  for (const auto& [interface, address] : networkAddresses()) networks.set(interface, address);
  data.set("networks", std::move(networks));
  data.set("platform", system).set("cpuCount", cpu.count);
  if (memory)
    data.set("totalMemory", memory->total_bytes).set("freeMemory", memory->available_bytes);
  if (const auto reading = disk())
    data.set("totalDisk", reading->total_bytes).set("freeDisk", reading->free_bytes);
  data.setIf("uptime", readUptime());
}

std::optional<double> HostReadings::cpuPercent() {
  const auto times = parseCpuTimes(readText("/proc/stat"));
  const std::lock_guard lock(mutex_);
  // The kernel counts in hundredths of a second: less than a few of them is no measurement.
  if (!times || times->total < last_times_.total + 10) return last_percent_;
  last_percent_ = percentOf(static_cast<double>(times->busy - last_times_.busy),
                            static_cast<double>(times->total - last_times_.total));
  last_times_ = *times;
  return last_percent_;
}

Json HostReadings::load() {
  Json load = Json::object();
  load.setIf("cpu", cpuPercent());
  load.setIf("memory", memoryPercent());
  load.setIf("disk", usedPercent(disk()));
  return load;
}

Json HostReadings::metrics() {
  Json data = Json::object();
  data.setIf("cpu", cpuPercent());
  if (const auto memory = readMemory()) {
    Json json;
    json.set("totalBytes", memory->total_bytes).set("availableBytes", memory->available_bytes);
    json.set("usedBytes", memory->total_bytes - memory->available_bytes);
    json.setIf("percentage", memoryPercent());
    data.set("memory", std::move(json));
  }
  if (const auto reading = disk()) {
    Json json;
    json.set("totalBytes", reading->total_bytes).set("freeBytes", reading->free_bytes);
    json.setIf("percentage", usedPercent(reading));
    data.set("disk", std::move(json));
  }
  std::array<double, 3> average{};
  if (::getloadavg(average.data(), 3) == 3)
    data.set("loadAverage", Json(Json::Array{average[0], average[1], average[2]}));
  data.setIf("uptime", readUptime());
  return data;
}

Json encodeSystemInfo(const AgentIdentity& identity, const HostReadings& host,
                      const std::optional<control::RuntimeInfo>& runtime) {
  Json data;
  data.set("nodeId", identity.node_id);
  host.addTo(data);
  Json capabilities = Json::array();
  for (const std::string& name : identity.capabilities) capabilities.add(name);
  if (runtime) {
    if (runtime->engine == "docker") data.set("dockerVersion", runtime->version);
    Json engine;
    engine.set("name", runtime->engine).set("version", runtime->version);
    engine.set("apiVersion", runtime->api_version);
    data.set("runtime", std::move(engine));
    for (const control::Capability one : runtime->capabilities)
      capabilities.add(control::toString(one));
  }
  data.set("capabilities", std::move(capabilities));
  data.set("agentVersion", CONTROL_VERSION).set("bootId", identity.boot_id);
  return data;
}

std::string makeBootId() {
  std::array<unsigned char, 16> bytes{};
  // 16 bytes are never cut short or interrupted once the kernel has its seed.
  while (::getrandom(bytes.data(), bytes.size(), 0) != static_cast<ssize_t>(bytes.size())) {
  }
  std::string id;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(bytes[i]));
    if (i == 4 || i == 6 || i == 8 || i == 10) id += '-';
    id += hex.data();
  }
  return id;
}

}  // namespace agent
