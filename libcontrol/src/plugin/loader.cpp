#include <dlfcn.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/dll/shared_library.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <vector>

#include <libcontrol/loader.h>

namespace control {
namespace {

namespace fs = std::filesystem;

using DescriptorFunction = const PluginDescriptor*();
using Library = std::shared_ptr<boost::dll::shared_library>;

Error refused(const std::string& plugin, std::string why) {
  return {.code = ErrorCode::kInternal, .message = "plugin '" + plugin + "': " + std::move(why)};
}

std::string fileNameOf(std::string_view engine) {
  return "libcontrol-" + std::string(engine) + ".so";
}

/// The engines of a folder's plugins, for messages.
std::string installedIn(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("libcontrol-") && name.ends_with(".so"))
      names.push_back(name.substr(11, name.size() - 14));
  }
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  return list.empty() ? "none" : list;
}

/// Empty when only root and we can change what is at `path`, else why not.
std::string whoElseMayWrite(const fs::path& path, bool sticky_is_enough) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0)
    return "cannot look at '" + path.string() + "': " + std::strerror(errno);
  if (status.st_uid != 0 && status.st_uid != ::geteuid())
    return "'" + path.string() + "' belongs to user " + std::to_string(status.st_uid) +
           "; expected root as its owner";
  // In a sticky folder as /tmp nobody can replace what belongs to root.
  if (sticky_is_enough && (status.st_mode & S_ISVTX) != 0) return {};
  if ((status.st_mode & S_IWOTH) != 0 || ((status.st_mode & S_IWGRP) != 0 && status.st_gid != 0))
    return "'" + path.string() + "' may be written by others; use chmod go-w";
  return {};
}

/// A plugin's code runs with our rights, so when we are root nobody else may be able to change it.
Result<void> checkWriters(const fs::path& file) {
  if (::geteuid() != 0) return {};
  std::string why = whoElseMayWrite(file, false);
  fs::path folder = file.parent_path();
  for (bool nearest = true; why.empty(); nearest = false) {
    why = whoElseMayWrite(folder, !nearest);
    if (folder == folder.root_path()) break;
    folder = folder.parent_path();
  }
  if (why.empty()) return {};
  return Error{.code = ErrorCode::kPermissionDenied,
               .message = "plugin '" + file.string() + "' is not loaded: " + why};
}

Result<fs::path> locate(const Endpoint& endpoint, const LoadOptions& options) {
  const bool by_file = !options.plugin_file.empty();
  const fs::path folder =
      options.plugin_directory.empty() ? defaultPluginDirectory() : options.plugin_directory;
  const fs::path asked =
      by_file ? fs::path(options.plugin_file) : folder / fileNameOf(endpoint.engine);
  if (!asked.is_absolute())
    return Error::invalid("plugin path '" + asked.string() + "' is not absolute: name it from '/'");
  std::error_code error;
  fs::path canonical = fs::canonical(asked, error);
  // Opening a pipe would wait for somebody to write to it.
  if (!error && !fs::is_regular_file(canonical, error))
    return Error::invalid("plugin file '" + asked.string() + "' is not a file" +
                          (error ? ": " + error.message() : ""));
  if (!error) return canonical;
  if (by_file) return Error::invalid("plugin file '" + asked.string() + "': " + error.message());
  return Error::invalid("unknown engine '" + endpoint.engine + "': no " + asked.string() +
                        "; installed there: " + installedIn(folder));
}

/// The thread's signal mask is what it was at the end. Poco, which plugins bring along, blocks
/// SIGPIPE in the thread that loads it, and programs that are started from there inherit that.
class KeptSignalMask {
 public:
  KeptSignalMask() { ::pthread_sigmask(SIG_SETMASK, nullptr, &mask_); }
  ~KeptSignalMask() { ::pthread_sigmask(SIG_SETMASK, &mask_, nullptr); }
  KeptSignalMask(const KeptSignalMask&) = delete;
  KeptSignalMask& operator=(const KeptSignalMask&) = delete;

 private:
  sigset_t mask_;
};

bool isElf(const fs::path& file) {
  std::array<char, 4> magic{};
  std::ifstream(file, std::ios::binary).read(magic.data(), magic.size());
  return magic == std::array{'\x7f', 'E', 'L', 'F'};
}

Result<Library> openLibrary(const fs::path& file) {
  const KeptSignalMask kept;
  try {
    // rtld_now: a plugin with a missing symbol fails here and not in the middle of a call.
    return std::make_shared<boost::dll::shared_library>(
        file.string(), boost::dll::load_mode::rtld_now | boost::dll::load_mode::rtld_local);
  } catch (const std::exception& failure) {
    // What the loader says of it is an error of descriptors.
    const std::string why = isElf(file) ? failure.what() : "it is not a shared library";
    return refused(file.string(), "cannot be loaded: " + why);
  }
}

Result<const PluginDescriptor*> descriptorOf(const Library& library, const std::string& file) {
  try {
    if (!library->has(kPluginSymbol))
      return refused(file, std::string("expected the symbol ") + kPluginSymbol +
                               ", found none: not a plugin of this library");
    const PluginDescriptor* descriptor = library->get<DescriptorFunction>(kPluginSymbol)();
    if (descriptor == nullptr)
      return refused(file, std::string(kPluginSymbol) + "() returned null");
    return descriptor;
  } catch (const std::exception& failure) {
    return refused(file, failure.what());
  }
}

Result<void> checkDescriptor(const PluginDescriptor& found, const std::string& engine,
                             const std::string& plugin) {
  if (found.abi_version != CONTROL_PLUGIN_ABI_VERSION)
    return refused(plugin, "expected ABI version " + std::to_string(CONTROL_PLUGIN_ABI_VERSION) +
                               ", found " + std::to_string(found.abi_version) +
                               "; build it against the installed headers");
  if (found.build_id == nullptr || std::strcmp(found.build_id, CONTROL_BUILD_ID) != 0)
    return refused(plugin, std::string("expected build '") + CONTROL_BUILD_ID + "', found '" +
                               (found.build_id != nullptr ? found.build_id : "") +
                               "'; build it with the compiler and version of this library");
  if (found.name == nullptr || engine != found.name)
    return refused(plugin, "expected the engine '" + engine + "', found '" +
                               (found.name != nullptr ? found.name : "") + "'");
  if (found.create == nullptr) return refused(plugin, "it has no create function");
  return {};
}

Result<std::unique_ptr<ContainerRuntime>> createRuntime(const PluginDescriptor& descriptor,
                                                        const std::string& plugin,
                                                        const Endpoint& endpoint,
                                                        const HostContext& host,
                                                        const CallContext& context) {
  try {
    auto runtime = descriptor.create(endpoint, host, context);
    if (runtime && *runtime == nullptr) return refused(plugin, "create returned nothing");
    return runtime;
  } catch (const std::exception& failure) {
    return refused(plugin, std::string("create threw: ") + failure.what());
  } catch (...) {
    return refused(plugin, "create threw something that is not a std::exception");
  }
}

/// `library` is null for a plugin linked into the program.
Result<std::shared_ptr<ContainerRuntime>> open(const PluginDescriptor& descriptor, Library library,
                                               const std::string& plugin, const Endpoint& endpoint,
                                               HostContext host, const CallContext& context) {
  if (auto good = checkDescriptor(descriptor, endpoint.engine, plugin); !good) return good.error();
  if (host.clock == nullptr) host.clock = systemClock();
  auto runtime = createRuntime(descriptor, plugin, endpoint, host, context);
  if (!runtime) return runtime.error();
  // The deleter holds the library: whatever outlives the last call still has its code mapped.
  return std::shared_ptr<ContainerRuntime>(
      runtime->release(),
      [library = std::move(library)](ContainerRuntime* pointer) { delete pointer; });
}

}  // namespace

std::string defaultPluginDirectory() {
  // Beside the library itself first, so that an installed tree can be moved as a whole.
  Dl_info self{};
  if (::dladdr(reinterpret_cast<const void*>(&defaultPluginDirectory), &self) != 0 &&
      self.dli_fname != nullptr) {
    std::error_code error;
    const fs::path library = fs::canonical(self.dli_fname, error);
    if (const fs::path beside = library.parent_path() / "libcontrol";
        !error && fs::is_directory(beside, error))
      return beside;
  }
  return CONTROL_PLUGIN_DIRECTORY;
}

Result<std::shared_ptr<ContainerRuntime>> loadRuntime(std::string_view uri,
                                                      const LoadOptions& options,
                                                      const CallContext& context) {
  const auto endpoint = Endpoint::parse(uri);
  if (!endpoint) return endpoint.error();
  if (options.plugin_file.empty()) {
    for (const PluginDescriptor* linked : options.linked_plugins)
      if (linked != nullptr && linked->name != nullptr && endpoint->engine == linked->name)
        return open(*linked, nullptr, endpoint->engine, *endpoint, options.host, context);
  }
  const auto file = locate(*endpoint, options);
  if (!file) return file.error();
  if (auto safe = checkWriters(*file); !safe) return safe.error();
  auto library = openLibrary(*file);
  if (!library) return library.error();
  const auto descriptor = descriptorOf(*library, file->string());
  if (!descriptor) return descriptor.error();
  return open(**descriptor, std::move(*library), file->string(), *endpoint, options.host, context);
}

}  // namespace control
