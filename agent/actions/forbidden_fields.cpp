#include "agent/actions/forbidden_fields.h"

#include <set>
#include <string>

#include "agent/panel/refusal.h"

namespace agent {
namespace {

using Names = std::set<std::string, std::less<>>;

/// Fields that reach out of the container, as Docker, Podman, Compose and Kubernetes have them, in
/// lower case without separators.
const Names& reachingOut() {
  static const Names kNames = {"privileged",
                               "capadd",
                               "addcapabilities",
                               "capabilities",
                               "capdrop",
                               "devices",
                               "device",
                               "devicerequests",
                               "devicecgrouprules",
                               "gpus",
                               "binds",
                               "bind",
                               "mounts",
                               "mount",
                               "volumes",
                               "volume",
                               "volumesfrom",
                               "volumedriver",
                               "networkmode",
                               "hostnetwork",
                               "network",
                               "networkingconfig",
                               "pidmode",
                               "hostpid",
                               "ipcmode",
                               "hostipc",
                               "ipc",
                               "usernsmode",
                               "userns",
                               "utsmode",
                               "uts",
                               "cgroupnsmode",
                               "cgroupns",
                               "cgroupparent",
                               "cgroup",
                               "securityopt",
                               "securityopts",
                               "apparmorprofile",
                               "seccompprofile",
                               "runtime",
                               "sysctls",
                               "sysctl",
                               "oomkilldisable",
                               "oomscoreadj",
                               "logconfig",
                               "logdriver",
                               "logopts",
                               "publishallports",
                               "links",
                               "extrahosts",
                               "ulimits",
                               "hostconfig",
                               "storageopt",
                               "shmsize",
                               "groupadd",
                               "engineoptions",
                               "isolation",
                               "tmpfs",
                               "pid",
                               "pidns",
                               "netns",
                               "ipcns",
                               "utsns",
                               "hostusers",
                               "idmappings",
                               "cgroups",
                               "cgroupsmode",
                               "rootfs",
                               "hostpath",
                               "ociruntime",
                               "securitycontext",
                               "allowprivilegeescalation",
                               "procmount",
                               "unmask",
                               "procfsopts",
                               "selinuxopts",
                               "seccomppolicy",
                               "seccompprofilepath",
                               "hostdevicelist",
                               "devicecgrouprule",
                               "devicesfrom",
                               "overlayvolumes",
                               "imagevolumes",
                               "chrootdirectories",
                               "rlimits",
                               "storageopts",
                               "logconfiguration",
                               "logpath",
                               "initpath",
                               "envhost",
                               "labelnested",
                               "externallinks"};
  return kNames;
}

/// Fields that keep a container in: what is dangerous is that they are false or empty.
const Names& keepingIn() {
  static const Names kNames = {"maskedpaths", "readonlypaths", "nonewprivileges",
                               "seccomp",     "apparmor",      "selinux"};
  return kNames;
}

std::string plainName(std::string_view name) {
  std::string plain(name);
  for (char& c : plain)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  std::erase_if(plain, [](char c) { return c == '_' || c == '-' || c == ' '; });
  return plain;
}

/// null, false and what is empty ask for nothing.
bool asksForNothing(const Json& value) {
  if (value.isNull()) return true;
  if (value.boolean() != nullptr) return !*value.boolean();
  if (value.text() != nullptr) return value.text()->empty();
  if (value.elements() != nullptr) return value.elements()->empty();
  return value.members() != nullptr && value.members()->empty();
}

bool isForbidden(std::string_view name, const Json& value) {
  const std::string plain = plainName(name);
  if (keepingIn().contains(plain)) return !value.isNull();
  return reachingOut().contains(plain) && !asksForNothing(value);
}

void refuseIn(const Json& value, const std::string& path) {
  if (const Json::Array* elements = value.elements()) {
    for (std::size_t i = 0; i < elements->size(); ++i)
      refuseIn((*elements)[i], path + '[' + std::to_string(i) + ']');
  }
  if (value.members() == nullptr) return;
  for (const auto& [name, member] : *value.members()) {
    const std::string member_path = path + '.' + name;
    if (isForbidden(name, member))
      throw Refusal("POLICY_VIOLATION",
                    member_path + " is not allowed on this agent; leave it out");
    // What the panel's users name is no field.
    if (name != "environment" && name != "labels") refuseIn(member, member_path);
  }
}

}  // namespace

void refuseForbiddenFields(const Fields& payload) {
  if (payload.present()) refuseIn(*payload.value(), payload.path());
}

}  // namespace agent
