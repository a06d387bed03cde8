#include <signal.h>

#include <array>
#include <string>

#include "loader/loader_fixture.h"
#include "memory_runtime.h"

namespace control::test {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

std::string engineVersion(ContainerRuntime& runtime) {
  const auto info = runtime.info({});
  return info ? info->version : info.error().message;
}

std::size_t containerCount(ContainerRuntime& runtime) {
  const auto list = runtime.list({}, {});
  return list ? list->size() : 999;
}

// Tests in lower case are the behaviours of the loader that the contract names.

TEST_F(Loader, LoadsAPluginByEngineName) {
  place("good");
  const auto runtime = loadRuntime("good:///", {.plugin_directory = folder().string()});
  ASSERT_TRUE(runtime) << runtime.error().message;
  EXPECT_EQ(engineVersion(**runtime), "hello");
}

TEST_F(Loader, KeepsTheSignalMaskOfTheThreadThatLoads) {
  const auto runtime = load("good:///", place("blocks_signals"));
  ASSERT_TRUE(runtime) << runtime.error().message;
  sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  EXPECT_EQ(::sigismember(&mask, SIGUSR2), 0);
}

TEST_F(Loader, GivesThePluginTheEndpoint) {
  const auto runtime = load("good:///?greeting=servus", place("good"));
  ASSERT_TRUE(runtime) << runtime.error().message;
  EXPECT_EQ(engineVersion(**runtime), "servus");
}

TEST_F(Loader, GivesThePluginTheHostsClock) {
  const std::shared_ptr<Clock> clock = systemClock();
  LoadOptions options{.plugin_file = place("good").string()};
  options.host.clock = clock;
  const auto runtime = loadRuntime("good:///", options);
  ASSERT_TRUE(runtime) << runtime.error().message;
  EXPECT_EQ(&(*runtime)->clock(), clock.get());
}

TEST_F(Loader, PutsTheSystemClockWhereTheHostHasNone) {
  LoadOptions options{.plugin_file = place("good").string()};
  options.host.clock = nullptr;
  const auto runtime = loadRuntime("good:///", options);
  ASSERT_TRUE(runtime) << runtime.error().message;
  EXPECT_EQ(&(*runtime)->clock(), systemClock().get());
}

TEST_F(Loader, HandsOnWhatThePluginSaysOfTheQuery) {
  const auto runtime = load("good:///?colour=red", place("good"));
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(runtime.error().message, AllOf(HasSubstr("colour"), HasSubstr("greeting")));
}

TEST_F(Loader, RefusesAnUnknownEngineAndListsWhatIsInstalled) {
  place("good");
  place("other_name");
  const auto runtime = loadRuntime("warp:///", {.plugin_directory = folder().string()});
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kInvalidArgument);
  EXPECT_THAT(runtime.error().message, AllOf(HasSubstr("warp"), HasSubstr("good, other_name")));
}

TEST_F(Loader, NeverFallsBackToAnotherEngine) {
  place("good");
  EXPECT_FALSE(loadRuntime("docker:///", {.plugin_directory = folder().string()}));
}

TEST_F(Loader, loaded_twice_works) {
  const fs::path file = place("good");
  const auto first = load("good:///?greeting=one", file);
  const auto second = load("good:///?greeting=two", file);
  ASSERT_TRUE(first) << first.error().message;
  ASSERT_TRUE(second) << second.error().message;
  EXPECT_EQ(engineVersion(**first), "one");
  EXPECT_EQ(engineVersion(**second), "two");
}

TEST_F(Loader, two_instances_are_isolated) {
  const fs::path file = place("good");
  const auto first = load("good:///", file);
  const auto second = load("good:///", file);
  ASSERT_TRUE(first && second);
  ASSERT_TRUE((*first)->create({.name = "web", .image = "i"}, {}));
  EXPECT_EQ(containerCount(**first), 1u);
  EXPECT_EQ(containerCount(**second), 0u);
}

TEST_F(Loader, static_and_loaded_behave_the_same) {
  const std::array<const PluginDescriptor*, 1> linked{&fixture::goodDescriptor()};
  const auto in_program = loadRuntime("good:///", {.linked_plugins = linked});
  const auto from_file = load("good:///", place("good"));
  ASSERT_TRUE(in_program && from_file);
  for (ContainerRuntime* runtime : {in_program->get(), from_file->get()}) {
    EXPECT_EQ(engineVersion(*runtime), "hello");
    EXPECT_TRUE(runtime->create({.name = "web", .image = "i"}, {}));
    EXPECT_EQ(runtime->create({.name = "web", .image = "i"}, {}).error().code,
              ErrorCode::kAlreadyExists);
    EXPECT_EQ(containerCount(*runtime), 1u);
  }
  const auto linked_refusal = loadRuntime("good:///?colour=red", {.linked_plugins = linked});
  const auto loaded_refusal = load("good:///?colour=red", place("good"));
  ASSERT_FALSE(linked_refusal || loaded_refusal);
  EXPECT_EQ(linked_refusal.error().message, loaded_refusal.error().message);
}

TEST_F(Loader, JudgesALinkedPluginAsStrictly) {
  PluginDescriptor stale = fixture::goodDescriptor();
  stale.abi_version += 1;
  const std::array<const PluginDescriptor*, 1> linked{&stale};
  const auto runtime = loadRuntime("good:///", {.linked_plugins = linked});
  ASSERT_FALSE(runtime);
  EXPECT_THAT(runtime.error().message, HasSubstr("expected ABI version"));
}

TEST_F(Loader, PrefersTheFileThatIsAskedForToALinkedPlugin) {
  const std::array<const PluginDescriptor*, 1> linked{&fixture::goodDescriptor()};
  const auto runtime = loadRuntime(
      "good:///", {.plugin_file = place("create_fails").string(), .linked_plugins = linked});
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kUnavailable);
}

TEST_F(Loader, runtime_outlives_everything_that_loaded_it) {
  std::shared_ptr<ContainerRuntime> survivor;
  {
    std::string uri = "good:///?greeting=still+here";
    LoadOptions options{.plugin_file = place("good").string()};
    auto runtime = loadRuntime(uri, options);
    ASSERT_TRUE(runtime) << runtime.error().message;
    survivor = *runtime;
    uri.assign(uri.size(), 'x');
  }
  fs::remove_all(folder());
  EXPECT_EQ(engineVersion(*survivor), "still+here");
  EXPECT_TRUE(survivor->create({.name = "web", .image = "i"}, {}));
  EXPECT_EQ(containerCount(*survivor), 1u);
}

TEST_F(Loader, RefusesAnEndpointThatIsNone) {
  const auto runtime = loadRuntime("good", {.plugin_file = place("good").string()});
  ASSERT_FALSE(runtime);
  EXPECT_EQ(runtime.error().code, ErrorCode::kInvalidArgument);
}

TEST(DefaultPluginDirectory, IsAbsolute) {
  EXPECT_TRUE(fs::path(defaultPluginDirectory()).is_absolute());
}

}  // namespace
}  // namespace control::test
