// The containers of a scenario.

#include <array>

#include "mock/mock_error.h"
#include "mock/mock_labels.h"
#include "mock/mock_scenario_parts.h"
#include "mock/mock_spec.h"

namespace control::mock {
namespace {

using Draft = Scenario::InitialContainer;
using Found = std::optional<Error>;

constexpr std::string_view kText = "a text in quotes";
constexpr std::string_view kTexts = "a list of texts";
constexpr std::string_view kPortNumber = "a port from 1 to 65535";

template <std::uint16_t PortMapping::*Member>
Found readPortNumber(const Json& value, PortMapping& port) {
  std::uint64_t number = 0;
  if (auto wrong = readNatural(value, number, 1, 65535)) return wrong;
  port.*Member = static_cast<std::uint16_t>(number);
  return std::nullopt;
}

Found readProtocol(const Json& value, PortMapping& port) {
  if (value.kind != Json::Kind::kString) return notWanted();
  if (value.text == "tcp")
    port.protocol = PortProtocol::kTcp;
  else if (value.text == "udp")
    port.protocol = PortProtocol::kUdp;
  else if (value.text == "sctp")
    port.protocol = PortProtocol::kSctp;
  else
    return notWanted();
  return std::nullopt;
}

constexpr std::array<Field<PortMapping>, 4> kPortFields{{
    {"container_port", readPortNumber<&PortMapping::container_port>, kPortNumber},
    {"host_port", readPortNumber<&PortMapping::host_port>, kPortNumber},
    {"protocol", readProtocol, "tcp, udp or sctp"},
    {"host_ip", [](const Json& value, PortMapping& port) { return readText(value, port.host_ip); },
     "an address in quotes"},
}};

Found readPort(const Json& value, PortMapping& port) {
  return readFields<PortMapping>(value, kPortFields, port);
}

template <std::optional<std::int64_t> ResourceLimits::*Member>
Found readLimit(const Json& value, ResourceLimits& limits) {
  std::uint64_t number = 0;
  if (auto wrong = readNatural(value, number, 1, INT64_MAX)) return wrong;
  limits.*Member = static_cast<std::int64_t>(number);
  return std::nullopt;
}

constexpr std::array<Field<ResourceLimits>, 3> kLimitFields{{
    {"memory_bytes", readLimit<&ResourceLimits::memory_bytes>, "a number of bytes"},
    {"nano_cpus", readLimit<&ResourceLimits::nano_cpus>, "billionths of a core"},
    {"pids", readLimit<&ResourceLimits::pids>, "a number of processes"},
}};

Found readEnvironment(const Json& value, Draft& draft) {
  if (value.kind != Json::Kind::kObject) return notWanted();
  for (const Json::Member& member : value.members)
    if (auto wrong =
            readText(member.value, draft.spec.environment.emplace_back(member.name, "").second))
      return wrong;
  return std::nullopt;
}

Found readStopTimeout(const Json& value, Draft& draft) {
  return readDuration(value, draft.spec.stop_timeout.emplace());
}

/// What other clients create from, too.
constexpr std::array<Field<Draft>, 13> kSpecFields{{
    {"name", [](const Json& value, Draft& draft) { return readName(value, draft.spec.name); },
     "a name in quotes"},
    {"image", [](const Json& value, Draft& draft) { return readText(value, draft.spec.image); },
     kText},
    {"entrypoint",
     [](const Json& value, Draft& draft) { return readTexts(value, draft.spec.entrypoint); },
     kTexts},
    {"command",
     [](const Json& value, Draft& draft) { return readTexts(value, draft.spec.command); }, kTexts},
    {"environment", readEnvironment, "an object of texts"},
    {"labels",
     [](const Json& value, Draft& draft) { return readTextMap(value, draft.spec.labels); },
     "an object of texts"},
    {"tty", [](const Json& value, Draft& draft) { return readBool(value, draft.spec.tty); },
     kTrueOrFalse},
    {"open_stdin",
     [](const Json& value, Draft& draft) { return readBool(value, draft.spec.open_stdin); },
     kTrueOrFalse},
    {"init", [](const Json& value, Draft& draft) { return readBool(value, draft.spec.init); },
     kTrueOrFalse},
    {"stop_signal",
     [](const Json& value, Draft& draft) { return readSignal(value, draft.spec.stop_signal); },
     "a signal, as \"TERM\""},
    {"stop_timeout", readStopTimeout, kDurationInQuotes},
    {"limits",
     [](const Json& value, Draft& draft) {
       return readFields<ResourceLimits>(value, kLimitFields, draft.spec.limits);
     },
     "an object, as {\"pids\": 100}"},
    {"ports",
     [](const Json& value, Draft& draft) {
       return readItems<PortMapping>(value, draft.spec.ports, readPort);
     },
     "a list of objects, as [{\"container_port\": 80}]"},
}};

Found readExitCode(const Json& value, ProcessEnd& end) {
  std::uint64_t code = 0;
  if (auto wrong = readNatural(value, code, 0, 255)) return wrong;
  end.exit_code = static_cast<int>(code);
  return std::nullopt;
}

Found readExitSignal(const Json& value, ProcessEnd& end) {
  if (auto wrong = readSignal(value, end.signal)) return wrong;
  end.exit_code = 128 + end.signal->number;
  return std::nullopt;
}

Found readExitOom(const Json& value, ProcessEnd& end) {
  if (value.boolean() != true) return notWanted();
  end = kOomEnd;
  return std::nullopt;
}

constexpr std::array<Field<ProcessEnd>, 3> kExitFields{{
    {"exit_code", readExitCode, "an exit code from 0 to 255"},
    {"signal", readExitSignal, "a signal, as \"SEGV\""},
    {"oom", readExitOom, "true, or leave it out"},
}};

Found readExit(const Json& value, Draft& draft) {
  if (auto wrong = readFields<ProcessEnd>(value, kExitFields, draft.exit.emplace())) return wrong;
  if (value.members.size() == 1) return std::nullopt;
  std::string found;
  for (const Json::Member& one : value.members)
    found += (found.empty() ? ", not " : " and ") + one.name;
  return atLine(value.line, "\"exit\" has one of exit_code, signal and oom" + found);
}

constexpr std::array<Field<Draft>, 2> kStateFields{{
    {"running", [](const Json& value, Draft& draft) { return readBool(value, draft.running); },
     kTrueOrFalse},
    {"exit", readExit, "an object, as {\"exit_code\": 3}"},
}};

constexpr auto kContainerFields = [] {
  std::array<Field<Draft>, kSpecFields.size() + kStateFields.size()> fields{};
  std::size_t at = 0;
  for (const auto& field : kSpecFields) fields[at++] = field;
  for (const auto& field : kStateFields) fields[at++] = field;
  return fields;
}();

Found checkDraft(const Draft& draft) {
  const auto refused = [&](const std::string& why) {
    return atLine(draft.line, wordsOf(draft.spec) + ": " + why);
  };
  if (draft.spec.image.empty()) return refused("the key \"image\" is missing or empty");
  if (auto checked = checkSpec(draft.spec); !checked) return refused(checked.error().message);
  if (const auto behaviour = parseLabels(draft.spec.labels); !behaviour)
    return refused(behaviour.error().message);
  if (draft.running && draft.exit) return refused("it is running or has an exit, not both");
  return std::nullopt;
}

Found readContainer(const Json& value, Draft& draft) {
  draft.line = value.line;
  if (auto wrong = readFields<Draft>(value, kContainerFields, draft)) return wrong;
  return checkDraft(draft);
}

}  // namespace

std::optional<Error> readContainers(const Json& value, Scenario& scenario) {
  return readItems<Draft>(value, scenario.containers, readContainer);
}

std::optional<Error> readSpec(const Json& value, std::optional<ContainerSpec>& spec) {
  Draft draft{.line = value.line};
  if (auto wrong = readFields<Draft>(value, kSpecFields, draft)) return wrong;
  if (auto wrong = checkDraft(draft)) return wrong;
  spec = std::move(draft.spec);
  return std::nullopt;
}

void listContainerOptions(std::vector<std::string>& options) {
  listFields("containers[].", kContainerFields, options);
  listFields("containers[].limits.", kLimitFields, options);
  listFields("containers[].ports[].", kPortFields, options);
  listFields("containers[].exit.", kExitFields, options);
}

}  // namespace control::mock
