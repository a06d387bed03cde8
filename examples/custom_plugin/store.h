#pragma once

#include <string>
#include <vector>

#include <libcontrol/runtime.h>

#include "engine/definition.h"
#include "engine/files.h"
#include "waiting.h"

namespace process_engine {

/// A container's folder, held open: what is done through it is done to this container, whoever has
/// its name by now.
struct Container {
  Fd folder{};
  std::string path{};
  Definition definition{};
};

/// The containers in a state directory. Programs share it without knowing of each other: all
/// changes are single renames.
class Store {
 public:
  /// Makes the directory if only its last part is missing.
  static control::Result<Store> open(const std::string& path);

  /// kUnavailable: the directory is gone.
  control::Result<void> check() const;
  /// By id or name. kNotFound.
  control::Result<Container> find(const control::ContainerId& id) const;
  control::Result<std::vector<Container>> all() const;
  /// kAlreadyExists.
  control::Result<control::ContainerId> create(const control::ContainerSpec& spec) const;
  /// `lock` is the container's: it does not run.
  void erase(const Container& container, const Fd& lock) const;
  int directory() const noexcept { return directory_.get(); }

 private:
  Store(std::string path, Fd directory)
      : path_(std::move(path)), directory_(std::move(directory)) {}
  std::optional<Container> load(const std::string& name) const;

  std::string path_;
  Fd directory_;
};

/// The keepers of a running container: of its run, and of the processes beside it.
std::vector<pid_t> keepersOf(const Container& container, const struct Run& run);
std::string randomText();
/// The folder of a container that nobody knows yet.
control::Result<Fd> makeFolder(const std::string& path, const Definition& definition);
void removeFolder(const std::string& path) noexcept;

}  // namespace process_engine
