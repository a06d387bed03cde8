#include "process_plugin.h"

#include <dlfcn.h>
#include <sys/stat.h>

#include <cerrno>

#include "engine/layout.h"
#include "process_runtime.h"

namespace process_engine {

using namespace control;

namespace {

/// Where containers are kept when the endpoint does not say.
std::string defaultDirectory(const HostContext& host) {
  if (::geteuid() == 0) return "/run/libcontrol-process";
  const std::string runtime = host.environment ? host.environment("XDG_RUNTIME_DIR") : "";
  if (!runtime.empty()) return runtime + "/libcontrol-process";
  return "/tmp/libcontrol-process-" + std::to_string(::geteuid());
}

/// The keeper is beside the file that this code is in.
Result<std::string> findKeeper() {
  Dl_info here{};
  std::string path;
  if (::dladdr(reinterpret_cast<const void*>(&descriptor), &here) != 0) path = here.dli_fname;
  path = path.substr(0, path.rfind('/') + 1) + kKeeperProgram;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return Error{.code = ErrorCode::kUnavailable,
                 .message = "no " + path + ": install it beside the plugin"};
  // The loader has checked the plugin and the folders; this file we run as well.
  const bool others =
      (status.st_mode & S_IWOTH) != 0 || ((status.st_mode & S_IWGRP) != 0 && status.st_gid != 0);
  if (::geteuid() == 0 && (status.st_uid != 0 || others))
    return Error{.code = ErrorCode::kPermissionDenied,
                 .message = path + " must be root's and not writable by others"};
  return path;
}

Result<std::unique_ptr<ContainerRuntime>> create(const Endpoint& endpoint, const HostContext& host,
                                                 const CallContext&) {
  if (!endpoint.host.empty() || !endpoint.transport.empty())
    return Error{.code = ErrorCode::kInvalidArgument,
                 .message = "processes are on this host: use process:///state/directory"};
  if (auto known = endpoint.requireKnownQuery({}); !known) return known.error();
  auto keeper = findKeeper();
  if (!keeper) return keeper.error();
  auto store = Store::open(endpoint.path == "/" ? defaultDirectory(host) : endpoint.path);
  if (!store) return store.error();
  auto monitor = Monitor::start();
  if (!monitor) return monitor.error();
  return std::unique_ptr<ContainerRuntime>(std::make_unique<ProcessRuntime>(
      host, endpoint.toString(), std::move(*keeper), std::move(*store), std::move(*monitor)));
}

}  // namespace

const PluginDescriptor& descriptor() noexcept {
  static constexpr PluginDescriptor kDescriptor{.abi_version = CONTROL_PLUGIN_ABI_VERSION,
                                                .build_id = CONTROL_BUILD_ID,
                                                .name = "process",
                                                .version = "0.1.0",
                                                .create = create};
  return kDescriptor;
}

}  // namespace process_engine
