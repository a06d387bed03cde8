#include "create_words.h"

#include <Poco/JSON/Array.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>

namespace panel {
namespace {

using Object = Poco::JSON::Object::Ptr;
constexpr std::array<std::string_view, 6> kLimits{"memory", "cpu", "pids", "disk", "swap", "io"};

Object child(Object& parent, const std::string& key) {
  if (!parent->has(key)) parent->set(key, Object(new Poco::JSON::Object));
  return parent->getObject(key);
}

void setNumberOrText(Object& object, const std::string& key, const std::string& value) {
  if (const auto number = parseNumber(value))
    object->set(key, *number == static_cast<double>(static_cast<Poco::Int64>(*number))
                         ? Poco::Dynamic::Var(static_cast<Poco::Int64>(*number))
                         : Poco::Dynamic::Var(*number));
  else
    object->set(key, value);
}

std::optional<int> parsePort(const std::string& word) {
  const auto number = parseNumber(word);
  if (!number || *number < 1 || *number > 65535 || *number != std::floor(*number))
    return std::nullopt;
  return static_cast<int>(*number);
}

/// HOST:INSIDE[/udp]
std::string addPort(Object& payload, const std::string& value) {
  const std::size_t colon = value.find(':');
  const std::size_t slash = std::min(value.find('/'), value.size());
  const auto outside = parsePort(value.substr(0, std::min(colon, slash)));
  const auto inside =
      colon == std::string::npos ? outside : parsePort(value.substr(colon + 1, slash - colon - 1));
  if (!outside || !inside) return "a port is written as 25565:25565 or 25565:25565/udp";
  Object port = new Poco::JSON::Object;
  port->set("internal", *inside);
  port->set("external", *outside);
  port->set("protocol", slash < value.size() ? value.substr(slash + 1) : "tcp");
  if (!payload->has("ports")) payload->set("ports", Poco::JSON::Array::Ptr(new Poco::JSON::Array));
  payload->getArray("ports")->add(port);
  return {};
}

std::string addRestart(Object& payload, const std::string& value) {
  const std::size_t colon = value.find(':');
  Object restart = child(payload, "restart");
  restart->set("policy", value.substr(0, colon));
  if (colon == std::string::npos) return {};
  const auto retries = parseNumber(value.substr(colon + 1));
  if (!retries) return "restart is written as on-failure or on-failure:3";
  restart->set("maxRetries", static_cast<int>(*retries));
  return {};
}

/// TYPE[:VALUE], where the value is what that type needs.
std::string addReadiness(Object& payload, const std::string& value) {
  constexpr const char* kUse =
      "readiness is written as console:TEXT, pattern:RE2, tcp:PORT, minecraft:PORT, source:PORT, "
      "health or process";
  const std::size_t colon = value.find(':');
  const std::string type = value.substr(0, colon);
  const std::string rest = colon == std::string::npos ? "" : value.substr(colon + 1);
  const bool is_line = type == "console" || type == "pattern";
  Object readiness = child(payload, "readiness");
  readiness->set("type", type == "pattern" ? "console" : type);
  if (type == "health" || type == "process") return colon == std::string::npos ? "" : kUse;
  if (is_line && !rest.empty()) {
    readiness->set(type == "console" ? "text" : "pattern", rest);
    return {};
  }
  const auto port = parsePort(rest);
  if (!port || (type != "tcp" && type != "minecraft" && type != "source")) return kUse;
  readiness->set("port", *port);
  return {};
}

std::string addFlag(Object& payload, const std::string& key, const std::string& value) {
  if (value != "true" && value != "false") return key + " is true or false";
  payload->set(key, value == "true");
  return {};
}

std::string add(Object& payload, const std::string& key, const std::string& value) {
  if (key == "image" || key == "startup") {
    payload->set(key, value);
  } else if (std::find(kLimits.begin(), kLimits.end(), key) != kLimits.end()) {
    Object limits = child(payload, "limits");
    setNumberOrText(limits, key, value);
  } else if (key.starts_with("env.")) {
    child(payload, "environment")->set(key.substr(4), value);
  } else if (key.starts_with("label.")) {
    child(payload, "labels")->set(key.substr(6), value);
  } else if (key == "stop.signal" || key == "stop.command") {
    child(payload, "stop")->set(key.substr(5), value);
  } else if (key == "stop.timeout") {
    Object stop = child(payload, "stop");
    setNumberOrText(stop, "timeout", value);
  } else if (key == "readiness") {
    return addReadiness(payload, value);
  } else if (key == "readiness.timeout" || key == "readiness.interval") {
    Object readiness = child(payload, "readiness");
    setNumberOrText(readiness, key.substr(10), value);
  } else if (key == "port") {
    return addPort(payload, value);
  } else if (key == "restart") {
    return addRestart(payload, value);
  } else if (key == "tty" || key == "start") {
    return addFlag(payload, key, value);
  } else {
    return "unknown key '" + key + "'; 'help' lists those of create";
  }
  return {};
}

}  // namespace

Object createPayload(const Words& words, std::string& problem) {
  Object payload = new Poco::JSON::Object;
  for (const std::string& word : words) {
    const std::size_t equals = word.find('=');
    problem = equals == std::string::npos
                  ? "'" + word + "': a server is described by key=value"
                  : add(payload, word.substr(0, equals), word.substr(equals + 1));
    if (!problem.empty()) break;
  }
  return payload;
}

}  // namespace panel
