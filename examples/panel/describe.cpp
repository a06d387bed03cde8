// What is told, in words.

#include "panel.h"
#include "words.h"

namespace panel {
namespace {

using Object = Poco::JSON::Object::Ptr;

std::string describePlayers(const Object& players) {
  std::string line;
  if (players.isNull()) return line;
  line = ", " + text(players, "online");
  if (const std::string max = text(players, "max"); !max.empty()) line += " of " + max;
  return line + " playing";
}

}  // namespace

std::string text(const Object& object, const std::string& key) {
  if (object.isNull() || !object->has(key) || object->isNull(key)) return {};
  return object->get(key).toString();
}

std::int64_t number(const Object& object, const std::string& key) {
  return static_cast<std::int64_t>(parseNumber(text(object, key)).value_or(0));
}

Object inner(const Object& object, const std::string& key) {
  return object.isNull() ? Object() : object->getObject(key);
}

std::string printable(const std::string& line) {
  const auto byteAt = [&](std::size_t i) {
    return i < line.size() ? static_cast<unsigned char>(line[i]) : 0U;
  };
  std::string shown;
  for (std::size_t i = 0; i < line.size(); ++i) {
    // U+0080 to U+009F, which terminals obey too.
    if (byteAt(i) == 0xC2 && byteAt(i + 1) >= 0x80 && byteAt(i + 1) < 0xA0) {
      ++i;
      continue;
    }
    if (byteAt(i) >= 0x20 && byteAt(i) != 0x7F) shown += line[i];
    if (line[i] == '\t') shown += "    ";
  }
  return shown;
}

std::string describeFacts(const std::map<std::string, std::string>& facts) {
  std::string line;
  const auto add = [&](const char* key, const std::string& label) {
    const auto fact = facts.find(key);
    if (fact != facts.end()) line += (line.empty() ? "" : ", ") + label + fact->second;
  };
  add("reason", "");
  add("exitCode", "exit code ");
  add("signal", "signal ");
  if (const auto oom = facts.find("oomKilled"); oom != facts.end() && oom->second == "true")
    line += ", out of memory";
  add("code", "");
  add("error", "");
  return line;
}

std::string describeResources(const Object& resources) {
  std::string line;
  if (resources.isNull()) return line;
  if (const std::string cpu = text(resources, "cpu"); !cpu.empty()) line += ", cpu " + cpu + " %";
  const Object memory = inner(resources, "memory");
  if (!text(memory, "usedBytes").empty())
    line += ", memory " + sizeText(number(memory, "usedBytes"));
  if (!text(memory, "limitBytes").empty()) line += " of " + sizeText(number(memory, "limitBytes"));
  const Object disk = inner(resources, "disk");
  if (!text(disk, "usedBytes").empty()) line += ", disk " + sizeText(number(disk, "usedBytes"));
  if (const std::string share = text(disk, "percentage"); !share.empty())
    line += " (" + share + " % of its limit)";
  if (const std::string pids = text(resources, "pids"); !pids.empty())
    line += ", " + pids + (pids == "1" ? " process" : " processes");
  return line;
}

std::string describe(const Object& status) {
  std::string line = text(status, "serverId") + ": " + text(status, "status");
  if (const std::string uptime = text(status, "uptime"); !uptime.empty())
    line += " for " + uptime + " s";
  line += describeResources(inner(status, "resources"));
  line += describePlayers(inner(status, "players"));
  if (const std::string warning = text(status, "warning"); !warning.empty()) line += ", " + warning;
  if (const std::string code = text(status, "exitCode"); !code.empty())
    line += ", exit code " + code;
  if (text(status, "oomKilled") == "true") line += ", out of memory";
  if (const std::string restarts = text(status, "restarts"); !restarts.empty() && restarts != "0")
    line += ", restarts " + restarts;
  if (const std::string image = text(status, "image"); !image.empty()) line += ", image " + image;
  return line;
}

}  // namespace panel
