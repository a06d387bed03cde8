#pragma once

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include <libcontrol/loader.h>
#include <libcontrol/runtime.h>
#include <libcontrol/testing/fake_clock.h>
#include <libcontrol/testing/mock_control.h>

#include "contract/expected.h"
#include "contract/options.h"
#include "contract/process_state.h"
#include "support/footprint.h"

namespace control::conform {

/// Plugins that are linked into this program: none in the installed one.
std::span<const PluginDescriptor* const> linkedPlugins();

using test::Footprint;

/// What holds for the whole run: the engine, the label that marks all we make on it, the list of
/// skips.
class World {
 public:
  static World& instance();

  /// Opens the engine once, to learn what it is. kInvalidArgument, or what the engine says.
  Result<void> begin(const Options& options);
  /// Removes whatever of this run is left. The number of containers that were.
  Result<std::size_t> sweep();
  /// What else a behaviour is about to make, and how it is taken back: by sweep(), without a word,
  /// until it succeeds or the behaviour has done so itself.
  void owes(const std::string& what, std::function<bool()> take_back);
  void owesNoLonger(const std::string& what);

  Result<std::shared_ptr<ContainerRuntime>> open(const std::string& uri,
                                                 const CallContext& context = {}) const;
  Result<std::shared_ptr<ContainerRuntime>> open() const { return open(options_.runtime); }

  const Options& options() const noexcept { return options_; }
  const RuntimeInfo& info() const noexcept { return info_; }
  const Endpoint& endpoint() const noexcept { return endpoint_; }
  const std::string& runLabel() const noexcept { return run_label_; }
  static constexpr const char* kRunKey = "control.conform.run";
  const ExpectedSkips& expected() const noexcept { return expected_; }
  /// Where the broken plugins of the loader's behaviours are.
  std::string fixtureDirectory() const;
  std::string expectFile() const { return expect_file_; }
  /// What to do with the lines of skips to list.
  std::string whereToList() const;
  /// Above this, something is left behind.
  const Footprint& baseline() const noexcept { return baseline_; }

  /// What the process has been changed in since this was last called, or since before the plugin
  /// was loaded: a sentence each.
  std::vector<std::string> changesOfProcess();
  /// The descriptors that a program started now would inherit and did not before.
  std::vector<std::string> inheritableDescriptors() const;

  /// None: networks cost time. Containers that cannot have ports have no network to go without.
  NetworkMode network() const noexcept {
    return info_.has(Capability::kPorts) ? NetworkMode::kNone : NetworkMode::kDefault;
  }

  /// Names that nothing else on the engine has.
  std::string uniqueName();

  /// Requested when somebody interrupts the run: every call ends.
  std::stop_source& interrupted() noexcept { return interrupted_; }

  /// Behaviours on the list that passed all the same.
  void passedAlthoughListed(const std::string& name);
  std::vector<std::string> needlesslyListed() const;

 private:
  Result<void> look(const Options& options);
  Result<void> readExpected();
  Result<void> warmUp();
  Result<std::size_t> sweepContainers();

  Options options_{};
  Endpoint endpoint_{};
  RuntimeInfo info_{};
  std::string run_label_{};
  ExpectedSkips expected_{};
  std::string expect_file_{};
  Footprint baseline_{};
  ProcessState process_{};
  std::map<int, std::string> inherited_{};
  std::atomic<int> names_{0};
  std::stop_source interrupted_{};
  mutable std::mutex mutex_{};
  std::vector<std::string> needlessly_listed_{};         ///< guarded by mutex_
  std::map<std::string, std::function<bool()>> owed_{};  ///< guarded by mutex_
};

}  // namespace control::conform
