// What the loader refuses, and what it gives: shown with plugins that each break one rule. They
// need no engine.

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>

#include <libcontrol/loader.h>

#include "contract/conformance.h"
#include "contract/scratch.h"
#include "fixtures/plugins/memory_runtime.h"

namespace control::conform {
namespace {

namespace fs = std::filesystem;
using Loaded = Result<std::shared_ptr<ContainerRuntime>>;

/// A folder of a test's own with copies of the broken plugins: nobody else may write to it.
class Plugins {
 public:
  fs::path place(const std::string& name) {
    const std::string file = "libcontrol-" + name + ".so";
    const fs::path target = folder() / file;
    std::error_code error;
    fs::copy_file(fs::path(World::instance().fixtureDirectory()) / file, target,
                  fs::copy_options::skip_existing, error);
    EXPECT_FALSE(error) << "no " << file << " in '" << World::instance().fixtureDirectory()
                        << "'; --fixtures names the folder: " << error.message();
    ::chmod(target.c_str(), 0644);
    return target;
  }
  fs::path folder() const { return folder_.path(); }

 private:
  ScratchFolder folder_;
};

Loaded load(const fs::path& file, const std::string& uri = "good:///") {
  return loadRuntime(uri, {.plugin_file = file.string()});
}

void expectRefused(const Loaded& loaded, ErrorCode code, std::string_view because) {
  ASSERT_FALSE(loaded) << "it was loaded";
  EXPECT_EQ(toString(loaded.error().code), toString(code));
  expectNamed(loaded, because);
}

void expectRefused(const std::string& plugin, ErrorCode code, std::string_view because) {
  Plugins plugins;
  expectRefused(load(plugins.place(plugin)), code, because);
}

/// Root refuses what others may have written; anybody else may load what he likes.
void expectRefusedForRoot(const Loaded& loaded, const fs::path& culprit) {
  if (::geteuid() == 0)
    expectRefused(loaded, ErrorCode::kPermissionDenied, "'" + culprit.string() + "'");
  else
    EXPECT_OK(loaded);
}

std::string versionOf(ContainerRuntime& runtime) {
  const auto info = runtime.info({});
  return info ? info->version : wordsOf(info.error());
}

std::size_t countOf(ContainerRuntime& runtime) {
  const auto list = runtime.list({}, {});
  return list ? list->size() : 999;
}

MUST(Loader, missing_symbol) {
  expectRefused("missing_symbol", ErrorCode::kInternal, "control_plugin_descriptor");
}
MUST(Loader, null_descriptor) {
  expectRefused("null_descriptor", ErrorCode::kInternal, "returned null");
}
MUST(Loader, newer_abi) {
  expectRefused("newer_abi", ErrorCode::kInternal,
                "found " + std::to_string(CONTROL_PLUGIN_ABI_VERSION + 1));
}
MUST(Loader, older_abi) {
  expectRefused("older_abi", ErrorCode::kInternal,
                "found " + std::to_string(CONTROL_PLUGIN_ABI_VERSION - 1));
}
MUST(Loader, other_build) { expectRefused("other_build", ErrorCode::kInternal, CONTROL_BUILD_ID); }
MUST(Loader, other_name) {
  expectRefused("other_name", ErrorCode::kInternal, "expected the engine 'good'");
}
MUST(Loader, not_a_library) {
  expectRefused("not_a_library", ErrorCode::kInternal, "cannot be loaded");
}

MUST(Loader, missing_file) {
  const Plugins plugins;
  const fs::path file = plugins.folder() / "libcontrol-good.so";
  expectRefused(load(file), ErrorCode::kInvalidArgument, file.string());
}

MUST(Loader, relative_path) {
  Plugins plugins;
  expectRefused(load(plugins.place("good").relative_path()), ErrorCode::kInvalidArgument,
                "not absolute");
}

MUST(Loader, file_writable_by_others) {
  Plugins plugins;
  const fs::path file = plugins.place("good");
  ::chmod(file.c_str(), 0646);
  expectRefusedForRoot(load(file), file);
}

MUST(Loader, folder_writable_by_others) {
  Plugins plugins;
  const fs::path file = plugins.place("good");
  ::chmod(plugins.folder().c_str(), 0777);
  expectRefusedForRoot(load(file), plugins.folder());
}

MUST(Loader, create_fails) {
  expectRefused("create_fails", ErrorCode::kUnavailable, "switched off");
}
MUST(Loader, create_throws) {
  expectRefused("create_throws", ErrorCode::kInternal, "create threw");
}

MUST(Loader, loaded_twice_works) {
  Plugins plugins;
  const fs::path file = plugins.place("good");
  const auto first = load(file, "good:///?greeting=one");
  const auto second = load(file, "good:///?greeting=two");
  ASSERT_OK(first);
  ASSERT_OK(second);
  EXPECT_EQ(versionOf(**first), "one");
  EXPECT_EQ(versionOf(**second), "two");
}

MUST(Loader, two_instances_are_isolated) {
  Plugins plugins;
  const fs::path file = plugins.place("good");
  const auto first = load(file);
  const auto second = load(file);
  ASSERT_OK(first);
  ASSERT_OK(second);
  ASSERT_OK((*first)->create({.name = "web", .image = "i"}, {}));
  EXPECT_EQ(countOf(**first), 1U);
  EXPECT_EQ(countOf(**second), 0U);
}

MUST(Loader, static_and_loaded_behave_the_same) {
  Plugins plugins;
  const std::array<const PluginDescriptor*, 1> linked{&fixture::goodDescriptor()};
  const auto in_program = loadRuntime("good:///", {.linked_plugins = linked});
  const auto from_file = load(plugins.place("good"));
  ASSERT_OK(in_program);
  ASSERT_OK(from_file);
  for (ContainerRuntime* one : {in_program->get(), from_file->get()}) {
    EXPECT_EQ(versionOf(*one), "hello");
    EXPECT_OK(one->create({.name = "web", .image = "i"}, {}));
    EXPECT_CODE(one->create({.name = "web", .image = "i"}, {}), kAlreadyExists);
    EXPECT_EQ(countOf(*one), 1U);
  }
  const auto linked_refusal = loadRuntime("good:///?colour=red", {.linked_plugins = linked});
  const auto loaded_refusal = load(plugins.place("good"), "good:///?colour=red");
  ASSERT_FALSE(linked_refusal);
  ASSERT_FALSE(loaded_refusal);
  EXPECT_EQ(linked_refusal.error().message, loaded_refusal.error().message);
}

MUST(Loader, runtime_outlives_everything_that_loaded_it) {
  std::shared_ptr<ContainerRuntime> survivor;
  {
    Plugins plugins;
    std::string uri = "good:///?greeting=still";
    const auto loaded = load(plugins.place("good"), uri);
    ASSERT_OK(loaded);
    survivor = *loaded;
    uri.assign(uri.size(), 'x');
  }
  EXPECT_EQ(versionOf(*survivor), "still");
  EXPECT_OK(survivor->create({.name = "web", .image = "i"}, {}));
  EXPECT_EQ(countOf(*survivor), 1U);
}

}  // namespace
}  // namespace control::conform
