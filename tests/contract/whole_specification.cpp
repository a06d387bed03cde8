// A specification with everything in it that the engine takes.

#include <csignal>
#include <cstring>
#include <string_view>
#include <vector>

#include "contract/conformance.h"

namespace control::conform {
namespace {

/// A field that an engine may be unable to honour: as its refusal names it.
struct Field {
  const char* name;
  void (*set)(ContainerSpec& spec);
  void (*unset)(ContainerSpec& spec);
};

template <auto Member>
void clear(ContainerSpec& spec) {
  spec.*Member = {};
}

constexpr Field kFields[] = {
    {"working_directory", [](auto& spec) { spec.working_directory = "/proc"; },
     clear<&ContainerSpec::working_directory>},
    {"user", [](auto& spec) { spec.user = "1234:2345"; }, clear<&ContainerSpec::user>},
    {"hostname", [](auto& spec) { spec.hostname = "world-7"; }, clear<&ContainerSpec::hostname>},
    {"stop_signal", [](auto& spec) { spec.stop_signal = Signal{SIGUSR1}; },
     clear<&ContainerSpec::stop_signal>},
    {"stop_timeout", [](auto& spec) { spec.stop_timeout = 7s; },
     clear<&ContainerSpec::stop_timeout>},
    {"limits",
     [](auto& spec) {
       spec.limits = {.memory_bytes = 64 << 20, .nano_cpus = 500'000'000, .pids = 50};
     },
     clear<&ContainerSpec::limits>},
    {"mounts",
     [](auto& spec) {
       spec.mounts = {
           {.type = Mount::Type::kBind, .source = "/tmp", .target = "/host", .read_only = true},
           {.type = Mount::Type::kTmpfs, .target = "/scratch"}};
     },
     clear<&ContainerSpec::mounts>},
    {"no_new_privileges", [](auto& spec) { spec.no_new_privileges = true; },
     clear<&ContainerSpec::no_new_privileges>},
    {"init", [](auto& spec) { spec.init = true; }, clear<&ContainerSpec::init>},
    {"read_only_root", [](auto& spec) { spec.read_only_root = true; },
     clear<&ContainerSpec::read_only_root>},
    // One that containers usually have, and one that they have not.
    {"capabilities",
     [](auto& spec) {
       spec.drop_capabilities = {"SETPCAP"};
       spec.add_capabilities = {"NET_ADMIN"};
     },
     [](auto& spec) {
       spec.drop_capabilities = {};
       spec.add_capabilities = {};
     }},
    {"log_limit_bytes", [](auto& spec) { spec.log_limit_bytes = 1'000'000; },
     clear<&ContainerSpec::log_limit_bytes>},
};

/// Null: it speaks of none that is set.
const Field* fieldIn(const std::string& message, const std::vector<const Field*>& set) {
  const Field* found = nullptr;
  for (const Field* const one : set)
    if (message.find(one->name) != std::string::npos &&
        (found == nullptr || std::string_view(one->name).size() > std::strlen(found->name)))
      found = one;
  return found;
}

}  // namespace

std::pair<ContainerId, ContainerSpec> Conformance::createWithAllItTakes() {
  ContainerSpec spec = shell("true");
  spec.entrypoint = {"/bin/sh"};
  spec.command = {"-c", "true"};
  spec.environment = {{"KEY", "value = \"1\""}, {"EMPTY", ""}};
  spec.labels["colour"] = "red";
  spec.tty = has(Capability::kTty);
  spec.open_stdin = has(Capability::kAttach);
  std::vector<const Field*> set;
  for (const Field& one : kFields) {
    one.set(spec);
    set.push_back(&one);
  }
  for (;;) {
    auto created = runtime().create(spec, soon());
    if (created) {
      // Some warn of limits that they will not keep.
      if (!created->warnings.empty()) spec.limits = {};
      return {created->id, spec};
    }
    EXPECT_CODE(created, kUnsupported);
    const Field* const refused = fieldIn(created.error().message, set);
    if (refused == nullptr || HasFailure())
      throw CannotGoOn("no field of the specification is named by the refusal: " +
                       wordsOf(created.error()));
    refused->unset(spec);
    std::erase(set, refused);
  }
}

}  // namespace control::conform
