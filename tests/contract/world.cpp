#include "contract/world.h"

#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <random>

#include "contract/behaviour.h"
#include "contract/suite_process.h"

namespace control::conform {
namespace {

namespace fs = std::filesystem;

std::string randomText() {
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  std::random_device random;
  std::string text;
  for (int i = 0; i < 8; ++i) text += kDigits[random() % 36];
  return text;
}

}  // namespace

World& World::instance() {
  // Lives for ever: other threads still look at it when a plugin ends the process.
  static World& world = *new World;
  return world;
}

Result<std::shared_ptr<ContainerRuntime>> World::open(const std::string& uri,
                                                      const CallContext& context) const {
  return loadRuntime(uri, {.plugin_file = options_.plugin, .linked_plugins = linkedPlugins()},
                     context);
}

Result<void> World::begin(const Options& options) {
  process_ = ProcessState::now();
  inherited_ = inheritedDescriptors();
  if (auto opened = look(options); !opened) return opened;
  if (auto read = readExpected(); !read) return read;
  return warmUp();
}

Result<void> World::look(const Options& options) {
  options_ = options;
  run_label_ = randomText();
  const auto endpoint = Endpoint::parse(options.runtime);
  if (!endpoint) return endpoint.error();
  endpoint_ = *endpoint;
  const auto runtime = open(options.runtime, CallContext::within(std::chrono::seconds(30)));
  if (!runtime) return runtime.error();
  const auto info =
      (*runtime)->info(CallContext::within(std::chrono::seconds(30), (*runtime)->clock()));
  if (!info) return info.error();
  info_ = *info;
  return {};
}

/// What stays for as long as the process lives (a library's own threads, the mock engine's) is
/// there after the first container.
Result<void> World::warmUp() {
  {
    const auto runtime = open();
    if (!runtime) return runtime.error();
    const auto context = CallContext::within(std::chrono::seconds(60), (*runtime)->clock());
    ContainerSpec spec{.name = uniqueName(), .image = options_.image};
    spec.command = {"/bin/sh", "-c", "sleep 0.01"};
    spec.labels = {{kRunKey, run_label_}};
    spec.network = network();
    const auto created = (*runtime)->create(spec, context);
    if (!created) return created.error();
    if (const auto started = (*runtime)->start(created->id, context); !started)
      return started.error();
    const auto watch = (*runtime)->watchExit(created->id, context);
    if (!watch) return watch.error();
    if (info_.has(Capability::kEvents)) (void)(*runtime)->events({}, context);
    (void)(*runtime)->stats(std::vector{created->id}, context);
  }
  if (auto swept = sweep(); !swept) return swept.error();
  baseline_ = Footprint::now();
  return {};
}

std::vector<std::string> World::changesOfProcess() {
  ProcessState now = ProcessState::now();
  std::vector<std::string> changes = now.changesSince(process_);
  process_ = std::move(now);
  for (const auto& [fd, name] : {std::pair(STDOUT_FILENO, "stdout"), {STDERR_FILENO, "stderr"}})
    if (const std::string text = printedOn(fd); !text.empty())
      changes.push_back(std::string("this was printed on ") + name + ", which is the host's: '" +
                        text + "'; what an operator should know goes to HostContext::diagnostic");
  return changes;
}

std::vector<std::string> World::inheritableDescriptors() const {
  std::vector<std::string> found;
  for (const auto& [fd, what] : inheritedDescriptors())
    if (!inherited_.contains(fd))
      found.push_back("descriptor " + std::to_string(fd) + " (" + what +
                      ") is not close-on-exec: programs that the host starts inherit it; use "
                      "O_CLOEXEC, SOCK_CLOEXEC, EFD_CLOEXEC and the like");
  return found;
}

std::string World::whereToList() const {
  const std::string line = "put those that are right into ";
  if (::access(expect_file_.c_str(), W_OK) == 0) return line + expect_file_;
  const bool exists = ::access(expect_file_.c_str(), F_OK) == 0;
  return line + (exists ? "a copy of " + expect_file_ : "a file of your own") +
         " and name that with --expect FILE";
}

std::string World::fixtureDirectory() const {
  if (!options_.fixtures.empty()) return options_.fixtures;
  std::error_code ignored;
  const fs::path program = fs::canonical("/proc/self/exe", ignored).parent_path();
  // As installed, else as built.
  for (const char* place :
       {CONTROL_CONFORM_FIXTURES_FROM_BIN, "../fixtures/plugins", "../../fixtures/plugins"})
    if (fs::exists(program / place / "libcontrol-good.so", ignored))
      return (program / place).lexically_normal();
  return program / CONTROL_CONFORM_FIXTURES_FROM_BIN;
}

Result<void> World::readExpected() {
  expect_file_ = options_.expect;
  if (expect_file_.empty()) {
    std::error_code ignored;
    const fs::path program = fs::canonical("/proc/self/exe", ignored).parent_path();
    expect_file_ =
        program / CONTROL_CONFORM_DATA_FROM_BIN / "expected" / (endpoint_.engine + ".txt");
    expect_file_ = fs::path(expect_file_).lexically_normal();
    if (!fs::exists(expect_file_, ignored)) return {};
  }
  auto skips = readExpectedSkips(expect_file_);
  if (!skips) return skips.error();
  for (const auto& [name, reason] : *skips)
    if (!isBehaviour(name))
      return Error{.code = ErrorCode::kInvalidArgument,
                   .message = expect_file_ + ": there is no behaviour '" + name +
                              "'; control-conform --list shows all"};
  expected_ = std::move(*skips);
  // The reason that there is none to pull is none where one is named.
  if (!options_.pullable.empty())
    for (const Behaviour& one : behaviours())
      if (std::count(one.needs.begin(), one.needs.end(), Need(Means::kPullable)) > 0)
        expected_.erase(std::string(one.name));
  return {};
}

Result<std::size_t> World::sweep() {
  auto swept = sweepContainers();
  std::map<std::string, std::function<bool()>> owed;
  {
    const std::lock_guard lock(mutex_);
    owed = owed_;
  }
  for (const auto& [what, take_back] : owed)
    if (take_back()) owesNoLonger(what);
  return swept;
}

void World::owes(const std::string& what, std::function<bool()> take_back) {
  const std::lock_guard lock(mutex_);
  owed_.emplace(what, std::move(take_back));
}

void World::owesNoLonger(const std::string& what) {
  const std::lock_guard lock(mutex_);
  owed_.erase(what);
}

Result<std::size_t> World::sweepContainers() {
  const auto runtime = open(options_.runtime, CallContext::within(std::chrono::seconds(30)));
  if (!runtime) return runtime.error();
  const auto context = CallContext::within(std::chrono::seconds(60), (*runtime)->clock());
  const auto left = (*runtime)->list({.labels = {{kRunKey, run_label_}}}, context);
  if (!left) return left.error();
  for (const ContainerSummary& one : *left)
    if (const auto removed = (*runtime)->remove(one.id, {.force = true}, context); !removed)
      return removed.error();
  return left->size();
}

std::string World::uniqueName() { return "conform-" + run_label_ + "-" + std::to_string(++names_); }

void World::passedAlthoughListed(const std::string& name) {
  const std::lock_guard lock(mutex_);
  needlessly_listed_.push_back(name);
}

std::vector<std::string> World::needlesslyListed() const {
  const std::lock_guard lock(mutex_);
  return needlessly_listed_;
}

}  // namespace control::conform
